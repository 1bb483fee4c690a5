// Numbers, durations and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace settle::report {

/// To the nearest; below 0 it is 0.
std::uint64_t rounded(double value);

/// 1234567 -> 1,234,567
std::string grouped(std::uint64_t n);
std::string grouped(std::int64_t n);
/// Three significant digits with a unit: 873 us, 1.24 ms, 12.0 s.
std::string duration(std::uint64_t ns);

/// Columns aligned by their widest cell: the first to the left, the others to the right. The first
/// row is the heading.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// Replaces the file; `-` is standard output. Fails with errc::unavailable and a sentence.
result<void> write_file(const std::string& path, std::string_view text);

/// Fails with errc::unavailable and a sentence.
result<std::string> read_file(const std::string& path);

}  // namespace settle::report
