#include "cli/serve.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/url_text.hpp"
#include "cli/brokers.hpp"
#include "cli/flags.hpp"
#include "cli/serve/process.hpp"

namespace settle::cli {
namespace {

/// Of each service in a new shared system: as many as may work on it. Few, since what comes
/// together costs the brokers once.
constexpr std::uint16_t shared_partitions = 2;

/// In bytes.
std::size_t machine_memory() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct serve_flags {
  std::string data = "./data";
  std::string log_url = "embedded:";
  std::string store_url;
  std::string roles = "gateway,order,stock,payment";
  std::string prefix = "settle";
  std::string commit = "lua";
  std::string name;
  std::uint16_t partitions = 0;
  double deadline_s = 30;
  double header_timeout_s = 10;
  double idle_timeout_s = 75;
  bool no_batch_init = false;
  std::size_t cache_mib = machine_memory() / 4 >> 20;
  std::string log_level = "info";
  serve_options options;
};

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

constexpr std::uint8_t all_roles = gateway_role | (gateway_role - 1);

/// Bits as of member; nothing if one is unknown.
std::optional<std::uint8_t> parse_roles(const std::string& text) {
  std::uint8_t roles = 0;
  for (const std::string& one : CLI::detail::split(text, ',')) {
    if (one == "gateway") {
      roles |= gateway_role;
    } else if (one == "order" || one == "stock" || one == "payment") {
      for (const service s : {service::order, service::stock, service::payment}) {
        if (one == name(s)) roles |= static_cast<std::uint8_t>(1U << static_cast<unsigned>(s));
      }
    } else {
      return std::nullopt;
    }
  }
  return roles;
}

/// What is wrong with the flags, or nothing.
std::string complain(const serve_flags& given) {
  const bool embedded_log = given.log_url == "embedded:" || given.log_url == "embedded";
  if (!embedded_log && !names_broker(given.log_url)) {
    return "--log " + given.log_url + ": is neither `embedded:` nor " + std::string(broker_urls);
  }
  const std::string& store = given.store_url;
  const bool embedded_store = store.empty() || store.starts_with("embedded:");
  if (!embedded_store && !store.starts_with("redis")) {
    return "--store " + store + ": is neither `embedded:DIR` nor redis://HOST[:PORT], " +
           "redis+sentinel://HOST[:PORT],.../NAME or redis+cluster://HOST[:PORT],...";
  }
  if (embedded_log != embedded_store) {
    return std::string("the embedded log and the embedded store go with each other only: with ") +
           (embedded_log ? "a Redis --store, give a --log too (kafka://... or amqp://...)"
                         : "a broker for --log, give a --store too (redis://...)");
  }
  const auto roles = parse_roles(given.roles);
  if (!roles || *roles == 0) {
    return "--roles " + given.roles + ": must be some of gateway, order, stock, payment, with " +
           "commas between them";
  }
  if (embedded_log && *roles != all_roles) {
    return "--roles " + given.roles +
           ": the embedded log and store need all four roles in one process";
  }
  if (given.name.size() > limits::member_name ||
      given.name.find_first_of(" \t\r\n") != std::string::npos) {
    return "--name: at most " + std::to_string(limits::member_name) + " characters, and no blanks";
  }
  return {};
}

/// `host:pid`.
std::string usual_name() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  const std::string text = fmt::format("{}:{}", host, getpid());
  return text.substr(0, limits::member_name);
}

void complete(serve_flags& given) {
  serve_options& o = given.options;
  o.gateway.deadline_ms = static_cast<std::uint64_t>(given.deadline_s * 1'000);
  o.stop_timeout_s = given.deadline_s + 5;
  o.gateway.http.header_timeout = milliseconds(given.header_timeout_s);
  o.gateway.http.idle_timeout = milliseconds(given.idle_timeout_s);
  o.gateway.batch_init = !given.no_batch_init;
  o.cached_bytes = given.cache_mib << 20;
  o.gateway.version = SETTLE_VERSION;
  o.roles = *parse_roles(given.roles);
  o.name = given.name.empty() ? usual_name() : given.name;
  backend_options& where = o.backends;
  where.log_url = given.log_url;
  where.sender = o.name;
  for (std::uint16_t& count : where.embedded.partitions) count = given.partitions;
  for (std::uint16_t& count : where.redis.partitions) count = given.partitions;
  if (where.shared()) {
    where.redis.url = given.store_url;
    where.redis.prefix = given.prefix;
    where.redis.commit = given.commit == "watch" ? redis_commit::watch : redis_commit::lua;
    where.redis.new_partitions = shared_partitions;
    return;
  }
  // Nobody repeats a request without a key within one process.
  o.gateway.keyless_retention = retention::none;
  where.embedded.directory = given.store_url.empty()
                                 ? given.data
                                 : given.store_url.substr(std::string("embedded:").size());
}

/// Waits for SIGTERM or SIGINT; true if one came.
bool stop_asked(const sigset_t& signals, std::chrono::milliseconds patience) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timespec time{seconds.count(), std::chrono::nanoseconds(patience - seconds).count()};
  return sigtimedwait(&signals, nullptr, &time) > 0;
}

/// What is told at a terminal.
std::string greeting(const serve_options& o, const std::string& roles, const process& running) {
  const std::string where = o.backends.shared() ? without_password(o.backends.redis.url) + " and " +
                                                      without_password(o.backends.log_url)
                                                : "data in " + o.backends.embedded.directory;
  if (!o.has_gateway()) {
    return fmt::format("Settle {} works as {} ({}; {})", SETTLE_VERSION, roles, where,
                       running.summary());
  }
  const std::string& listen = o.gateway.listen;
  std::string host = listen.substr(0, listen.rfind(':'));
  if (host == "0.0.0.0" || host == "[::]" || host.empty()) host = "127.0.0.1";
  return fmt::format("Settle {} serves at http://{}:{} ({}; {})", SETTLE_VERSION, host,
                     running.port(), where, running.summary());
}

int run_serve(serve_flags& given) {
  if (const std::string wrong = complain(given); !wrong.empty()) return fail("serve", wrong);
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

  bool stopped = false;
  auto started = process::start(given.options, [&](std::chrono::milliseconds patience) {
    return stopped = stop_asked(stop_signals, patience);
  });
  if (stopped) return 0;
  if (!started) return fail("serve", started.error().detail);
  process& running = **started;
  fmt::print("{}\n", greeting(given.options, given.roles, running));
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
  settle serve --log kafka://k1,k2,k3 --store redis+sentinel://s1,s2,s3/shop --roles order
  SETTLE_LISTEN=0.0.0.0:80 settle serve --no-batch-init

Exit code: 0 stopped by SIGTERM or SIGINT, 2 could not start (the message says why).)";

}  // namespace

