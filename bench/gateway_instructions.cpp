// The gateway's work for a checkout, without sockets and threads: parse the bytes of a request,
// route it, send the command, match the reply, write the answer's bytes. The work is the same in
// every run, so that its instructions can be counted, compared and held to a limit:
//
//   ninja -C build/release gateway_instructions
//   cd build/release/bench
//   valgrind --tool=callgrind --toggle-collect='*run_requests*' ./gateway_instructions
//
// `Collected` divided by the requests that it prints is the cost of one. Request ids are random,
// which moves the result by less than one in a thousand.
// `gateway_instructions livez` does the same for GET /livez.
#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.hpp"
#include "gateway/echo_shop.hpp"
#include "gateway/http_format.hpp"
#include "gateway/http_reader.hpp"
#include "gateway/routes.hpp"

namespace {

using namespace settle;
using namespace settle::gateway;

constexpr std::size_t connections = 64;
constexpr std::size_t turns = 200;
constexpr std::string_view date = "Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n";

/// What a connection is, but for the socket. Never freed by who answers.
class connection final : public http_waiter {
 public:
  connection(http_handler& handler, std::string request)
      : handler_(handler), bytes_(std::move(request)) {}

  void receive() {
    reader_.begin(handler_.trusted_header());
    exchange_.response.reset();
    const auto room = reader_.room();
    CHECK(room.size() >= bytes_.size(), "the buffer has room for the request");
    std::memcpy(room.data(), bytes_.data(), bytes_.size());
    reader_.received(bytes_.size());
    CHECK(reader_.parse() == http_reader::progress::complete, "the request is whole");
    std::unique_ptr<http_waiter> self(this);
    if (handler_.answer_now(exchange_) || handler_.answer_later(exchange_, self)) {
      write();
      self.release();
    }
  }

  void answered(std::unique_ptr<http_waiter> self, std::exception_ptr) override {
    self.release();
    write();
  }

  std::size_t answers = 0;

 private:
  void write() {
    CHECK(exchange_.response.status == 200, "the request succeeds");
    out_.clear();
    append_response(out_, exchange_.response, date, persistence::keep, true);
    reader_.finish();
    ++answers;
  }

  http_handler& handler_;
  const std::string bytes_;
  http_exchange exchange_;
  http_reader reader_{exchange_.request};
  std::string out_;
};

struct load {
  explicit load(std::string_view method_and_path) {
    for (std::size_t i = 0; i < connections; ++i) {
      clients.push_back(std::make_unique<connection>(
          handler, fmt::format("{}{} HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: bench\r\n"
                               "Accept: */*\r\nContent-Length: 0\r\n\r\n",
                               method_and_path,
                               method_and_path.back() == '/' ? std::to_string(100'000 + i)
                                                             : std::string())));
    }
  }

  /// Every connection asks, then every one is answered.
  void turn() {
    for (auto& client : clients) client->receive();
    shop.context.restart();
    shop.context.poll();
  }

  static std::shared_ptr<handler_context> one_lane() {
    auto made = std::make_shared<handler_context>();
    made->lanes.push_back(std::make_unique<lane_metrics>());
    return made;
  }

  echo_shop shop;
  const gateway_thread thread{&shop.context, &shop.matcher};
  request_handler handler{one_lane(), 0, thread};
  std::vector<std::unique_ptr<connection>> clients;
};

[[gnu::noinline]] void run_requests(load& of) {
  for (std::size_t i = 0; i < turns; ++i) of.turn();
}

}  // namespace

int main(int count, char** arguments) {
  const bool livez = count > 1 && std::string_view(arguments[1]) == "livez";
  load of(livez ? "GET /livez" : "POST /orders/checkout/");
  of.turn();  // warm
  run_requests(of);
  std::size_t answers = 0;
  for (const auto& client : of.clients) answers += client->answers;
  CHECK(answers == connections * (turns + 1), "every request was answered");
  fmt::print("requests: {}\n", connections * turns);
}
