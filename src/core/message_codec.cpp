#include "core/message_codec.hpp"

#include <xxhash.h>

#include <array>
#include <type_traits>
#include <utility>

#include "base/bytes.hpp"

namespace settle {
namespace {

/// Field by field, one list for both directions: `archive` is a writer or a reader.
class writing {
 public:
  explicit writing(byte_writer& out) : out_(out) {}
  void operator()(const entity_id& v) { out_.text(v.view()); }
  void operator()(const std::uint64_t& v) { out_.varint(v); }
  void operator()(const std::uint32_t& v) { out_.varint(v); }
  template <class Tag>
  void operator()(const strong<Tag, std::int64_t>& v) {
    out_.amount(v.value);
  }
  void operator()(const generation& v) { out_.varint(v.value); }
  template <class T, std::size_t n>
  void operator()(const boost::container::small_vector<T, n>& list);

 private:
  byte_writer& out_;
};

class reading {
 public:
  explicit reading(byte_reader& in) : in_(in) {}
  void operator()(entity_id& v) { v = in_.id(); }
  void operator()(std::uint64_t& v) { v = in_.varint(); }
  void operator()(std::uint32_t& v) { v = in_.varint32(); }
  template <class Tag>
  void operator()(strong<Tag, std::int64_t>& v) {
    v.value = in_.amount();
  }
  void operator()(generation& v) { v.value = in_.varint(); }
  template <class T, std::size_t n>
  void operator()(boost::container::small_vector<T, n>& list);

