#include "gateway/batch_init.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>

#include "base/check.hpp"

namespace settle::gateway {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::uint64_t parts_in_flight = 4;
constexpr std::chrono::milliseconds overload_pause{20};
constexpr std::chrono::seconds progress_interval{1};

service service_of(route_id route) {
  if (route == route_id::init_orders) return service::order;
  if (route == route_id::init_items) return service::stock;
  CHECK(route == route_id::init_users, "not a batch_init");
  return service::payment;
}

/// What the workers of one batch_init share; each holds it, so it outlives a gateway that stops.
struct batch_run {
  batch_run(dispatcher& partitions, const parsed_request& asked, const batch_plan& parts,
            request_id id, retention kept, trace_context context, asio::any_io_executor executor)
      : to(partitions),
        request(asked),
        plan(parts),
        base(id),
        keep(kept),
        trace(context),
        finished(executor, asio::steady_timer::time_point::max()) {}

  dispatcher& to;
  const parsed_request request;
  const batch_plan plan;
  const request_id base;
  const retention keep;
  const trace_context trace;
  asio::steady_timer finished;  ///< never expires; cancelled by the last worker
  std::uint64_t next = 0, done = 0, workers = 0;
  answer worst;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told = started;
};

message_body body_of(const batch_run& run, const batch_part& part) {
  const auto& n = run.request.numbers;
  const auto count = [&](std::size_t i) { return static_cast<std::uint64_t>(n[i]); };
  switch (part.destination.service) {
    case service::order:
      return body::init_orders{part.first, part.last, count(1), count(2), run.base.part(~0ULL).low,
                               money{n[3]}};
    case service::stock:
      return body::init_items{part.first, part.last, quantity{n[1]}, money{n[2]}};
    case service::payment:
      return body::init_users{part.first, part.last, money{n[1]}};
  }
  CHECK(false, "no such service");
}

message command_of(const batch_run& run, const batch_part& part) {
  message command;
  command.destination = part.destination;
  command.request = part.request;
  command.retention = run.keep;
  command.trace = run.trace;
  command.body = body_of(run, part);
  return command;
}

void tell_progress(batch_run& run, bool at_end) {
  const auto now = std::chrono::steady_clock::now();
  const bool told_before = run.told != run.started;
  if (at_end ? !told_before : now - run.told < progress_interval) return;
  run.told = now;
  const double seconds = std::chrono::duration<double>(now - run.started).count();
  const auto rows = static_cast<double>(run.request.numbers[0]);
  const double share = static_cast<double>(run.done) / static_cast<double>(run.plan.size());
  spdlog::info("batch_init {}: {:.0f} of {:.0f} rows, {:.0f} %, {:.0f} rows/s",
               name(service_of(run.request.route)), share * rows, rows, share * 100,
               share * rows / std::max(seconds, 1e-3));
}

asio::awaitable<void> work(std::shared_ptr<batch_run> run) {
  while (run->next < run->plan.size() && run->worst.code == answer_code::ok) {
    const batch_part part = run->plan.part(run->next++);
    answer given;
    for (;;) {
      given = co_await answer_of(run->to, command_of(*run, part), 0);
      // Other parts may have had effect already, so "nothing was changed" cannot be said.
      if (given.code != answer_code::overloaded) break;
      asio::steady_timer pause(co_await asio::this_coro::executor, overload_pause);
      error_code ignored;
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    run->worst = worse(run->worst, given);
    ++run->done;
    tell_progress(*run, false);
  }
}

}  // namespace

std::uint64_t batch_plan::size() const noexcept {
  return (rows_ + stride() - 1) / stride() * partitions_;
}

batch_part batch_plan::part(std::uint64_t index) const noexcept {
  const std::uint64_t first = index / partitions_ * stride();
  return {{service_, static_cast<std::uint16_t>(index % partitions_)},
          base_.part(index),
          first,
          std::min(first + stride(), rows_)};
}

answer worse(const answer& a, const answer& b) noexcept {
  const auto rank = [](answer_code code) {
    switch (code) {
      case answer_code::ok:
        return 0;
      case answer_code::partition_halted:
        return 4;  // waiting does not help: an operator must know
      case answer_code::storage_full:
        return 3;
      case answer_code::outcome_unknown:
      case answer_code::too_late:
        return 2;
      default:
        return 1;
    }
  };
  return rank(b.code) > rank(a.code) ? b : a;
}

asio::awaitable<answer> run_batch_init(dispatcher& to, const parsed_request& request,
                                       request_id base, retention keep, trace_context trace) {
  const service target = service_of(request.route);
  const std::uint16_t partitions = to.partition_count(target);
  const batch_plan plan(target, partitions, static_cast<std::uint64_t>(request.numbers[0]), base);
  if (plan.size() == 0) co_return answer{};
  const auto executor = co_await asio::this_coro::executor;
  auto run = std::make_shared<batch_run>(to, request, plan, base, keep, trace, executor);
  run->workers = std::min<std::uint64_t>(plan.size(), parts_in_flight * partitions);
  for (std::uint64_t i = run->workers; i > 0; --i) {
    asio::co_spawn(executor, work(run), [run](const std::exception_ptr& failed) {
      if (failed) run->worst = worse(run->worst, {answer_code::outcome_unknown, 0, {}});
      if (--run->workers == 0) run->finished.cancel();
    });
  }
  error_code ignored;
  while (run->workers > 0) {
    co_await run->finished.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  if (run->worst.code == answer_code::ok) tell_progress(*run, true);
  // A part that was not served changed nothing, but others did.
  if (run->worst.code == answer_code::unavailable && run->done > 1) {
    run->worst.code = answer_code::outcome_unknown;
  }
  co_return run->worst;
}

}  // namespace settle::gateway
