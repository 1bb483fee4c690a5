#include "cli/report/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cli/report/numbers.hpp"

namespace settle::report {
namespace {

constexpr std::size_t bar_width = 24;

bool can_repaint() {
  const char* kind = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

}  // namespace

progress::progress() : terminal_(can_repaint()) {}

void progress::begin(std::string label, std::uint64_t total) {
  label_ = std::move(label);
  total_ = total;
  began_ = std::chrono::steady_clock::now();
  update(0, "");
}

void progress::update(std::uint64_t done) {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began_;
  const double rate = static_cast<double>(done) / std::max(passed.count(), 0.001);
  update(done, fmt::format("{}/s", grouped(static_cast<std::uint64_t>(rate))));
}

void progress::update(std::uint64_t done, std::string_view note) {
  if (!terminal_) return;
  const double part =
      total_ == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
  const auto full = static_cast<std::size_t>(part * bar_width);
  const std::string bar = std::string(full, '#') + std::string(bar_width - full, '.');
  fmt::print(stderr, "\r\x1b[K[{}] {:3.0f}% {}  {}", bar, part * 100, label_, note);
  std::fflush(stderr);
  painted_ = true;
}

void progress::line(std::string_view text) {
  clear();
  fmt::print(stderr, "{}\n", text);
}

void progress::clear() {
  if (painted_) fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  painted_ = false;
}

}  // namespace settle::report
