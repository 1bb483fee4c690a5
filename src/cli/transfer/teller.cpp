#include "cli/transfer/teller.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "cli/report/numbers.hpp"

namespace settle::transfer {
namespace {

constexpr std::chrono::milliseconds between_paintings{100};
constexpr std::chrono::seconds between_lines{10};

}  // namespace

void teller::begin(const std::string& label, std::uint64_t total) {
  label_ = label;
  total_ = total;
  bar_.begin(label, total);
}

void teller::tell(std::uint64_t done, const std::string& note) {
  const auto now = clock::now();
  if (now - painted_ < between_paintings) return;
  painted_ = now;
  bar_.update(done, note);
  if (isatty(STDERR_FILENO) == 1 || now - told_ < between_lines) return;
  told_ = now;
  const double part =
      total_ == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total_) * 100;
  bar_.line(fmt::format("{}: {:.0f} %, {}", label_, part, note));
}

double teller::seconds() const {
  return std::chrono::duration<double>(clock::now() - made_).count();
}

std::string entities_text(const shop_totals& totals) {
  return fmt::format("{} orders, {} items, {} users", report::grouped(totals.entities[0]),
                     report::grouped(totals.entities[1]), report::grouped(totals.entities[2]));
}

std::string summary_text(const shop_totals& totals,
                         const std::uint16_t (&partitions)[service_count]) {
  return fmt::format("{}, {} older attempts, {} requests kept; {} + {} + {} partitions",
                     entities_text(totals), report::grouped(totals.attempts),
                     report::grouped(totals.requests), partitions[0], partitions[1], partitions[2]);
}

void log_to_standard_error() {
  auto logger = spdlog::stderr_logger_mt("settle");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace settle::transfer
