// What is going on, on standard error: one line that is repainted on a terminal, otherwise nothing
// but the plain lines. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace settle::report {

class progress {
 public:
  progress();
  ~progress() { clear(); }
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Starts a bar. `total` in the unit that update() counts; 0: unknown.
  void begin(std::string label, std::uint64_t total);
  /// `note` stands at the end of the line, e.g. the rate.
  void update(std::uint64_t done, std::string_view note);
  /// Like above, with the rate since begin() as the note.
  void update(std::uint64_t done);
  /// A line that stays.
  void line(std::string_view text);

 private:
  void clear();

  bool terminal_;
  bool painted_ = false;
  std::string label_;
  std::uint64_t total_ = 0;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace settle::report