 private:
  byte_reader& in_;
};

template <class Archive, class Body>
  requires(std::is_empty_v<std::remove_const_t<Body>>)
void fields(Archive&, Body&) {}

// `Is<Body, X>` lets one function serve `X&` (reading) and `const X&` (writing).
template <class Body, class X>
concept Is = std::is_same_v<std::remove_const_t<Body>, X>;

// clang-format off
void fields(auto& a, Is<operation_id> auto& b) { a(b.slot); a(b.number); }
void fields(auto& a, Is<body::create_order> auto& b) { a(b.user); }
void fields(auto& a, Is<body::add_item> auto& b) { a(b.order); a(b.item); a(b.quantity); }
void fields(auto& a, Is<body::checkout> auto& b) { a(b.order); }
void fields(auto& a, Is<body::init_orders> auto& b) {
  a(b.first); a(b.last); a(b.items); a(b.users); a(b.seed); a(b.item_price);
}
void fields(auto& a, Is<body::create_item> auto& b) { a(b.price); }
void fields(auto& a, Is<body::add_stock> auto& b) { a(b.item); a(b.amount); }
void fields(auto& a, Is<body::subtract_stock> auto& b) { a(b.item); a(b.amount); }
void fields(auto& a, Is<body::init_items> auto& b) {
  a(b.first); a(b.last); a(b.stock); a(b.price);
}
void fields(auto& a, Is<body::add_funds> auto& b) { a(b.user); a(b.amount); }
void fields(auto& a, Is<body::pay> auto& b) { a(b.user); a(b.amount); }
void fields(auto& a, Is<body::init_users> auto& b) { a(b.first); a(b.last); a(b.credit); }
void fields(auto& a, Is<body::query_price> auto& b) { fields(a, b.operation); a(b.item); }
void fields(auto& a, Is<body::price_found> auto& b) { fields(a, b.operation); a(b.price); }
void fields(auto& a, Is<body::price_unknown> auto& b) { fields(a, b.operation); }
void fields(auto& a, Is<body::line> auto& b) { a(b.item); a(b.quantity); }
void fields(auto& a, Is<body::reserved_line> auto& b) { a(b.item); a(b.quantity); a(b.generation); }
void fields(auto& a, Is<generation> auto& b) { a(b); }
void fields(auto& a, Is<body::reserve> auto& b) { fields(a, b.operation); a(b.lines); }
void fields(auto& a, Is<body::reserved> auto& b) { fields(a, b.operation); a(b.generations); }
void fields(auto& a, Is<body::reserve_refused> auto& b) { fields(a, b.operation); a(b.line); }
void fields(auto& a, Is<body::release> auto& b) { fields(a, b.operation); a(b.lines); }
void fields(auto& a, Is<body::released> auto& b) { fields(a, b.operation); }
void fields(auto& a, Is<body::charge> auto& b) { fields(a, b.operation); a(b.user); a(b.amount); }
void fields(auto& a, Is<body::charged> auto& b) { fields(a, b.operation); a(b.generation); }
void fields(auto& a, Is<body::charge_refused> auto& b) { fields(a, b.operation); }
void fields(auto& a, Is<body::refund> auto& b) {
  fields(a, b.operation); a(b.user); a(b.amount); a(b.generation);
}
void fields(auto& a, Is<body::refunded> auto& b) { fields(a, b.operation); }
void fields(auto& a, Is<body::tick> auto& b) { a(b.owner); a(b.clock_ms); }
void fields(auto& a, Is<body::set_rules> auto& b) { a(b.version); }
// clang-format on

template <class T, std::size_t n>
void writing::operator()(const boost::container::small_vector<T, n>& list) {
  out_.varint(list.size());
  for (const T& element : list) fields(*this, element);
}

template <class T, std::size_t n>
void reading::operator()(boost::container::small_vector<T, n>& list) {
  const std::uint64_t size = in_.varint();
  if (size > limits::order_lines) in_.fail();
  for (std::uint64_t i = 0; i < size && in_.ok(); ++i) fields(*this, list.emplace_back());
}

template <std::size_t index>
void read_body(reading& archive, message_body& out) {
  fields(archive, out.emplace<index>());
}

using body_reader = void (*)(reading&, message_body&);

template <std::size_t... index>
constexpr std::array<body_reader, sizeof...(index)> body_readers(std::index_sequence<index...>) {
  return {&read_body<index>...};
}

constexpr std::size_t body_count = std::variant_size_v<message_body>;
constexpr auto readers = body_readers(std::make_index_sequence<body_count>{});

void write_partition(byte_writer& out, partition_id id) {
  out.u8(static_cast<std::uint8_t>(id.service));
  out.varint(id.index);
}

partition_id read_partition(byte_reader& in) {
  const std::uint8_t kind = in.u8();
  const std::uint64_t index = in.varint();
  if (kind >= service_count || index >= limits::partitions) in.fail();
  if (!in.ok()) return {};
  return {static_cast<service>(kind), static_cast<std::uint16_t>(index)};
}

/// Version and checksum of what follows; the same frame for records and replies.
constexpr std::size_t frame_size = 1 + 8;

std::string framed(std::string bytes) {
  const std::uint64_t checksum = XXH3_64bits(bytes.data() + frame_size, bytes.size() - frame_size);
  bytes[0] = static_cast<char>(message_version);
  std::memcpy(bytes.data() + 1, &checksum, sizeof checksum);
  return bytes;
}

result<std::string_view> unframed(std::string_view bytes) {
  if (bytes.size() < frame_size) return error{errc::corrupt, "a record shorter than its frame"};
  if (static_cast<std::uint8_t>(bytes[0]) != message_version) {
    return error{errc::incompatible, "a record of format version " +
                                         std::to_string(static_cast<unsigned char>(bytes[0])) +
                                         "; this program reads version " +
                                         std::to_string(message_version)};
  }
  std::uint64_t checksum = 0;
  std::memcpy(&checksum, bytes.data() + 1, sizeof checksum);
  bytes.remove_prefix(frame_size);
  if (checksum != XXH3_64bits(bytes.data(), bytes.size())) {
    return error{errc::corrupt, "a record whose checksum is wrong"};
  }
  return bytes;
}

enum optional_part : std::uint8_t { has_link = 1, has_gateway = 2, has_trace = 4 };

}  // namespace

void encode(byte_writer& out, const message& value) {
  const bool from_gateway = value.gateway != 0;
  const bool traced = value.trace != trace_context{};
  out.u8(static_cast<std::uint8_t>(value.body.index()));
  out.u8(static_cast<std::uint8_t>((from_gateway ? has_gateway : has_link) |
                                   (traced ? has_trace : 0)));
  write_partition(out, value.destination);
  if (from_gateway) {
    out.u64(value.gateway);
    out.request(value.request);
    out.u8(static_cast<std::uint8_t>(value.retention));
    out.varint(value.logical_time_ms);
  } else {
    write_partition(out, value.source);
    out.varint(value.link_number);
    out.varint(value.acknowledged);
  }
  if (traced) {
    out.u64(value.trace.trace_high);
    out.u64(value.trace.trace_low);
    out.u64(value.trace.span);
    out.u8(value.trace.flags);
  }
  writing archive(out);
  std::visit([&](const auto& b) { fields(archive, b); }, value.body);
}

message decode_message(byte_reader& in) {
  message value;
  const std::uint8_t type = in.u8();
  const std::uint8_t parts = in.u8();
  const bool from_gateway = (parts & has_gateway) != 0;
  if (type >= body_count || parts > 7 || from_gateway == ((parts & has_link) != 0)) in.fail();
  value.destination = read_partition(in);
  if (from_gateway) {
    value.gateway = in.u64();
    value.request = in.request();
    const std::uint8_t keep = in.u8();
    if (value.gateway == 0 || keep > 2) in.fail();
    value.retention = static_cast<retention>(keep);
    value.logical_time_ms = in.varint();
  } else {
    value.source = read_partition(in);
    value.link_number = in.varint();
    value.acknowledged = in.varint();
  }
  if ((parts & has_trace) != 0) {
    value.trace.trace_high = in.u64();
    value.trace.trace_low = in.u64();
    value.trace.span = in.u64();
    value.trace.flags = in.u8();
    if (value.trace == trace_context{}) in.fail();
  }
  if (!in.ok()) return value;
  reading archive(in);
  readers[type](archive, value.body);
  return value;
}

std::string encode(const record& value) {
  std::string bytes(frame_size, '\0');
  byte_writer out(bytes);
  out.varint(value.time_ms);
  out.varint(value.messages.size());
  for (const message& m : value.messages) encode(out, m);
  return framed(std::move(bytes));
}

result<record> decode_record(std::string_view bytes) {
  const auto payload = unframed(bytes);
  if (!payload) return payload.error();
  byte_reader in(*payload);
  record value;
  value.time_ms = in.varint();
  const std::uint64_t count = in.varint();
  if (count > in.remaining()) in.fail();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) value.messages.push_back(decode_message(in));
  if (!in.done()) return error{errc::corrupt, "a record with a malformed message"};
  return value;
}

