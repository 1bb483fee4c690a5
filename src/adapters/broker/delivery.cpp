#include "adapters/broker/delivery.hpp"

#include <string>
#include <utility>

namespace settle::broker {

result<std::uint64_t> deliver(record_reader& record, offset at, const delivery& to) {
  if (record.at_end()) return std::uint64_t{0};
  const std::string where = " at offset " + std::to_string(at.value);
  if (record.log() != to.log) {
    return error{errc::corrupt, "the record" + where +
                                    " is one of another log: that was deleted and made anew, or a "
                                    "process of the time before still appends to it"};
  }
  std::uint64_t count = 0;
  while (!record.at_end()) {
    auto next = record.next();
    if (!next) return error{next.error().code, next.error().detail + where};
    if (next->destination != to.partition) {
      return error{errc::corrupt, "the record" + where + " is not for this partition"};
    }
    ++count;
    to.reader->on_message(
        {std::move(*next), at, record.time_ms(), record.at_end(), record.checksum(), to.following});
  }
  return count;
}

}  // namespace settle::broker
