// Compares what a shop answered with what it shows afterwards. Pure: the same ledger, the same
// findings; no clock, no network.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/verify/ledger.hpp"

namespace settle::verify {

/// One thing that is not as it must be.
struct difference {
  std::string check;    ///< the row of the table that it belongs to
  std::string subject;  ///< e.g. `item 3f2…`
  std::string expected;
  std::string found;
};

/// One quantity of the closing table. Outcomes that are unknown make `expected` a range.
struct row {
  std::string check;
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::int64_t found = 0;

  bool right() const { return least <= found && found <= most; }
};

struct findings {
  std::vector<row> rows;
  std::vector<difference> differences;
};

findings differences(const ledger& facts);

}  // namespace settle::verify
