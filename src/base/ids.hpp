// Names of things: entities (orders, items, users), requests, partitions.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.hpp"
#include "base/strong.hpp"

namespace settle {

/// The id of an order, item or user: 1 to 64 characters of `A-Z a-z 0-9 . _ ~ -`, kept inline so
/// that messages carry it without allocating. A default-constructed one is empty and names nothing.
class entity_id {
 public:
  constexpr entity_id() = default;

  /// Nothing if `text` is not a valid id.
  static std::optional<entity_id> parse(std::string_view text) noexcept;
  /// The id of row `index` of a batch_init: its decimal digits.
  static entity_id of_index(std::uint64_t index) noexcept;

  std::string_view view() const noexcept { return {text_.data(), size_}; }
  bool empty() const noexcept { return size_ == 0; }
  /// hash_bytes(view()), computed once; of an empty id: 0.
  std::uint64_t hash() const noexcept { return hash_; }

  entity_id(const entity_id& other) noexcept { assign(other); }
  entity_id& operator=(const entity_id& other) noexcept {
    assign(other);
    return *this;
  }
  friend bool operator==(const entity_id& a, const entity_id& b) noexcept {
    return a.view() == b.view();
  }
  friend std::strong_ordering operator<=>(const entity_id& a, const entity_id& b) noexcept {
    return a.view() <=> b.view();
  }

 private:
  void assign(const entity_id& other) noexcept {
    hash_ = other.hash_;
    size_ = other.size_;
    std::memcpy(text_.data(), other.text_.data(), size_);
  }

  std::uint64_t hash_ = 0;
  std::uint8_t size_ = 0;
  std::array<char, limits::id_length> text_;
};

/// 128 bits that name one request for as long as anybody may repeat it. All zero: none.
struct request_id {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool empty() const noexcept { return high == 0 && low == 0; }
  friend auto operator<=>(const request_id&, const request_id&) = default;

  /// The id of the entity that this request creates, in the text form of a UUID (RFC 9562, 4):
  /// a repeat of the request, through whichever gateway, names the same entity.
  entity_id to_entity_id() const noexcept;
  /// The id of part `index` of a request that was cut into parts (batch_init).
  request_id part(std::uint64_t index) const noexcept;
};

enum class service : std::uint8_t { order = 0, stock = 1, payment = 2 };
inline constexpr std::size_t service_count = 3;
std::string_view name(service s) noexcept;

/// One deterministic state machine: `stock:17`.
struct partition_id {
  settle::service service{};
  std::uint16_t index = 0;

  friend auto operator<=>(const partition_id&, const partition_id&) = default;
  std::string text() const;
};

/// A partition's position in its log. Grows, may skip.
using offset = strong<struct offset_tag, std::uint64_t>;

/// The partition of `service` that an id belongs to: XXH64 of its bytes, seed 0, modulo `count`.
/// Part of the stored format: it must never change. REQUIRES: count > 0.
partition_id partition_of(service s, const entity_id& id, std::uint16_t count) noexcept;

/// XXH64, seed 0, of any bytes.
std::uint64_t hash_bytes(std::string_view bytes) noexcept;

struct request_id_hash {
  std::size_t operator()(const request_id& id) const noexcept {
    return id.low ^ (id.high * 0x9E3779B97F4A7C15ULL);
  }
};

}  // namespace settle

template <>
struct std::hash<settle::entity_id> {
  std::size_t operator()(const settle::entity_id& id) const noexcept { return id.hash(); }
};
