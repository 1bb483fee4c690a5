// Test support: what is behind a reply matcher, answering every command at once and keeping
// nothing, so that only the gateway's own work is left to be seen. Concurrency: one thread.
#pragma once

#include <boost/asio/io_context.hpp>

#include "base/check.hpp"
#include "gateway/reply_matcher.hpp"

namespace settle::gateway {

/// Answers a command while it is appended.
class echo_log final : public settle::log {
 public:
  answer given;
  bool silent = false;  ///< answers nothing

  bool rereadable() const noexcept override { return false; }
  void append(message&& m, std::uint64_t) override {
    const message sent = std::move(m);
    if (!silent) reader_->on_reply({sent.gateway, sent.request, given, sent.destination, {}, 0});
  }
  void flush() override {}
  void follow(partition_id, offset, log_reader&, std::uint64_t) override {}
  void unfollow(partition_id) override {}
  void send_reply(const reply&) override {}
  void follow_replies(std::uint64_t, reply_reader& reader) override { reader_ = &reader; }

 private:
  reply_reader* reader_ = nullptr;
};

/// Holds nothing.
class empty_store final : public store {
 public:
  const system_description& describe() const noexcept override { return system_; }
  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::absent;
  }
  void read(read_request& request) override { request.on_finished(); }
  void commit(commit_round&) override { CHECK(false, "nobody commits here"); }
  bool one_sequence() const noexcept override { return true; }
  std::uint64_t epoch() const noexcept override { return 0; }
  result<void> writable() const override { return {}; }

 private:
  system_description system_{{1, 2}, {4, 4, 4}};
};

class stopped_clock final : public settle::clock {
 public:
  std::uint64_t steady_ms() const noexcept override { return 1'000; }
  std::uint64_t wall_ms() const noexcept override { return 1'000; }
};

struct echo_shop {
  boost::asio::io_context context{1};
  echo_log log;
  empty_store store;
  stopped_clock clock;
  reply_matcher matcher{context,
                        store,
                        log,
                        clock,
                        {.gateway = 5,
                         .logical_time_ms = [](partition_id) { return std::uint64_t{77}; },
                         .ready = [] { return result<void>{}; }}};
};

}  // namespace settle::gateway
