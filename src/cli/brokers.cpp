#include "cli/brokers.hpp"

#include <utility>

#include "adapters/kafka/log.hpp"
#include "adapters/kafka/looking.hpp"
#include "adapters/rabbitmq/log.hpp"
#include "adapters/rabbitmq/looking.hpp"

namespace settle::cli {
namespace {

bool is_kafka(std::string_view url) {
  return url.starts_with("kafka://");
}

bool is_rabbitmq(std::string_view url) {
  return url.starts_with("amqp://") || url.starts_with("amqps://");
}

error unknown(const std::string& url) {
  return {errc::invalid, "--log " + url + ": is not " + std::string(broker_urls)};
}

/// To the type that its callers know.
template <class Log>
result<std::unique_ptr<broker_log>> as_log(result<std::unique_ptr<Log>> opened) {
  if (!opened) return opened.error();
  return std::unique_ptr<broker_log>(std::move(*opened));
}

}  // namespace

bool names_broker(std::string_view url) {
  return is_kafka(url) || is_rabbitmq(url);
}

result<std::unique_ptr<broker_log>> open_broker_log(const broker_options& options) {
  if (is_kafka(options.url)) return as_log(kafka_log::open(options));
  if (is_rabbitmq(options.url)) return as_log(rabbitmq_log::open(options));
  return unknown(options.url);
}

result<log_extents> measure_log(const broker_options& options) {
  if (is_kafka(options.url)) return measure_kafka_log(options);
  if (is_rabbitmq(options.url)) return measure_rabbitmq_log(options);
  return unknown(options.url);
}

result<std::unique_ptr<log_excerpts>> open_excerpts(const std::string& url) {
  if (is_kafka(url)) return open_kafka_excerpts(url);
  if (is_rabbitmq(url)) return open_rabbitmq_excerpts(url);
  return unknown(url);
}

result<std::map<partition_id, std::uint64_t>> times_behind(
    const std::string& url, const std::map<partition_id, offset>& watermarks) {
  if (is_rabbitmq(url)) return settle::times_behind(url, watermarks);
  return unknown(url);
}

}  // namespace settle::cli
