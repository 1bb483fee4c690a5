#include "cli/bench/page.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>

namespace settle::bench {
namespace {

namespace json = boost::json;

// What the script reads without asking whether it is there.
constexpr const char* needed[] = {
    "rate_per_s", "latency_us", "load",       "series",      "answers",        "errors",
    "url",        "request",    "measured_s", "connections", "distribution_us"};

result<json::object> parse(const recorded_run& run) {
  boost::system::error_code failure;
  json::value parsed = json::parse(run.json, failure);
  if (failure || !parsed.is_object()) {
    return error{errc::invalid, fmt::format("{} is not JSON of settle bench", run.file)};
  }
  json::object& object = parsed.as_object();
  for (const char* key : needed) {
    if (object.contains(key)) continue;
    return error{errc::invalid,
                 fmt::format("{} was not written by this version of settle bench checkout --json: "
                             "it has no {}",
                             run.file, key)};
  }
  return std::move(object);
}

std::string label_of(const recorded_run& run, const json::object& parsed) {
  if (!run.label.empty()) return run.label;
  const json::value* own = parsed.if_contains("label");
  if (own != nullptr && own->is_string() && !own->as_string().empty()) {
    return std::string(own->as_string());
  }
  return std::filesystem::path(run.file).stem().string();
}

/// Inside a script element only `<` can end it.
std::string for_script(const json::value& value) {
  std::string text;
  for (char c : json::serialize(value)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

void put(std::string& page, std::string_view mark, std::string_view text) {
  const std::size_t at = page.find(mark);
  if (at != std::string::npos) page.replace(at, mark.size(), text);
}

}  // namespace

result<std::string> report_page(std::span<const recorded_run> runs) {
  json::array all;
  for (const recorded_run& run : runs) {
    auto parsed = parse(run);
    if (!parsed) return parsed.error();
    (*parsed)["label"] = label_of(run, *parsed);
    all.push_back(std::move(*parsed));
  }
  std::string page(page_html);
  put(page, "/*STYLE*/", page_style);
  put(page, "/*SCRIPT*/", page_script);
  // Last: what comes from outside is not searched for marks.
  put(page, "/*RUNS*/", for_script(all));
  return page;
}

}  // namespace settle::bench
