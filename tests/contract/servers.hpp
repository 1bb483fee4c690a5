// The servers that tests/servers/run.py has started for this program.
#pragma once

#include <string>

namespace settle::contract {

/// SETTLE_TEST_URL, with `more` added to its options. Ends the program if there is none.
std::string cluster_url(const std::string& more = {});

/// Asks the runner, e.g. "kill 1"; returns what comes after `ok`. Fails the test on an error.
std::string control(const std::string& line);

/// A prefix for names that nobody has used.
std::string fresh_prefix();

}  // namespace settle::contract
