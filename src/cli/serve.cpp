#include "cli/serve.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "cli/serve/process.hpp"

namespace settle::cli {
namespace {

constexpr int not_possible = 2;

/// In bytes.
std::size_t machine_memory() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct flags {
  std::string data = "./data";
  std::string log_url = "embedded:";
  std::string store_url;
  std::string roles = "gateway,order,stock,payment";
  std::uint16_t partitions = 0;
  double deadline_s = 30;
  double header_timeout_s = 10;
  double idle_timeout_s = 75;
  bool no_batch_init = false;
  std::size_t cache_mib = machine_memory() / 4 >> 20;
  std::string log_level = "info";
  serve_options options;
};

int fail(const std::string& why) {
  fmt::print(stderr, "settle serve: {}\n", why);
  return not_possible;
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1'000));
}

/// Log lines are `time level key=value ...`, on standard error; what is meant for people at a
/// terminal goes to standard output.
void set_up_logs(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("settle");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

/// Every connection is a file; the soft limit is often 1,024.
void allow_many_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

/// What is wrong with the flags, or nothing.
std::string complain(const flags& given) {
  if (given.log_url != "embedded:" && given.log_url != "embedded") {
    return "--log " + given.log_url + ": this version knows `embedded:` only";
  }
  if (!given.store_url.empty() && !given.store_url.starts_with("embedded:")) {
    return "--store " + given.store_url + ": this version knows `embedded:DIR` only";
  }
  for (const std::string& role : CLI::detail::split(given.roles, ',')) {
    if (role != "gateway" && role != "order" && role != "stock" && role != "payment") {
      return "--roles " + given.roles + ": `" + role +
             "` is not one of gateway, order, stock, payment";
    }
  }
  for (const char* role : {"gateway", "order", "stock", "payment"}) {
    if (("," + given.roles + ",").find("," + std::string(role) + ",") == std::string::npos) {
      return "--roles " + given.roles + ": the embedded log and store need all four roles in one " +
             "process; `" + role + "` is missing";
    }
  }
  return {};
}

void complete(flags& given) {
  serve_options& o = given.options;
  o.gateway.deadline_ms = static_cast<std::uint64_t>(given.deadline_s * 1'000);
  o.stop_timeout_s = given.deadline_s + 5;
  o.gateway.http.header_timeout = milliseconds(given.header_timeout_s);
  o.gateway.http.idle_timeout = milliseconds(given.idle_timeout_s);
  o.gateway.batch_init = !given.no_batch_init;
  o.cached_bytes = given.cache_mib << 20;
  o.gateway.version = SETTLE_VERSION;
  // Nobody repeats a request without a key within one process.
  o.gateway.keyless_retention = retention::none;
  o.store.directory = given.store_url.empty()
                          ? given.data
                          : given.store_url.substr(std::string("embedded:").size());
  for (std::uint16_t& count : o.store.partitions) count = given.partitions;
}

int run_serve(flags& given) {
  if (const std::string wrong = complain(given); !wrong.empty()) return fail(wrong);
  complete(given);
  set_up_logs(given.log_level);
  allow_many_files();
  // Blocked before any thread starts, so that only the wait below takes them.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  auto started = process::start(given.options);
  if (!started) return fail(started.error().detail);
  process& running = **started;
  const std::string& listen = given.options.gateway.listen;
  std::string host = listen.substr(0, listen.rfind(':'));
  if (host == "0.0.0.0" || host == "[::]" || host.empty()) host = "127.0.0.1";
  fmt::print("Settle {} serves at http://{}:{} (data in {}; {})\n", SETTLE_VERSION, host,
             running.port(), given.options.store.directory, running.summary());
  std::fflush(stdout);

  int received = 0;
  sigwait(&stop_signals, &received);
  spdlog::info("event=stopping signal={} hint=\"once more ends at once\"", strsignal(received));
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  const bool finished = running.stop();
  spdlog::info("event=stopped requests_finished={}", finished);
  return 0;
}

constexpr const char* serve_footer = R"(
Every flag has an environment variable: --listen is SETTLE_LISTEN, --no-batch-init is
SETTLE_NO_BATCH_INIT; a flag wins over the variable.

Examples:
  settle serve
  settle serve --listen 127.0.0.1:9000 --data /var/lib/settle
  SETTLE_LISTEN=0.0.0.0:80 settle serve --no-batch-init

Exit code: 0 stopped by SIGTERM or SIGINT, 2 could not start (the message says why).)";

}  // namespace

void add_serve_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<flags>();
  serve_options& o = given->options;
  CLI::App* command = app.add_subcommand("serve", "Run gateway, order, stock and payment");
  command->footer(serve_footer);
  command->add_option("--listen", o.gateway.listen, "HOST:PORT to take HTTP requests at")
      ->envname("SETTLE_LISTEN")
      ->capture_default_str();
  command->add_option("--data", given->data, "Directory of the embedded store")
      ->envname("SETTLE_DATA")
      ->capture_default_str();
  command->add_option("--log", given->log_url, "Where messages between services go: embedded:")
      ->envname("SETTLE_LOG")
      ->capture_default_str();
  command->add_option("--store", given->store_url, "Where state lives: embedded:DIR (over --data)")
      ->envname("SETTLE_STORE");
  command->add_option("--roles", given->roles, "What this process does")
      ->envname("SETTLE_ROLES")
      ->capture_default_str();
  command
      ->add_option("--partitions", given->partitions,
                   "Partitions of each service; fixed when the data is created. By default as "
                   "many as the data has, in a new directory one a thread")
      ->envname("SETTLE_PARTITIONS")
      ->check(CLI::Range(std::uint16_t{1}, limits::partitions));
  command->add_option("--threads", o.threads, "Engine threads; 0: one for two cores")
      ->envname("SETTLE_THREADS")
      ->check(CLI::Range(0, 256))
      ->capture_default_str();
  command
      ->add_option("--deadline", given->deadline_s,
                   "Seconds until an outcome that is not known is answered 503")
      ->envname("SETTLE_DEADLINE")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
  command
      ->add_option("--header-timeout", given->header_timeout_s,
                   "Seconds for a client to send a whole request header")
      ->envname("SETTLE_HEADER_TIMEOUT")
      ->check(CLI::Range(0.1, 3'600.0))
      ->capture_default_str();
  command
      ->add_option("--idle-timeout", given->idle_timeout_s,
                   "Seconds that a connection may rest between two requests")
      ->envname("SETTLE_IDLE_TIMEOUT")
      ->check(CLI::Range(0.1, 86'400.0))
      ->capture_default_str();
  command
      ->add_option("--max-connections", o.gateway.http.max_connections,
                   "More connections are refused with 503")
      ->envname("SETTLE_MAX_CONNECTIONS")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--max-pending", o.gateway.pending_requests,
                   "More requests under way are refused with 429")
      ->envname("SETTLE_MAX_PENDING")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  command
      ->add_option("--cache-mib", given->cache_mib,
                   "Memory for orders, items and users in use, MiB; the default is a quarter of "
                   "the machine's")
      ->envname("SETTLE_CACHE_MIB")
      ->check(CLI::Range(std::size_t{16}, std::size_t{1} << 24))
      ->capture_default_str();
  command->add_flag("--no-batch-init", given->no_batch_init, "Refuse the batch_init routes (403)")
      ->envname("SETTLE_NO_BATCH_INIT");
  command
      ->add_option("--trust-request-id", o.gateway.trusted_header,
                   "Header in which a load balancer of yours names each request, so that it may "
                   "repeat it; clients must not be able to set it")
      ->envname("SETTLE_TRUST_REQUEST_ID");
  command->add_option("--log-level", given->log_level, "trace, debug, info, warning, error, off")
      ->envname("SETTLE_LOG_LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  command->final_callback([given, &run] { run = [given] { return run_serve(*given); }; });
}

}  // namespace settle::cli
