#include "gateway/routes.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <chrono>

#include "base/check.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/open_operations.hpp"
#include "gateway/batch_init.hpp"
#include "gateway/contract/trace_parent.hpp"

namespace settle::gateway {

namespace asio = boost::asio;

namespace {

constexpr std::string_view index_head = "Settle ";
constexpr std::string_view index_body =
    ": orders, stock and payment with an atomic checkout\n\n"
    "/openapi.json  the HTTP contract (OpenAPI 3.1)\n"
    "/metrics       metrics (Prometheus)\n"
    "/readyz        whether requests can be served\n"
    "/livez         whether the process runs\n";

constexpr int newest_tries = 3;  // of reading an order and its running attempt as of one moment

std::uint64_t now_ns() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count());
}

bool is_batch_init(route_id route) {
  return route == route_id::init_orders || route == route_id::init_items ||
         route == route_id::init_users;
}

/// Sets what is sent, and to whom.
void fill_command(message& out, const parsed_request& r, const request_id& request,
                  const dispatcher& to) {
  const entity_id& id = r.ids[0];
  const std::int64_t n = r.numbers[0];
  const auto address = [&](service target, const entity_id& entity) {
    out.destination = partition_of(target, entity, to.partition_count(target));
  };
  out.request = request;
  switch (r.route) {
    case route_id::create_order:
      out.body.emplace<body::create_order>(id);
      return address(service::order, request.to_entity_id());
    case route_id::add_item:
      out.body.emplace<body::add_item>(id, r.ids[1], quantity{n});
      return address(service::order, id);
    case route_id::checkout:
      out.body.emplace<body::checkout>(id);
      return address(service::order, id);
    case route_id::create_item:
      out.body.emplace<body::create_item>(money{n});
      return address(service::stock, request.to_entity_id());
    case route_id::add_stock:
      out.body.emplace<body::add_stock>(id, quantity{n});
      return address(service::stock, id);
    case route_id::subtract_stock:
      out.body.emplace<body::subtract_stock>(id, quantity{n});
      return address(service::stock, id);
    case route_id::create_user:
      out.body.emplace<body::create_user>();
      return address(service::payment, request.to_entity_id());
    case route_id::add_funds:
      out.body.emplace<body::add_funds>(id, money{n});
      return address(service::payment, id);
    case route_id::pay:
      out.body.emplace<body::pay>(id, money{n});
      return address(service::payment, id);
    case route_id::init_orders:
    case route_id::init_items:
    case route_id::init_users:
    case route_id::find_order:
    case route_id::order_history:
    case route_id::find_item:
    case route_id::find_user:
    case route_id::livez:
    case route_id::readyz:
    case route_id::orders_health:
    case route_id::stock_health:
    case route_id::payment_health:
    case route_id::metrics:
    case route_id::openapi:
    case route_id::index:
    case route_id::none:
      break;
  }
  CHECK(false, "the route is not one command");
}

/// Nothing if the client did not say, or not in a way that can be read.
trace_context trace_of(const http_request& request) {
  if (request.traceparent.empty()) return {};
  return parse_traceparent(request.traceparent).value_or(trace_context{});
}

service service_of_find(route_id route) {
  if (route == route_id::find_item) return service::stock;
  if (route == route_id::find_user) return service::payment;
  return service::order;
}

/// What a failed read means for the client; the operator finds the rest in the log. Of a store that
/// is away the log would have a line for every request: that is what metrics are for.
problem read_problem(partition_id partition, const error& failure) {
  if (failure.code == errc::corrupt || failure.code == errc::incompatible) {
    spdlog::error("reading {} failed: {}: {}", partition.text(), name(failure.code),
                  failure.detail);
    return {
        problem_code::corrupt_data, "The stored data cannot be read; an operator must look", {}};
  }
  return {problem_code::unavailable, "The data cannot be read right now; try again", {}};
}

problem corrupt_problem(partition_id partition, std::string_view what) {
  spdlog::error("the value of {} in {} cannot be decoded", what, partition.text());
  return {problem_code::corrupt_data, "The stored data cannot be read; an operator must look", {}};
}

