// Test support: checkouts through one shard and nothing else, for counting what they cost: no
// sockets, no threads, no disk. The same calls do the same work.
#pragma once

#include <algorithm>
#include <string>

#include "base/check.hpp"
#include "engine/test_host.hpp"

namespace settle::testing {

/// Everything is committed at once and nothing is kept: the shard's tables hold it all.
class no_store final : public store {
 public:
  explicit no_store(std::uint16_t partitions) {
    for (std::uint16_t& count : system_.partitions) count = partitions;
  }
  const system_description& describe() const noexcept override { return system_; }
  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::absent;
  }
  void read(read_request& request) override {
    request.values.assign(request.keys.size(), std::nullopt);
    request.on_finished();
  }
  void commit(commit_round& round) override {
    for (partition_commit& c : round.commits) {
      bytes += c.batch.changes.size();
      c.outcome = commit_outcome::committed;
    }
    round.on_finished();
  }
  bool one_sequence() const noexcept override { return true; }
  std::uint64_t epoch() const noexcept override { return 0; }
  result<void> writable() const override { return {}; }

  std::size_t bytes = 0;

 private:
  system_description system_;
};

/// Counts the replies and forgets them.
struct counting_log final : settle::log {
  std::uint64_t ok = 0;
  std::uint64_t others = 0;

  bool rereadable() const noexcept override { return false; }
  void append(message&&, std::uint64_t) override { CHECK(false, "there is one shard"); }
  void flush() override {}
  void follow(partition_id, offset, log_reader&, std::uint64_t) override {}
  void unfollow(partition_id) override {}
  void send_reply(const reply& r) override { ++(r.answer.code == answer_code::ok ? ok : others); }
  void follow_replies(std::uint64_t, reply_reader&) override {}
};

/// One shard with users, items and orders of two items, which are checked out in rounds of 256.
class checkout_load {
 public:
  explicit checkout_load(std::uint16_t partitions)
      : partitions_(partitions), store_(partitions), shard_(store_, log_, clock_, host_, {1, ~0U}) {
    for (std::size_t s = 0; s < service_count; ++s) {
      for (std::uint16_t i = 0; i < partitions; ++i) shard_.own({static_cast<service>(s), i});
    }
    shard_.start();
    step();
  }

  static constexpr std::uint64_t together = 256;

  void fill(std::uint64_t orders, std::uint64_t rows, std::uint64_t items) {
    const auto each = [&](service s, std::uint64_t end, auto&& body) {
      for (std::uint64_t first = 0; first < end; first += limits::batch_rows) {
        for (std::uint16_t p = 0; p < partitions_; ++p) {
          send({s, p}, body(first, std::min(end, first + limits::batch_rows)));
        }
        step();
      }
    };
    each(service::payment, rows, [](std::uint64_t from, std::uint64_t to) {
      return body::init_users{from, to, money{1'000'000'000}};
    });
    each(service::stock, items, [](std::uint64_t from, std::uint64_t to) {
      return body::init_items{from, to, quantity{1'000'000'000}, money{1}};
    });
    each(service::order, orders, [&](std::uint64_t from, std::uint64_t to) {
      return body::init_orders{from, to, items, rows, 42, money{1}};
    });
    CHECK(log_.others == 0, "every row fits");
    log_.ok = 0;
  }

  /// Checks the next orders out.
  void checkout(std::uint64_t checkouts) {
    for (std::uint64_t first = next_order_; next_order_ < first + checkouts;) {
      for (std::uint64_t i = 0; i < together; ++i) {
        const entity_id order = entity_id::of_index(next_order_++);
        send(partition_of(service::order, order, partitions_), body::checkout{order});
      }
      step();
    }
  }

  std::uint64_t paid() const { return log_.ok; }
  std::uint64_t bytes() const { return store_.bytes; }

 private:
  void send(partition_id to, message_body body) {
    message m;
    m.destination = to;
    m.gateway = 1;
    m.request = {1, ++requests_};
    m.body = std::move(body);
    shard_.receive({std::move(m), std::nullopt, 1, true});
    host_.wake();
  }
  void step() {
    while (host_.step(shard_)) {
    }
  }

  std::uint16_t partitions_;
  no_store store_;
  counting_log log_;
  test_clock clock_;
  test_host host_;
  shard shard_;
  std::uint64_t requests_ = 0;
  std::uint64_t next_order_ = 0;
};

}  // namespace settle::testing