void add_serve_command(CLI::App& app, std::function<int()>& run) {
  auto given = std::make_shared<serve_flags>();
  serve_options& o = given->options;
  CLI::App* command = app.add_subcommand("serve", "Run gateway, order, stock and payment");
  command->footer(serve_footer);
  command->add_option("--listen", o.gateway.listen, "HOST:PORT to take HTTP requests at")
      ->envname("SETTLE_LISTEN")
      ->capture_default_str();
  command->add_option("--data", given->data, "Directory of the embedded store")
      ->envname("SETTLE_DATA")
      ->capture_default_str();
  command
      ->add_option("--log", given->log_url,
                   "Where messages between services go: embedded:, " + std::string(broker_urls))
      ->envname("SETTLE_LOG")
      ->capture_default_str();
  command
      ->add_option("--store", given->store_url,
                   "Where state lives: embedded:DIR (over --data), redis://HOST[:PORT][/DB], "
                   "redis+sentinel://HOST[:PORT],.../NAME, redis+cluster://HOST[:PORT],...")
      ->envname("SETTLE_STORE");
  command
      ->add_option("--commit", given->commit,
                   "How Redis commits: by a script (lua), or by WATCH, MULTI and EXEC (watch)")
      ->envname("SETTLE_COMMIT")
      ->check(CLI::IsMember({"lua", "watch"}))
      ->capture_default_str();
  command->add_option("--prefix", given->prefix, "Of all keys in Redis")
      ->envname("SETTLE_PREFIX")
      ->capture_default_str();
  command
      ->add_option("--name", given->name,
                   "Of this process, as `settle status` shows it; by default HOST:PID")
      ->envname("SETTLE_NAME");
  command
      ->add_flag("--strict-reads", o.strict,
                 "Every read is linearizable, also through another gateway and while a store is "
                 "split; costs a message each")
      ->envname("SETTLE_STRICT_READS");
  command
      ->add_option("--roles", given->roles,
                   "What this process does, with commas between; processes with Kafka and Redis "
                   "share the work")
      ->envname("SETTLE_ROLES")
      ->capture_default_str();
  command
      ->add_option("--partitions", given->partitions,
                   "Partitions of each service; fixed when the data is created. By default as "
                   "many as the data has; of new data one a thread, in Redis 2")
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
