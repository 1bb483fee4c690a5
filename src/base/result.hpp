// Operational failures: what a disk, a network or another process can do to us. A business
// rejection is a value of the protocol (core/answer.hpp), a bug is a CHECK.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace settle {

/// A new code is worth it only if a caller would act differently.
enum class errc {
  unavailable,   ///< not now; no effect; try again later
  no_space,      ///< the disk is full; no effect; writes are refused until there is room
  refused,       ///< a compare-and-set found another value; no effect; reload
  unknown,       ///< the effect is unknown; look it up before going on
  corrupt,       ///< stored data is not what was written; never retried; a human must look
  incompatible,  ///< written by another version or for another configuration; no effect
  in_use,        ///< another process holds it; no effect
  invalid,       ///< the caller's configuration is wrong; no effect
};

/// One word for logs and messages.
const char* name(errc code) noexcept;

struct error {
  errc code;
  std::string detail;  ///< a sentence for the operator: what, where, and what to do
};

/// Lets `result::value()` throw at the few places (start-up) where that is wanted.
[[noreturn]] inline void throw_exception_from_error(const error& e, const boost::source_location&) {
  throw std::runtime_error(e.detail);
}

template <class T>
using result = boost::system::result<T, error>;

}  // namespace settle
