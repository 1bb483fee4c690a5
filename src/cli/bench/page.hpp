// The report of one or more runs: one HTML page that loads nothing from elsewhere. Its parts are
// the files in page/, put into the program when it is built.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace settle::bench {

constexpr std::size_t most_runs_of_a_page = 8;  // as many colours can be told apart

/// What `settle bench checkout --json` wrote.
struct recorded_run {
  std::string file;   ///< its name stands for a label where there is none
  std::string label;  ///< goes before the one that was recorded; may be empty
  std::string json;
};

/// REQUIRES: 1 to most_runs_of_a_page runs. Fails with errc::invalid and a sentence if one of them
/// is not what such a file holds.
result<std::string> report_page(std::span<const recorded_run> runs);

// The parts of the page; see CMakeLists.txt.
extern const std::string_view page_html;
extern const std::string_view page_style;
extern const std::string_view page_script;

}  // namespace settle::bench
