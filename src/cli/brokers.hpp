// The log behind a broker, whichever it is: chosen by its URL.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "adapters/broker/excerpt.hpp"
#include "adapters/broker/log.hpp"

namespace settle::cli {

/// For help texts.
inline constexpr std::string_view broker_urls = "kafka://HOST[:PORT],... or amqp://HOST[:PORT],...";

/// Whether there is an adapter for such a URL.
bool names_broker(std::string_view url);

// Errors: invalid if !names_broker(url), and those of the adapters (adapters/*/log.hpp,
// looking.hpp).
result<std::unique_ptr<broker_log>> open_broker_log(const broker_options& options);
result<log_extents> measure_log(const broker_options& options);
result<std::unique_ptr<log_excerpts>> open_excerpts(const std::string& url);
/// When the oldest record behind each of these offsets was appended, where there is one. Only of
/// logs that forget by age.
result<std::map<partition_id, std::uint64_t>> times_behind(
    const std::string& url, const std::map<partition_id, offset>& watermarks);

}  // namespace settle::cli
