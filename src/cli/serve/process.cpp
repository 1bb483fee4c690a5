#include "cli/serve/process.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

#include "adapters/embedded/clock.hpp"
#include "adapters/embedded/log.hpp"
#include "engine/engine.hpp"
#include "gateway/gateway.hpp"
#include "gateway/reply_matcher.hpp"

namespace settle::cli {
namespace {

std::uint64_t random_token() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32 | entropy()) | 1;  // never 0, which means nobody
}

void append_metric(std::string& out, std::string_view name, std::string_view kind,
                   std::string_view help, std::uint64_t value) {
  fmt::format_to(std::back_inserter(out), "# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, kind,
                 help, value);
}

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

}  // namespace

struct process::parts {
  serve_options options;
  machine_clock clock;
  std::unique_ptr<store> data;
  embedded_log log;
  std::unique_ptr<engine> services;
  std::vector<std::unique_ptr<gateway::reply_matcher>> matchers;
  std::unique_ptr<gateway::gateway> front;
  bool started = false;
  bool stopped = false;
};

process::process() : parts_(std::make_unique<parts>()) {}

process::~process() {
  stop();
}

result<std::unique_ptr<process>> process::start(const serve_options& options) {
  std::unique_ptr<process> self(new process);
  parts& p = *self->parts_;
  p.options = options;
  // The system's share of the work (sockets, disk) and the database's take about as much.
  if (p.options.threads == 0) p.options.threads = (1 + std::thread::hardware_concurrency()) / 2;
  p.options.threads = std::max<std::size_t>(1, p.options.threads);
  p.options.store.new_partitions = static_cast<std::uint16_t>(p.options.threads);
  auto opened = open_embedded_store(p.options.store);
  if (!opened) return opened.error();
  p.data = std::move(*opened);
  p.services = std::make_unique<engine>(
      *p.data, p.log, p.clock,
      engine::options{p.options.threads, p.options.cached_bytes, random_token()});
  std::vector<gateway::gateway_thread> threads;
  for (boost::asio::io_context* context : p.services->contexts()) {
    gateway::reply_matcher::options each;
    each.gateway = random_token();
    each.pending = p.options.gateway.pending_requests;
    each.logical_time_ms = [&services = *p.services](partition_id id) {
      return services.logical_time_ms(id);
    };
    each.ready = [&services = *p.services] { return services.ready(); };
    p.matchers.push_back(std::make_unique<gateway::reply_matcher>(*context, *p.data, p.log, p.clock,
                                                                  std::move(each)));
    threads.push_back({context, p.matchers.back().get()});
  }
  p.options.gateway.more_metrics = [&services = *p.services](std::string& out) {
    append_engine_metrics(out, services);
  };
  p.front = std::make_unique<gateway::gateway>(p.options.gateway, threads);
  if (auto bound = p.front->listen(); !bound) return bound.error();
  p.services->start();
  p.front->start();
  p.started = true;
  return self;
}

std::uint16_t process::port() const {
  return parts_->front->port();
}

std::string process::summary() const {
  const system_description& system = parts_->data->describe();
  return fmt::format("{} + {} + {} partitions, {} thread{}", system.partitions[0],
                     system.partitions[1], system.partitions[2], parts_->options.threads,
                     parts_->options.threads == 1 ? "" : "s");
}

bool process::stop() {
  parts& p = *parts_;
  if (std::exchange(p.stopped, true)) return true;
  bool finished = true;
  if (p.started) {
    auto done = std::make_shared<std::promise<void>>();
    p.front->stop([done] { done->set_value(); });
    const auto patience = std::chrono::duration<double>(p.options.stop_timeout_s);
    finished = done->get_future().wait_for(patience) == std::future_status::ready;
  }
  if (p.services) p.services->stop();
  p.front.reset();
  p.matchers.clear();
  p.services.reset();
  p.data.reset();
  return finished;
}

}  // namespace settle::cli