/// False if the bytes are not what the route finds.
bool write_found(http_response& out, const parsed_request& request, std::string_view bytes) {
  if (request.route == route_id::find_item) {
    const auto found = decode_item(bytes);
    if (found) write_item(out, *found);
    return found.has_value();
  }
  if (request.route == route_id::find_user) {
    const auto found = decode_user(bytes);
    if (found) write_user(out, request.ids[0], *found);
    return found.has_value();
  }
  const auto found = decode_order(bytes);
  if (found) write_order(out, request.ids[0], *found);
  return found.has_value();
}

/// What was found, or that nothing was.
void write_read(http_exchange& exchange, partition_id partition,
                std::optional<std::string_view> value) {
  const parsed_request& request = exchange.parsed;
  if (!value) {
    write_problem(exchange.response, not_found_problem(request));
  } else if (!write_found(exchange.response, request, *value)) {
    write_problem(exchange.response, corrupt_problem(partition, request.ids[0].view()));
  }
}

/// Where a find looks.
partition_id partition_of_find(const parsed_request& request, const dispatcher& to) {
  const service from = service_of_find(request.route);
  return partition_of(from, request.ids[0], to.partition_count(from));
}

}  // namespace

/// A command under way: what its answer is needed for. Used again for another command then.
class request_handler::running_command final : public command_waiter {
 public:
  explicit running_command(request_handler& handler) : handler_(handler) {}

  void begin(http_exchange& exchange, std::unique_ptr<http_waiter> client) noexcept {
    exchange_ = &exchange;
    client_ = std::move(client);
  }

  void on_answer(const answer& given) override {
    std::unique_ptr<running_command> self(this);
    std::unique_ptr<http_waiter> client = std::move(client_);
    request_handler& handler = handler_;
    http_exchange& exchange = *exchange_;
    std::exception_ptr failure;
    try {
      write_answer(exchange.response, exchange.parsed, given);
      handler.spare_.push_back(std::move(self));
    } catch (...) {
      failure = std::current_exception();
    }
    handler.end(exchange, std::move(client), std::move(failure));
  }

  void on_dropped() noexcept override {
    // The last connection may take the handler with it.
    const std::unique_ptr<running_command> self(this);
    client_.reset();
  }

 private:
  request_handler& handler_;
  http_exchange* exchange_ = nullptr;
  std::unique_ptr<http_waiter> client_;
};

request_handler::request_handler(std::shared_ptr<handler_context> shared, std::size_t lane,
                                 const gateway_thread& thread)
    : shared_(std::move(shared)),
      metrics_(*shared_->lanes[lane]),
      context_(*thread.context),
      to_(*thread.to),
      most_pending_(
          std::max<std::size_t>(shared_->options.pending_requests / shared_->lanes.size(), 1)) {}

request_handler::~request_handler() = default;

std::string_view request_handler::trusted_header() const noexcept {
  return shared_->options.trusted_header;
}

void request_handler::count(const http_exchange& exchange) noexcept {
  const std::uint64_t since = exchange.received_ns == 0 ? 0 : now_ns() - exchange.received_ns;
  metrics_.count(exchange.parsed.route, exchange.response.status, since);
}

void request_handler::refuse(http_exchange& exchange, const problem& why) {
  exchange.parsed.route = route_id::none;
  exchange.received_ns = 0;
  write_problem(exchange.response, why);
  count(exchange);
}

bool request_handler::answer_now(http_exchange& exchange) {
  exchange.received_ns = now_ns();
  const http_request& request = exchange.request;
  if (const auto refused = parse_request(request.method, request.target, exchange.parsed)) {
    write_problem(exchange.response, *refused);
  } else if (!answer_alone(exchange)) {
    return false;
  }
  count(exchange);
  return true;
}

/// Answers what needs no partition, or cannot be given to one.
bool request_handler::answer_alone(http_exchange& exchange) {
  http_response& out = exchange.response;
  const route_id route = exchange.parsed.route;
  switch (route) {
    case route_id::livez:
      out.body = "ok";
      return true;
    case route_id::readyz:
    case route_id::orders_health:
    case route_id::stock_health:
    case route_id::payment_health:
      answer_ready(out);
      return true;
    case route_id::metrics:
      out.content_type = media::prometheus;
      append_metrics(out.body, shared_->lanes, shared_->http);
      if (shared_->options.more_metrics) shared_->options.more_metrics(out.body);
      return true;
    case route_id::openapi:
      out.content_type = media::json;
      out.body = shared_->openapi;
      return true;
    case route_id::index:
      out.body.append(index_head).append(shared_->options.version).append(index_body);
      return true;
    default:
      break;
  }
  if (is_batch_init(route) && !shared_->options.batch_init) {
    write_problem(out, {problem_code::batch_init_disabled, "This gateway has no batch_init", {}});
    return true;
  }
  if (metrics_.pending.value() < most_pending_) return false;
  write_problem(out, {problem_code::overloaded,
                      "Too many requests are under way; nothing was changed; try again",
                      {}});
  return true;
}

