// What export and import tell a human: a bar on a terminal, otherwise a line now and then, and a
// summary at the end.
//
// Concurrency: one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "cli/report/progress.hpp"
#include "cli/transfer/shop_file.hpp"

namespace settle::transfer {

class teller {
 public:
  /// `total` in the unit of tell(); 0: not known.
  void begin(const std::string& label, std::uint64_t total);
  void tell(std::uint64_t done, const std::string& note);
  /// Since it was made.
  double seconds() const;

 private:
  using clock = std::chrono::steady_clock;

  report::progress bar_;
  std::string label_;
  std::uint64_t total_ = 0;
  clock::time_point made_ = clock::now();
  clock::time_point painted_{};
  clock::time_point told_ = clock::now();
};

/// `1,000 orders, 10 items, 10 users`.
std::string entities_text(const shop_totals& totals);
/// The same, with all that there is, and `4 + 4 + 4 partitions`.
std::string summary_text(const shop_totals& totals,
                         const std::uint16_t (&partitions)[service_count]);

/// Logs are for standard error, and only what goes wrong.
void log_to_standard_error();

}  // namespace settle::transfer
