#include "cli/bench/page.hpp"

#include <gtest/gtest.h>

namespace settle::bench {
namespace {

/// As `settle bench checkout` writes it, with this label.
recorded_run run(const std::string& file, const std::string& own_label = "",
                 const std::string& label = "") {
  return {.file = file,
          .label = label,
          .json = R"({"label": ")" + own_label + R"(", "url": "http://127.0.0.1:1", "request": "r",
      "connections": 1, "measured_s": 1.0, "started_at_s": 1, "rate_per_s": 4321.5,
      "load": {"mode": "connections"}, "workload": null, "generator_cores": 0.5,
      "latency_us": {"p50": 77.25}, "answers": {"200": 5}, "errors": {},
      "series": [{"t_s": 0, "seconds": 1, "rate_per_s": 4321.5, "p50_us": 1, "p99_us": 2,
                  "max_us": 3, "refused": 0, "errors": 0}],
      "distribution_us": [[0, 1], [1, 3]]})"};
}

std::string page_of(const std::vector<recorded_run>& runs) {
  auto page = report_page(runs);
  EXPECT_TRUE(page);
  return page ? *page : std::string();
}

std::size_t count(const std::string& text, std::string_view what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

TEST(report_page, page_has_its_parts_and_the_figures_of_each_run) {
  const std::string page = page_of({run("a"), run("b")});
  EXPECT_EQ(count(page, "<!doctype html>"), 1U);
  EXPECT_EQ(count(page, "4.3215E3"), 4U);  // rate and series of two runs
  EXPECT_NE(page.find("distribution_us"), page.npos);
  EXPECT_NE(page.find("function drawn("), page.npos);
  EXPECT_NE(page.find("prefers-color-scheme: dark"), page.npos);
  for (const char* mark : {"/*STYLE*/", "/*SCRIPT*/", "/*RUNS*/"}) {
    EXPECT_EQ(page.find(mark), page.npos) << mark;
  }
}

TEST(report_page, page_loads_nothing_from_elsewhere) {
  const std::string page = page_of({run("a")});
  for (const char* loader : {" src=", "<link", "@import", "url(", "fetch(", "import "}) {
    EXPECT_EQ(page.find(loader), page.npos) << loader;
  }
}

TEST(report_page, label_is_the_given_one_or_the_recorded_one_or_the_file) {
  const std::string page =
      page_of({run("file-a", "own-a", "given-a"), run("file-b", "own-b"), run("in/file-c.json")});
  for (const char* there : {R"("label":"given-a")", R"("label":"own-b")", R"("label":"file-c")"}) {
    EXPECT_NE(page.find(there), page.npos) << there;
  }
  for (const char* gone : {"own-a", "file-a", "file-b"}) {
    EXPECT_EQ(page.find(gone), page.npos) << gone;
  }
}

TEST(report_page, label_cannot_end_the_script_or_become_a_mark) {
  const std::string evil = "</script><img onerror=alert(1)><!-- /*SCRIPT*/ \" & ' `";
  const std::string plain = page_of({run("a")});
  const std::string page = page_of({run("a", "", evil)});
  EXPECT_EQ(count(page, "</script"), count(plain, "</script"));
  EXPECT_EQ(page.find("<img"), page.npos);
  EXPECT_EQ(count(page, "<!--"), count(plain, "<!--"));
  EXPECT_EQ(count(page, "function drawn("), 1U);
  EXPECT_NE(page.find("\\u003c/script>"), page.npos);
}

TEST(report_page, what_is_no_run_is_refused_with_its_name) {
  for (const char* text : {"", "nonsense", "[]", "{}", R"({"rate_per_s": 1})"}) {
    const recorded_run wrong{.file = "wrong.json", .label = {}, .json = text};
    const auto page = report_page({&wrong, 1});
    ASSERT_FALSE(page) << text;
    EXPECT_NE(page.error().detail.find("wrong.json"), std::string::npos);
  }
}

}  // namespace
}  // namespace settle::bench
