// How checkpoints are laid out in Redis (docs/redis.md): one hash a partition, PREFIX:{stock:17},
// whose fields are the checkpoint's keys. No key is empty, so the empty field has the position.
// Further keys are PREFIX:{system} and PREFIX:{members}.
//
// Everything of one partition is in one key, so a slot that moves between nodes of a cluster cannot
// tear it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/exactly_once/commit_batch.hpp"
#include "ports/store.hpp"

namespace settle::redis {

inline constexpr std::string_view position_field = {};

std::string partition_key(std::string_view prefix, partition_id partition);
std::string system_key(std::string_view prefix);
std::string members_key(std::string_view prefix);

inline constexpr std::uint16_t slot_count = 16'384;

/// The slot of a cluster that a key is in: CRC-16 (XMODEM) of what is between its first { and the
/// } after it, or of all of it, modulo 16384 (redis.io, "Redis cluster specification").
std::uint16_t slot_of(std::string_view key) noexcept;

/// `WATERMARK DIGEST OWNER`, the watermark decimal, the others hexadecimal; one text a position,
/// since scripts compare texts. Of no checkpoint: empty.
std::string position_text(const checkpoint_position& position);
std::optional<checkpoint_position> parse_position(std::string_view text);

/// `1 HIGH LOW ORDER STOCK PAYMENT`: version, identity (two hexadecimal numbers), partitions.
std::string description_text(const system_description& system);
std::optional<system_description> parse_description(std::string_view text);

/// Stands in the description's place until an import is finished: `importing ` and the description,
/// which no version takes for one.
std::string import_text(const system_description& system);
bool is_import(std::string_view text);

}  // namespace settle::redis
