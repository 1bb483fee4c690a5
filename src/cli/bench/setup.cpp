#include "cli/bench/setup.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <vector>

#include "cli/http/client.hpp"
#include "cli/http/fan_out.hpp"
#include "cli/report/numbers.hpp"

namespace settle::bench {
namespace {

using clock = http::clock;

// batch_init may take its time where rows are written one by one.
constexpr auto batch_init_timeout = std::chrono::minutes(30);
constexpr auto request_timeout = std::chrono::minutes(1);
constexpr std::uint64_t order_connections = 64;
constexpr int longest_retry_after_s = 10;
// Enough of everything for every order, and still within 32 bits for shops that use them.
constexpr std::uint64_t price = 1;
constexpr std::uint64_t plenty = 1'000'000'000;

std::vector<std::string> batch_inits(const shop_rows& rows) {
  std::vector<std::string> paths;
  paths.push_back(fmt::format("/stock/batch_init/{}/{}/{}", rows.items, plenty, price));
  // The same ids again: overwritten.
  if (rows.sold_out > 0) {
    paths.push_back(fmt::format("/stock/batch_init/{}/0/{}", rows.sold_out, price));
  }
  paths.push_back(fmt::format("/payment/batch_init/{}/{}", rows.users, plenty));
  if (rows.penniless > 0) {
    paths.push_back(fmt::format("/payment/batch_init/{}/0", rows.penniless));
  }
  if (rows.orders_by_batch_init) {
    paths.push_back(fmt::format("/orders/batch_init/{}/{}/{}/{}", rows.orders, rows.ordered_items,
                                rows.users, price));
  }
  return paths;
}

/// An answer may be a page.
std::string first_line(const std::string& body) {
  return body.substr(0, std::min<std::size_t>(body.find_first_of("\r\n"), 300));
}

error refused(const std::string& path, const http::answer& answer) {
  std::string advice;
  if (answer.outcome != http::fate::answered) {
    advice = "Is the shop still running? Its log should say more.";
  } else if (answer.status == 403 || answer.status == 404 || answer.status == 405 ||
             answer.status == 501) {
    advice =
        "This shop does not offer batch_init. Fill it some other way with orders, items and users "
        "0, 1, 2, ..., and run again with --no-setup --orders N; or use --path to GET one path.";
  } else {
    advice =
        "If the rows are too many for this shop, use fewer: --orders, --items, --user-rows. If it "
        "cannot do batch_init at all, fill it some other way and use --no-setup.";
  }
  const bool answered = answer.outcome == http::fate::answered;
  return {errc::unavailable,
          fmt::format("setup: POST {} {}: {}\n{}", path,
                      answered ? fmt::format("answered {}", answer.status) : "failed",
                      answered ? first_line(answer.body) : answer.failure, advice)};
}

result<void> run_batch_inits(const http::url& target, const shop_rows& rows,
                             report::progress& progress) {
  auto client = http::client::open(target, 1, batch_init_timeout);
  if (!client) return client.error();
  http::fan_out send(*client, target, {}, 0);
  const std::vector<std::string> paths = batch_inits(rows);
  progress.begin("setup", paths.size());
  std::uint64_t done = 0;
  for (const std::string& path : paths) {
    const http::request request{.path = path, .idempotency_key = {}, .repeatable = true};
    const clock::time_point began = clock::now();
    const auto show = [&](std::size_t) {
      const auto waited = std::chrono::floor<std::chrono::seconds>(clock::now() - began);
      progress.update(done, fmt::format("POST {}  {} s", path, waited.count()));
    };
    const http::answer answer = send.run({&request, 1}, show).front();
    if (answer.status != 200) return refused(path, answer);
    progress.update(++done, "");
  }
  return {};
}

/// `{"order_id": id}`, the id a string or a number; empty if it is not that, or no id of the
/// contract.
std::string order_id_in(std::string_view body) {
  boost::system::error_code failure;
  const boost::json::value parsed = boost::json::parse(body, failure);
  const auto* object = failure ? nullptr : parsed.if_object();
  const auto* id = object == nullptr ? nullptr : object->if_contains("order_id");
  if (id == nullptr) return {};
  if (const auto* text = id->if_string()) {
    return text->find_first_of("/?# \r\n") == text->npos ? std::string(*text) : std::string();
  }
  return id->is_int64() || id->is_uint64() ? boost::json::serialize(*id) : std::string();
}

/// Each connection makes one order after the other: create, then a request for each line. Stops at
/// the first answer that is neither a success nor a refusal for overload, which has no effect.
class order_maker final : public http::traffic {
 public:
  order_maker(const http::url& target, order_source& source, std::uint64_t orders,
              report::progress& progress)
      : target_(target), source_(source), orders_(orders), progress_(progress) {}