void request_handler::answer_ready(http_response& response) const {
  if (shared_->stopping.load(std::memory_order_relaxed)) {
    return write_problem(response, {problem_code::not_ready, "The service is stopping", {}});
  }
  const result<void> ready = to_.ready();
  if (!ready) return write_problem(response, {problem_code::not_ready, ready.error().detail, {}});
  response.body = "ready";
}

/// False: the request was refused.
bool request_handler::name_request(http_exchange& exchange, request_name& name) {
  const http_request& request = exchange.request;
  if (request.idempotency_keys > 0) {
    if (request.idempotency_keys > 1 || !parse_idempotency_key(request.idempotency_key, key_)) {
      write_problem(exchange.response,
                    {problem_code::invalid_key,
                     "Idempotency-Key must be one string of 1 to 255 visible ASCII characters in "
                     "double quotes",
                     {}});
      return false;
    }
    name = {hasher_.of_client_key(exchange.parsed, key_), retention::client_key};
  } else if (request.trusted_ids == 1 && valid_trusted_id(request.trusted_id)) {
    name = {hasher_.of_trusted_id(exchange.parsed, request.trusted_id), retention::two_minutes};
  } else {
    name = {to_.new_request_id(), shared_->options.keyless_retention};
  }
  return true;
}

/// A request that waited has its response, or none because of `failure`.
void request_handler::end(const http_exchange& exchange, std::unique_ptr<http_waiter> waiter,
                          std::exception_ptr failure) {
  metrics_.pending.subtract(1);
  if (!failure) count(exchange);
  http_waiter& client = *waiter;
  client.answered(std::move(waiter), std::move(failure));
}

bool request_handler::answer_later(http_exchange& exchange, std::unique_ptr<http_waiter>& waiter) {
  switch (exchange.parsed.route) {
    case route_id::find_order:
    case route_id::find_item:
    case route_id::find_user:
      if (find_now(exchange)) return true;
      break;
    case route_id::order_history:
    case route_id::init_orders:
    case route_id::init_items:
    case route_id::init_users:
      break;
    default:
      return answer_command(exchange, waiter);
  }
  metrics_.pending.add(1);
  asio::co_spawn(context_, answer_slowly(exchange),
                 [this, &exchange, client = std::move(waiter)](std::exception_ptr failure) mutable {
                   end(exchange, std::move(client), std::move(failure));
                 });
  return false;
}

bool request_handler::answer_command(http_exchange& exchange,
                                     std::unique_ptr<http_waiter>& waiter) {
  request_name name;
  if (!name_request(exchange, name)) {
    count(exchange);
    return true;
  }
  message command;
  fill_command(command, exchange.parsed, name.id, to_);
  command.retention = name.keep;
  command.trace = trace_of(exchange.request);
  std::unique_ptr<running_command> running = take_running();
  const auto given = to_.command(std::move(command), shared_->options.deadline_ms, *running);
  if (given) {
    spare_.push_back(std::move(running));
    write_answer(exchange.response, exchange.parsed, *given);
    count(exchange);
    return true;
  }
  metrics_.pending.add(1);
  running.release()->begin(exchange, std::move(waiter));
  return false;
}

std::unique_ptr<request_handler::running_command> request_handler::take_running() {
  if (spare_.empty()) return std::make_unique<running_command>(*this);
  auto taken = std::move(spare_.back());
  spare_.pop_back();
  return taken;
}

asio::awaitable<void> request_handler::answer_slowly(http_exchange& exchange) {
  switch (exchange.parsed.route) {
    case route_id::order_history:
      co_return co_await answer_history(exchange);
    case route_id::init_orders:
    case route_id::init_items:
    case route_id::init_users:
      co_return co_await answer_batch_init(exchange);
    default:
      co_return co_await answer_find(exchange);
  }
}

asio::awaitable<void> request_handler::answer_batch_init(http_exchange& exchange) {
  request_name name;
  if (!name_request(exchange, name)) co_return;
  const trace_context trace = trace_of(exchange.request);
  const answer given = co_await run_batch_init(to_, exchange.parsed, name.id, name.keep, trace);
  write_answer(exchange.response, exchange.parsed, given);
}

