// The keys of a partition's checkpoint. One byte of kind, then what names the thing. Numbers in
// keys are big-endian, so that a sorted store keeps them in order. docs/formats/checkpoint.md has
// the values.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"

namespace settle::checkpoint_key {

enum class kind : char {
  meta = 'M',       ///< one; position, counters, logical time
  link = 'L',       ///< + peer; last accepted and next number
  outbox = 'X',     ///< + peer, number; an output not yet acknowledged
  operation = 'S',  ///< + slot; an open saga or price query of an order partition
  entity = 'E',     ///< + id; an order, item or user
  attempt = 'H',    ///< + attempt number; a finished attempt that its order no longer holds itself
  request = 'R',    ///< + request id; what became of a request
  expiry = 'Q',     ///< + retention, sequence number; which request to forget next
};

inline std::string meta() {
  return std::string(1, static_cast<char>(kind::meta));
}

inline std::string link(partition_id peer) {
  std::string key(1, static_cast<char>(kind::link));
  byte_writer out(key);
  out.u8(static_cast<std::uint8_t>(peer.service));
  out.u16(peer.index);
  return key;
}

inline std::string outbox(partition_id peer, std::uint64_t number) {
  std::string key(1, static_cast<char>(kind::outbox));
  byte_writer out(key);
  out.u8(static_cast<std::uint8_t>(peer.service));
  out.u16(peer.index);
  out.u64_sorted(number);
  return key;
}

inline std::string operation(std::uint32_t slot) {
  std::string key(1, static_cast<char>(kind::operation));
  byte_writer(key).u64_sorted(slot);
  return key;
}

inline std::string entity(const entity_id& id) {
  std::string key(1, static_cast<char>(kind::entity));
  key.append(id.view());
  return key;
}

/// entity() without allocating.
class entity_view {
 public:
  explicit entity_view(const entity_id& id) : size_(1 + id.view().size()), hash_(id.hash()) {
    bytes_[0] = static_cast<char>(kind::entity);
    std::memcpy(bytes_ + 1, id.view().data(), id.view().size());
  }
  operator std::string_view() const { return {bytes_, size_}; }
  std::uint64_t hash() const { return hash_; }

 private:
  std::size_t size_;
  std::uint64_t hash_;
  char bytes_[1 + limits::id_length];
};

/// hash_bytes of the key; an entity's is that of its id, which is known already.
inline std::uint64_t hash(std::string_view key) noexcept {
  const bool named = !key.empty() && key.front() == static_cast<char>(kind::entity);
  return hash_bytes(named ? key.substr(1) : key);
}

inline std::string attempt(std::uint64_t number) {
  std::string key(1, static_cast<char>(kind::attempt));
  byte_writer(key).u64_sorted(number);
  return key;
}

inline std::string request(const request_id& id) {
  std::string key(1, static_cast<char>(kind::request));
  byte_writer(key).request(id);
  return key;
}

inline std::string expiry(std::uint8_t retention, std::uint64_t sequence) {
  std::string key(1, static_cast<char>(kind::expiry));
  byte_writer out(key);
  out.u8(retention);
  out.u64_sorted(sequence);
  return key;
}

}  // namespace settle::checkpoint_key
