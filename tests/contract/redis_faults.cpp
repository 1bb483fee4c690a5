#include "redis_faults.hpp"

#include <spdlog/sinks/base_sink.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

namespace settle::contract {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

control::control() : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
  const char* const path = std::getenv("SETTLE_TEST_CONTROL");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || std::strlen(path) >= sizeof address.sun_path) {
    throw std::runtime_error("start it with tests/servers/run.py");
  }
  std::strcpy(address.sun_path, path);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("nobody listens at SETTLE_TEST_CONTROL");
  }
}

control::~control() {
  ::close(socket_);
}

std::string control::operator()(const std::string& line) {
  const std::string sent = line + "\n";
  if (::send(socket_, sent.data(), sent.size(), 0) != static_cast<ssize_t>(sent.size())) {
    throw std::runtime_error("the control does not take " + line);
  }
  std::string told;
  while (!told.ends_with('\n')) {
    char bytes[4096];
    const ssize_t received = ::recv(socket_, bytes, sizeof bytes, 0);
    if (received <= 0) throw std::runtime_error("the control is gone");
    told.append(bytes, static_cast<std::size_t>(received));
  }
  told.pop_back();
  if (!told.starts_with("ok")) throw std::runtime_error(line + ": " + told);
  return told.size() > 3 ? told.substr(3) : "";
}

class captured_log::lines final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::size_t count(const std::string& words) {
    const std::lock_guard guard(mutex_);
    return static_cast<std::size_t>(std::ranges::count_if(
        kept_, [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    kept_.emplace_back(line.payload.data(), line.payload.size());
  }
  void flush_() override {}

  std::vector<std::string> kept_;
};

captured_log::captured_log()
    : lines_(std::make_shared<lines>()), former_(spdlog::default_logger()) {
  auto logger = std::make_shared<spdlog::logger>("captured", lines_);
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

captured_log::~captured_log() {
  spdlog::set_default_logger(std::move(former_));
}

std::size_t captured_log::count(const std::string& words) const {
  return lines_->count(words);
}

owner_thread::owner_thread(store& s, partition_id partition)
    : store_(s), partition_(partition), thread_([this] { run(); }) {}

void owner_thread::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void owner_thread::await(std::uint64_t more) {
  const std::uint64_t wanted = committed_ + more;
  const auto until = steady_clock::now() + std::chrono::seconds(20);
  while (committed_ < wanted) {
    ASSERT_LT(steady_clock::now(), until) << "no commit gets through";
    std::this_thread::sleep_for(milliseconds(1));
  }
}

void owner_thread::run() {
  look();
  auto before = steady_clock::now();
  while (!stopping_) {
    const std::uint64_t count = committed_;
    commit(at_.watermark.value + 1);
    const auto now = steady_clock::now();
    if (committed_ == count) continue;
    longest_pause = std::max(longest_pause, std::chrono::duration_cast<milliseconds>(now - before));
    before = now;
  }
}

void owner_thread::commit(std::uint64_t to) {
  test_round round;
  round.commits.emplace_back();
  commit_batch& batch = round.commits[0].batch;
  batch.partition = partition_;
  batch.expected = at_;
  batch.next = {offset{to}, to * 7, 1};
  batch.put("n", std::to_string(to));
  batch.put("k" + std::to_string(to % 50), std::to_string(to));
  batch.erase("k" + std::to_string((to + 25) % 50));
  store_.commit(round);
  round.wait();
  if (round.outcome() == commit_outcome::committed) {
    at_ = batch.next;
    last = to;
    ++committed_;
  } else {
    ++failures;
    look();
  }
}

/// Until it is known.
void owner_thread::look() {
  for (;;) {
    test_read request;
    request.partition = partition_;
    request.keys = {"n"};
    store_.read(request);
    request.wait();
    if (request.status) {
      const std::uint64_t found = request.position.watermark.value;
      EXPECT_EQ(request.values[0],
                found == 0 ? stored_value() : stored_value(std::to_string(found)));
      if (found < last) lost = std::max(lost, last - found);
      at_ = request.position;
      last = found;
      return;
    }
    EXPECT_EQ(request.status.error().code, errc::unavailable) << request.status.error().detail;
    if (stopping_) return;
    std::this_thread::sleep_for(milliseconds(1));
  }
}

commit_batch redis_faults::batch(std::uint64_t from, std::uint64_t to,
                                 const std::map<std::string, std::string>& puts,
                                 const std::vector<std::string>& erased) {
  commit_batch made;
  made.partition = stock_0;
  made.expected.watermark = offset{from};
  made.next.watermark = offset{to};
  for (const auto& [k, value] : puts) made.put(k, value);
  for (const auto& k : erased) made.erase(k);
  return made;
}

commit_outcome redis_faults::commit(store& s, commit_batch b) {
  test_round round;
  round.commits.push_back({std::move(b)});
  s.commit(round);
  round.wait();
  return round.outcome();
}

redis_faults::answer redis_faults::read(store& s, const std::vector<std::string>& keys) {
  test_read request;
  request.partition = stock_0;
  request.keys = keys;
  s.read(request);
  request.wait();
  return {request.status, request.position.watermark.value, request.values};
}

std::unique_ptr<test_scan> redis_faults::scan(scannable_store& s, const std::string& cursor) {
  auto request = std::make_unique<test_scan>();
  request->partition = stock_0;
  request->about = 100;
  request->cursor = cursor;
  s.scan(*request);
  request->wait();
  return request;
}

std::unique_ptr<test_roll_call> redis_faults::call_roll(redis_store& s, bool member) {
  auto request = std::make_unique<test_roll_call>();
  request->asking = !member;
  request->self.id = member ? 5 : 0;
  if (member) request->wanted = {stock_0};
  s.call(*request);
  request->wait();
  return request;
}

void redis_faults::eventually(const char* what, const std::function<bool()>& holds) {
  const auto until = steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    ASSERT_LT(steady_clock::now(), until) << what;
    std::this_thread::sleep_for(milliseconds(5));
  }
}

}  // namespace settle::contract