asio::awaitable<std::optional<problem>> request_handler::read_one(partition_id partition,
                                                                  std::string key,
                                                                  stored_value& value) {
  std::vector<std::string> keys;
  keys.push_back(std::move(key));
  read_answer got = co_await to_.read(partition, std::move(keys));
  if (!got.status) co_return read_problem(partition, got.status.error());
  CHECK(got.values.size() == 1, "a read answers as many values as it was asked for");
  value = std::move(got.values.front());
  co_return std::nullopt;
}

/// True: what the find wants is in memory, and the exchange has its response.
bool request_handler::find_now(http_exchange& exchange) {
  const parsed_request& request = exchange.parsed;
  const partition_id partition = partition_of_find(request, to_);
  const std::string key = checkpoint_key::entity(request.ids[0]);
  const read_state state = to_.read_now(partition, key, value_);
  if (state == read_state::miss) return false;
  if (state == read_state::present) {
    write_read(exchange, partition, value_);
  } else {
    write_read(exchange, partition, std::nullopt);
  }
  count(exchange);
  return true;
}

asio::awaitable<void> request_handler::answer_find(http_exchange& exchange) {
  const parsed_request& request = exchange.parsed;
  const partition_id partition = partition_of_find(request, to_);
  stored_value value;
  const auto failed = co_await read_one(partition, checkpoint_key::entity(request.ids[0]), value);
  if (failed) co_return write_problem(exchange.response, *failed);
  write_read(exchange, partition, value);
}

/// The attempts that the order itself tells of: the running one and the newest finished one.
asio::awaitable<std::optional<problem>> request_handler::read_newest(const parsed_request& request,
                                                                     partition_id partition,
                                                                     std::vector<attempt>& found) {
  // A saga may end between the two reads; its order then holds the attempt.
  for (int tries = 1;; ++tries) {
    stored_value value;
    auto failed = co_await read_one(partition, checkpoint_key::entity(request.ids[0]), value);
    if (failed) co_return failed;
    if (!value) co_return not_found_problem(request);
    const auto shown = decode_order(*value);
    if (!shown) co_return corrupt_problem(partition, request.ids[0].view());
    if (shown->running) {
      failed = co_await read_one(partition, checkpoint_key::operation(shown->running->slot), value);
      if (failed) co_return failed;
      const auto open = decode_operation(value ? std::string_view(*value) : std::string_view());
      const auto* running = open ? std::get_if<saga>(&*open) : nullptr;
      if (running != nullptr && running->operation == *shown->running) {
        found.push_back(running->attempt);
      } else if (tries < newest_tries) {
        continue;
      } else {
        // Its steps are not to be had; that there is one, the order says.
        attempt& hidden = found.emplace_back();
        hidden.number = shown->running->number;
        if (shown->last_attempt) hidden.previous = shown->last_attempt->number;
      }
    }
    if (shown->last_attempt) found.push_back(*shown->last_attempt);
    co_return std::nullopt;
  }
}

asio::awaitable<void> request_handler::answer_history(http_exchange& exchange) {
  const entity_id& id = exchange.parsed.ids[0];
  const partition_id partition =
      partition_of(service::order, id, to_.partition_count(service::order));
  std::vector<attempt> newest_first;
  auto failed = co_await read_newest(exchange.parsed, partition, newest_first);
  std::uint64_t next = newest_first.empty() ? 0 : newest_first.back().previous;
  stored_value value;
  while (!failed && next != 0 && newest_first.size() < limits::history_attempts) {
    failed = co_await read_one(partition, checkpoint_key::attempt(next), value);
    if (failed) break;
    byte_reader in(value ? std::string_view(*value) : std::string_view());
    attempt older = decode_attempt(in);
    // Numbers only fall on the way back; anything else is a circle or another order's attempt.
    if (!in.done() || older.number != next || older.previous >= next) {
      failed = corrupt_problem(partition, "attempt " + std::to_string(next));
      break;
    }
    next = older.previous;
    newest_first.push_back(std::move(older));
  }
  if (failed) {
    write_problem(exchange.response, *failed);
  } else {
    write_history(exchange.response, id, newest_first, next != 0);
  }
}

}  // namespace settle::gateway
