#include "cli/report/numbers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace settle::report {

std::uint64_t rounded(double value) {
  return static_cast<std::uint64_t>(std::llround(std::max(0.0, value)));
}

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3;) text.insert(at -= 3, 1, ',');
  return text;
}

std::string grouped(std::int64_t n) {
  if (n >= 0) return grouped(static_cast<std::uint64_t>(n));
  return "-" + grouped(std::uint64_t{0} - static_cast<std::uint64_t>(n));
}

std::string duration(std::uint64_t ns) {
  const char* const units[] = {"ns", "us", "ms", "s"};
  auto value = static_cast<double>(ns);
  std::size_t unit = 0;
  while (unit < 3 && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  const int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f} {}", value, decimals, units[unit]);
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      if (i == 0) {
        text += fmt::format("{:<{}}", rows[r][i], widths[i]);
      } else {
        text += fmt::format("  {:>{}}", rows[r][i], widths[i]);
      }
    }
    while (text.ends_with(' ')) text.pop_back();
    text += '\n';
    if (r > 0) continue;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      text += (i == 0 ? "" : "  ") + std::string(widths[i], '-');
    }
    text += '\n';
  }
  return text;
}

result<void> write_file(const std::string& path, std::string_view text) {
  const bool standard = path == "-";
  std::FILE* file = standard ? stdout : std::fopen(path.c_str(), "w");
  bool written = file != nullptr && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) written = (standard ? std::fflush(file) : std::fclose(file)) == 0 && written;
  if (written) return {};
  return error{errc::unavailable, fmt::format("cannot write {}: {}", path, std::strerror(errno))};
}

result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file && text << file.rdbuf()) return text.str();
  return error{errc::unavailable, fmt::format("cannot read {}: {}", path, std::strerror(errno))};
}

}  // namespace settle::report