void encode(byte_writer& out, const answer& value) {
  out.u8(static_cast<std::uint8_t>(value.code));
  out.amount(value.number);
  out.text(value.id.view());
}

answer decode_answer(byte_reader& in) {
  answer value;
  value.code = static_cast<answer_code>(in.u8());
  if (!is_known(value.code)) in.fail();
  value.number = in.amount();
  if (const std::string_view id = in.text(limits::id_length); !id.empty()) {
    if (auto parsed = entity_id::parse(id)) {
      value.id = *parsed;
    } else {
      in.fail();
    }
  }
  return value;
}

std::string encode(std::span<const reply> replies) {
  std::string bytes(frame_size, '\0');
  byte_writer out(bytes);
  out.u64(replies.front().gateway);
  for (const reply& one : replies) {
    out.request(one.request);
    encode(out, one.answer);
    write_partition(out, one.partition);
    out.varint(one.watermark.value);
    out.varint(one.logical_time_ms);
  }
  return framed(std::move(bytes));
}

result<std::vector<reply>> decode_replies(std::string_view bytes) {
  const auto payload = unframed(bytes);
  if (!payload) return payload.error();
  byte_reader in(*payload);
  const std::uint64_t gateway = in.u64();
  std::vector<reply> replies;
  do {
    reply& one = replies.emplace_back();
    one.gateway = gateway;
    one.request = in.request();
    one.answer = decode_answer(in);
    one.partition = read_partition(in);
    one.watermark = offset{in.varint()};
    one.logical_time_ms = in.varint();
  } while (in.ok() && !in.at_end());
  if (!in.done()) return error{errc::corrupt, "a malformed reply"};
  return replies;
}

}  // namespace settle
