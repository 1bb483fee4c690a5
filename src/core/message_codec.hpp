// Bytes of messages, records and replies: docs/formats/message.md.
// Deterministic and canonical: equal messages have equal bytes on every machine and in every
// version, which a digest over them relies on (and which protobuf does not promise).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "core/message.hpp"

namespace settle {

/// The version that this build writes, and the only one it reads.
inline constexpr std::uint8_t message_version = 1;

/// One message without frame or checksum: what an outbox entry of a checkpoint holds.
void encode(byte_writer& out, const message& value);
/// A reader that turned bad tells that the bytes are not a message.
message decode_message(byte_reader& in);

/// A framed record: version, checksum, time, messages.
std::string encode(const record& value);
/// errc::incompatible for another version, errc::corrupt for anything else that is not a record.
result<record> decode_record(std::string_view bytes);

/// Replies to one gateway. REQUIRES: at least one.
std::string encode(std::span<const reply> replies);
result<std::vector<reply>> decode_replies(std::string_view bytes);

void encode(byte_writer& out, const answer& value);
answer decode_answer(byte_reader& in);

}  // namespace settle
