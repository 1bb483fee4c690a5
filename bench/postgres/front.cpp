// A thin HTTP front for the shop in PostgreSQL (shop.sql), so that the same load generator drives
// both. HTTP, routes and the texts of answers are Settle's own: what differs in a measurement is
// what stands behind them. One thread. Idempotency keys and the history are not there.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <charconv>
#include <csignal>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"
#include "database.hpp"
#include "gateway/contract/answers.hpp"
#include "gateway/http_server.hpp"

namespace {

namespace asio = boost::asio;
using namespace settle;
using gateway::parsed_request;
using gateway::problem_code;
using gateway::route_id;

/// A route's statement; its parameters are the route's ids, then its numbers.
struct routed_statement {
  route_id route;
  const char* name;
  const char* text;
  std::size_t ids;
  std::size_t numbers;
  const char* then = nullptr;  ///< run afterwards, outside of the transaction
};

constexpr routed_statement routed[] = {
    {route_id::create_order, "create_order",
     "INSERT INTO orders (order_id, user_id) VALUES (gen_random_uuid()::text, $1) "
     "RETURNING order_id",
     1, 0},
    {route_id::init_orders, "init_orders", "SELECT init_orders($1, $2, $3, $4)", 0, 4,
     "vacuum_orders"},
    {route_id::find_order, "find_order",
     "SELECT user_id, paid, total_cost, item_id, quantity FROM orders LEFT JOIN order_lines "
     "USING (order_id) WHERE order_id = $1 ORDER BY line",
     1, 0},
    {route_id::add_item, "add_item", "SELECT add_item($1, $2, $3)", 2, 1},
    {route_id::checkout, "checkout", "SELECT checkout($1)", 1, 0},
    {route_id::create_item, "create_item",
     "INSERT INTO items VALUES (gen_random_uuid()::text, 0, $1) RETURNING item_id", 0, 1},
    {route_id::init_items, "init_items", "SELECT init_items($1, $2, $3)", 0, 3, "vacuum_items"},
    {route_id::find_item, "find_item", "SELECT stock, price FROM items WHERE item_id = $1", 1, 0},
    {route_id::add_stock, "add_stock", "SELECT change_stock($1, $2)", 1, 1},
    {route_id::subtract_stock, "subtract_stock", "SELECT change_stock($1, -$2::bigint)", 1, 1},
    {route_id::create_user, "create_user",
     "INSERT INTO users VALUES (gen_random_uuid()::text, 0) RETURNING user_id", 0, 0},
    {route_id::init_users, "init_users", "SELECT init_users($1, $2)", 0, 2, "vacuum_users"},
    {route_id::find_user, "find_user", "SELECT credit FROM users WHERE user_id = $1", 1, 0},
    {route_id::add_funds, "add_funds", "SELECT change_credit($1, $2)", 1, 1},
    {route_id::pay, "pay", "SELECT change_credit($1, -$2::bigint)", 1, 1},
};

std::vector<bench::prepared_statement> statements() {
  std::vector<bench::prepared_statement> all;
  for (const routed_statement& each : routed) all.push_back({each.name, each.text});
  all.push_back({"vacuum_orders", "VACUUM (ANALYZE) orders, order_lines"});
  all.push_back({"vacuum_items", "VACUUM (ANALYZE) items"});
  all.push_back({"vacuum_users", "VACUUM (ANALYZE) users"});
  return all;
}

const routed_statement* statement_of(route_id route) {
  for (const routed_statement& each : routed) {
    if (each.route == route) return &each;
  }
  return nullptr;
}

std::string_view field(const PGresult* r, int row, int column) {
  return {PQgetvalue(r, row, column), static_cast<std::size_t>(PQgetlength(r, row, column))};
}

std::int64_t number_in(const PGresult* r, int row, int column) {
  const std::string_view text = field(r, row, column);
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

entity_id id_in(const PGresult* r, int row, int column) {
  return entity_id::parse(field(r, row, column)).value_or(entity_id());
}

/// The refusals of shop.sql: `ST` and the number of an answer_code. False: something else failed.
bool read_refusal(const PGresult* r, answer& given) {
  const char* const state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
  const std::string_view text = state == nullptr ? "" : state;
  if (text.size() != 5 || text.substr(0, 2) != "ST") return false;
  int code = 0;
  std::from_chars(text.data() + 2, text.data() + text.size(), code);
  given.code = static_cast<answer_code>(code);
  const char* const about = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
  given.id = entity_id::parse(about == nullptr ? "" : about).value_or(entity_id());
  return true;
}

bool is_find(route_id route) {
  return route == route_id::find_order || route == route_id::find_item ||
         route == route_id::find_user;
}

bool is_create(route_id route) {
  return route == route_id::create_order || route == route_id::create_item ||
         route == route_id::create_user;
}

void write_found(gateway::http_response& out, const parsed_request& request, const PGresult* r) {
  if (PQntuples(r) == 0) return write_problem(out, gateway::not_found_problem(request));
  if (request.route == route_id::find_item) {
    item found;
    found.stock = quantity{number_in(r, 0, 0)};
    found.price = money{number_in(r, 0, 1)};
    return write_item(out, found);
  }
  if (request.route == route_id::find_user) {
    user found;
    found.credit = money{number_in(r, 0, 0)};
    return write_user(out, request.ids[0], found);
  }
  order found;
  found.user = id_in(r, 0, 0);
  found.paid = field(r, 0, 1) == "t";
  found.total = money{number_in(r, 0, 2)};
  for (int row = 0; row < PQntuples(r) && PQgetisnull(r, row, 3) == 0; ++row) {
    found.lines.push_back({id_in(r, row, 3), quantity{number_in(r, row, 4)}, money{0}});
  }
  write_order(out, request.ids[0], found);
}

void write_outcome(gateway::http_response& out, const parsed_request& request, const PGresult* r) {
  answer given;
  if (PQresultStatus(r) != PGRES_TUPLES_OK) {
    if (!read_refusal(r, given)) {
      spdlog::error("a statement failed: {}", PQresultErrorMessage(r));
      return write_problem(out, {problem_code::internal_error, "The database failed", {}});
    }
  } else if (is_find(request.route)) {
    return write_found(out, request, r);
  } else if (is_create(request.route)) {
    given.id = id_in(r, 0, 0);
  } else {
    given.number = number_in(r, 0, 0);
  }
  write_answer(out, request, given);
}

asio::awaitable<void> run_statement(bench::database& to, gateway::http_exchange& exchange) {
  const parsed_request& request = exchange.parsed;
  const routed_statement& chosen = *statement_of(request.route);
  std::array<std::string, 6> parameters;
  std::size_t count = 0;
  for (std::size_t i = 0; i < chosen.ids; ++i) parameters[count++] = request.ids[i].view();
  for (std::size_t i = 0; i < chosen.numbers; ++i) {
    parameters[count++] = std::to_string(request.numbers[i]);
  }
  const auto done = co_await to.run(chosen.name, {parameters.data(), count});
  if (chosen.then != nullptr) co_await to.run(chosen.then, {});
  write_outcome(exchange.response, request, done.get());
}

/// The exchange is the waiter's, and lives until it is answered.
asio::awaitable<void> answer(bench::database& to, gateway::http_exchange& exchange,
                             std::unique_ptr<gateway::http_waiter> waiter) {
  std::exception_ptr failure;
  try {
    co_await run_statement(to, exchange);
  } catch (const std::exception&) {
    failure = std::current_exception();
  }
  gateway::http_waiter& answered = *waiter;
  answered.answered(std::move(waiter), failure);
}

class sql_handler final : public gateway::http_handler {
 public:
  sql_handler(asio::io_context& context, bench::database& to) : context_(context), to_(to) {}

  std::string_view trusted_header() const noexcept override { return {}; }

  bool answer_now(gateway::http_exchange& exchange) override {
    const gateway::http_request& request = exchange.request;
    if (const auto refused = parse_request(request.method, request.target, exchange.parsed)) {
      write_problem(exchange.response, *refused);
      return true;
    }
    if (statement_of(exchange.parsed.route) != nullptr) return false;
    if (exchange.parsed.route == route_id::livez || exchange.parsed.route == route_id::readyz) {
      exchange.response.body = "ok";
    } else {
      write_problem(exchange.response,
                    {problem_code::not_found, "This front has no such page", {}});
    }
    return true;
  }

  bool answer_later(gateway::http_exchange& exchange,
                    std::unique_ptr<gateway::http_waiter>& waiter) override {
    asio::co_spawn(context_, answer(to_, exchange, std::move(waiter)), asio::detached);
    return false;
  }

  void refuse(gateway::http_exchange& exchange, const gateway::problem& why) override {
    write_problem(exchange.response, why);
  }

 private:
  asio::io_context& context_;
  bench::database& to_;
};

int serve(const std::string& address, const std::string& where, std::size_t connections) {
  asio::io_context context(1);
  bench::database to(context, where, connections, statements());
  asio::io_context* const contexts[] = {&context};
  const std::shared_ptr<gateway::http_handler> handlers[] = {
      std::make_shared<sql_handler>(context, to)};
  gateway::http_server server(contexts, handlers, {}, std::make_shared<gateway::http_counters>());
  if (const auto bound = server.listen(address); !bound) {
    throw std::runtime_error(bound.error().detail);
  }
  asio::signal_set signals(context, SIGINT, SIGTERM);
  signals.async_wait([&](const auto&, int) { server.stop([&context] { context.stop(); }); });
  server.start();
  spdlog::info("serving {} with {} connections to the database", address, connections);
  context.run();
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("HTTP in front of the shop in PostgreSQL");
  std::string address;
  std::string where;
  std::size_t connections = 64;
  app.add_option("--listen", address, "HOST:PORT to take HTTP requests at")->required();
  app.add_option("--database", where, "libpq connection string")->required();
  app.add_option("--connections", connections, "to the database")->check(CLI::Range(1, 1000));
  CLI11_PARSE(app, count, arguments);
  try {
    return serve(address, where, connections);
  } catch (const std::exception& failure) {
    spdlog::error("could not start: {}", failure.what());
    return 2;
  }
}
