#include "base/result.hpp"

namespace settle {

const char* name(errc code) noexcept {
  switch (code) {
    case errc::unavailable:
      return "unavailable";
    case errc::no_space:
      return "no_space";
    case errc::refused:
      return "refused";
    case errc::unknown:
      return "unknown";
    case errc::corrupt:
      return "corrupt";
    case errc::incompatible:
      return "incompatible";
    case errc::in_use:
      return "in_use";
    case errc::invalid:
      return "invalid";
  }
  return "?";
}

}  // namespace settle
