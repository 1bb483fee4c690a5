#include "cli/serve/process.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/embedded/clock.hpp"
#include "base/random_id.hpp"
#include "engine/engine.hpp"
#include "gateway/gateway.hpp"
#include "gateway/reply_matcher.hpp"

namespace settle::cli {
namespace {

void append_engine_metrics(std::string& out, const engine& from) {
  const shard::statistics now = from.count();
  append_metric(out, "settle_engine_rounds_total", "counter", "Rounds handed to the store.",
                now.rounds);
  append_metric(out, "settle_engine_messages_total", "counter", "Messages applied.", now.messages);
  append_metric(out, "settle_engine_failed_rounds_total", "counter",
                "Rounds that the store did not commit.", now.failed_rounds);
  append_metric(out, "settle_engine_open_operations", "gauge", "Sagas and price queries under way.",
                now.open_operations);
  append_metric(out, "settle_engine_cached_values", "gauge", "Values in memory.",
                now.cached_values);
  append_metric(out, "settle_engine_cached_bytes", "gauge", "Memory of these values.",
                now.cached_bytes);
  append_metric(out, "settle_engine_halted_partitions", "gauge",
                "Partitions that an operator must look at.", now.halted);
}

/// The system's share of the work (sockets, disk) and the database's take about as much.
std::size_t usual_threads() {
  return std::max<std::size_t>(1, (1 + std::thread::hardware_concurrency()) / 2);
}

}  // namespace

struct process::parts {
  serve_options options;
  machine_clock clock;
  backends where;
  std::unique_ptr<engine> services;
  std::vector<std::unique_ptr<gateway::reply_matcher>> matchers;
  std::unique_ptr<gateway::gateway> front;
  bool started = false;
  bool stopped = false;

  result<void> open_gateway();
};

process::process() : parts_(std::make_unique<parts>()) {}

process::~process() {
  stop();
}

result<std::unique_ptr<process>> process::start(const serve_options& options,
                                                const stop_wait& wait) {
  std::unique_ptr<process> self(new process);
  parts& p = *self->parts_;
  p.options = options;
  if (p.options.threads == 0) p.options.threads = usual_threads();
  p.options.backends.embedded.new_partitions = static_cast<std::uint16_t>(p.options.threads);
  auto opened = open_backends(p.options.backends, wait);
  if (!opened) return opened.error();
  p.where = std::move(*opened);

  engine::options each;
  each.threads = p.options.threads;
  each.cached_bytes = p.options.cached_bytes;
  each.self = {random_token(), options.roles, options.name};
  each.members = p.where.members;
  p.services = std::make_unique<engine>(*p.where.data, *p.where.messages, p.clock, each);
  if (options.has_gateway()) {
    if (auto bound = p.open_gateway(); !bound) return bound.error();
  }
  p.services->start();
  if (p.front) p.front->start();
  p.started = true;
  return self;
}

result<void> process::parts::open_gateway() {
  std::vector<gateway::gateway_thread> threads;
  for (boost::asio::io_context* context : services->contexts()) {
    gateway::reply_matcher::options each;
    each.gateway = random_token();
    each.pending = options.gateway.pending_requests;
    each.strict = options.strict;
    each.logical_time_ms = [&all = *services](partition_id id) { return all.logical_time_ms(id); };
    each.ready = [&all = *services] { return all.ready(); };
    matchers.push_back(std::make_unique<gateway::reply_matcher>(
        *context, *where.data, *where.messages, clock, std::move(each)));
    threads.push_back({context, matchers.back().get()});
  }
  options.gateway.more_metrics = [this](std::string& out) {
    append_engine_metrics(out, *services);
    where.metrics(out);
  };
  front = std::make_unique<gateway::gateway>(options.gateway, threads);
  return front->listen();
}

std::uint16_t process::port() const {
  return parts_->front->port();
}

std::string process::summary() const {
  const system_description& system = parts_->where.data->describe();
  return fmt::format("{} + {} + {} partitions, {} thread{}", system.partitions[0],
                     system.partitions[1], system.partitions[2], parts_->options.threads,
                     parts_->options.threads == 1 ? "" : "s");
}

bool process::stop() {
  parts& p = *parts_;
  if (std::exchange(p.stopped, true)) return true;
  bool finished = true;
  if (p.started && p.front) {
    auto done = std::make_shared<std::promise<void>>();
    p.front->stop([done] { done->set_value(); });
    const auto patience = std::chrono::duration<double>(p.options.stop_timeout_s);
    finished = done->get_future().wait_for(patience) == std::future_status::ready;
  }
  if (p.services) p.services->stop();
  // What log and store still hold they hand to readers that are there.
  p.where.retention.reset();
  p.where.messages.reset();
  p.where.data.reset();
  p.front.reset();
  p.matchers.clear();
  p.services.reset();
  return finished;
}

}  // namespace settle::cli
