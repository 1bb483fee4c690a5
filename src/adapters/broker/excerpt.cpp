#include "adapters/broker/excerpt.hpp"

#include <utility>

#include "core/log_record.hpp"

namespace settle {

result<excerpt_record> excerpt_record::decode(std::string_view record, offset at) {
  auto reader = record_reader::open(record);
  if (!reader) return reader.error();
  excerpt_record decoded;
  decoded.at = at;
  decoded.time_ms = reader->time_ms();
  decoded.sender = reader->sender();
  while (!reader->at_end()) {
    auto next = reader->next();
    if (!next) return next.error();
    decoded.messages.push_back(std::move(*next));
  }
  return decoded;
}

}  // namespace settle