  http::turn next(std::size_t connection, clock::time_point now, std::string& text) override {
    if (connection >= slots_.size()) slots_.resize(connection + 1);
    slot& mine = slots_[connection];
    if (!failure_.empty()) return http::turn::finished();
    if (now < mine.rest_until) return http::turn::wait(mine.rest_until);
    if (!mine.busy) {
      if (begun_ == orders_) return http::turn::finished();
      const order_lines& order = source_.make(begun_++);
      mine = {.busy = true, .user = order.user, .id = {}, .left = order.items, .rest_until = {}};
    }
    text = http::request_text(target_, "POST", path_of(mine));
    return http::turn::send();
  }

  void done(std::size_t connection, const http::reply& reply) override {
    slot& mine = slots_[connection];
    if (reply.status == 429) {
      const int pause_s = std::min(reply.retry_after_s.value_or(1), longest_retry_after_s);
      mine.rest_until = reply.done + std::chrono::seconds(pause_s);
    } else if (reply.status != 200) {
      fail(path_of(mine), reply.status == 0 ? std::string(reply.failure)
                                            : fmt::format("{} {}", reply.status,
                                                          first_line(std::string(reply.body))));
    } else if (mine.id.empty()) {
      mine.id = order_id_in(reply.body);
      if (mine.id.empty())
        fail(path_of(mine), fmt::format("no order_id in {}", first_line(std::string(reply.body))));
    } else {
      mine.left.pop_back();
    }
    if (!mine.id.empty() && mine.left.empty()) {
      ids_.add(mine.id);
      mine = {};
    }
  }

  void tick(clock::time_point) override { progress_.update(ids_.size()); }

  result<order_ids> take() {
    if (!failure_.empty()) return error{errc::unavailable, failure_};
    return std::move(ids_);
  }

 private:
  struct slot {
    bool busy = false;
    std::uint64_t user = 0;
    std::string id;  ///< empty until the order is created
    std::vector<std::uint64_t> left;
    clock::time_point rest_until;
  };

  static std::string path_of(const slot& mine) {
    if (mine.id.empty()) return fmt::format("/orders/create/{}", mine.user);
    return fmt::format("/orders/addItem/{}/{}/1", mine.id, mine.left.back());
  }

  void fail(const std::string& path, const std::string& why) {
    if (!failure_.empty()) return;
    failure_ = fmt::format(
        "setup: POST {} failed: {}\nThis workload needs orders that are made one by one. Without "
        "--zipf, --items-per-order and a --failing share, batch_init makes them.",
        path, why);
  }

  const http::url& target_;
  order_source& source_;
  const std::uint64_t orders_;
  report::progress& progress_;
  std::vector<slot> slots_;
  std::uint64_t begun_ = 0;
  order_ids ids_;
  std::string failure_;
};

}  // namespace

result<order_ids> fill_shop(const http::url& target, const workload& wanted, const shop_rows& rows,
                            std::uint64_t seed, report::progress& progress) {
  if (auto done = run_batch_inits(target, rows, progress); !done) return done.error();
  if (rows.orders_by_batch_init) return order_ids::numbered(rows.orders);
  auto client =
      http::client::open(target, std::min(order_connections, rows.orders), request_timeout);
  if (!client) return client.error();
  order_source source(wanted, rows, seed);
  order_maker maker(target, source, rows.orders, progress);
  progress.begin("setup: orders one by one", rows.orders);
  client->run(maker);
  return maker.take();
}

}  // namespace settle::bench
