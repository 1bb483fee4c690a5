// Arbitrary bytes through every decoder of the core: none crashes, and what decodes is canonical,
// so it is written again as it was. The first byte chooses the decoder.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "core/exactly_once/commit_batch.hpp"
#include "core/exactly_once/workspace.hpp"
#include "core/log_record.hpp"
#include "core/message_codec.hpp"
#include "core/order/open_operations.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle {
namespace {

void check_same(std::string_view before, std::string_view after) {
  CHECK(before == after, "what decodes is canonical");
}

template <class Decoded>
void check_canonical(std::string_view bytes, const Decoded& decoded) {
  if (decoded.has_value()) check_same(bytes, encode(*decoded));
}

void decode_with(unsigned decoder, std::string_view bytes) {
  switch (decoder % 11) {
    case 0: {
      byte_reader in(bytes);
      const message m = decode_message(in);
      if (!in.done()) return;
      std::string again;
      byte_writer out(again);
      encode(out, m);
      return check_same(bytes, again);
    }
    case 1:
      return check_canonical(bytes, decode_record(bytes));
    case 2:
      return check_canonical(bytes, decode_replies(bytes));
    case 3:
      return check_canonical(bytes, decode_meta(bytes));
    case 4:
      return check_canonical(bytes, decode_recorded_request(bytes));
    case 5:
      return check_canonical(bytes, decode_order(bytes));
    case 6:
      return check_canonical(bytes, decode_item(bytes));
    case 7:
      return check_canonical(bytes, decode_user(bytes));
    case 8: {
      const auto operation = decode_operation(bytes);
      if (operation) check_same(bytes, encode(*operation));
      return;
    }
    case 9: {
      change_reader changes(bytes);
      commit_batch batch;
      for (checkpoint_change change; changes.next(change);) {
        if (change.erased) {
          batch.erase(change.key);
        } else {
          batch.put(change.key, change.value);
        }
      }
      if (changes.ok()) check_same(bytes, batch.changes);
      return;
    }
    default: {
      auto record = record_reader::open(bytes);
      if (!record) return;
      record_writer again(record->log(), record->sender());
      while (!record->at_end()) {
        const auto m = record->next();
        if (!m) return;
        again.add(*m, record->time_ms());
      }
      // Without a message there is nothing that the writer would write.
      if (!again.empty()) check_same(bytes, again.finish());
    }
  }
}

}  // namespace
}  // namespace settle

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  settle::decode_with(data[0], bytes.substr(1));
  return 0;
}
