#include "adapters/rabbitmq/streams.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <map>
#include <thread>
#include <utility>
#include <vector>

#include "base/random_id.hpp"
#include "core/log_record.hpp"

namespace settle::rabbitmq {
namespace {

using broker::steady_ms;

constexpr std::uint64_t survey_ms = 15'000;  ///< for all of it
constexpr std::uint64_t new_after_ms = 100;  ///< of silence; then the stream may be a new one
constexpr std::uint64_t attempt_ms = 50;     ///< between attempts
constexpr std::uint64_t mark_again_ms = 1'000;
constexpr std::uint64_t turn_ms = 1'000;  ///< until a process that waits looks for itself
constexpr channel_number requests = 1;
constexpr channel_number reads_catalogue = 2;
constexpr channel_number locks = 3;
constexpr channel_number first_stream_channel = 4;

/// Makes what is missing, and learns what each log is called.
class survey final : public connection_listener {
 public:
  survey(const address& a, const partition_counts& counts, connection& to, std::uint64_t until_ms)
      : address_(a),
        counts_(counts),
        to_(to),
        catalogue_(a, counts, to, requests, reads_catalogue),
        until_ms_(until_ms) {}

  result<broker::log_names> run() {
    if (auto ok = begin(); !ok) return ok.error();
    for (;;) {
      auto missing = look();
      if (!missing) return missing.error();
      if (missing->empty()) return names();
      const auto mine = take_turn(*missing);
      if (!mine) return mine.error();
      auto done = mine->empty() ? wait_for_others() : make(*mine);
      if (!done) return done.error();
    }
  }

  void on_content(content&& c) override {
    if (c.returned) return;
    if (c.channel == reads_catalogue) {
      if (auto ok = catalogue_.take(c); !ok) fail(ok.error());
      return;
    }
    const auto found = unread_.find(c.channel);
    if (found == unread_.end()) return;
    const partition_id partition = found->second.partition;
    unread_.erase(found);
    const auto record = record_reader::open(c.body);
    if (!record) {
      return fail({record.error().code, "RabbitMQ: " + queue(partition) + " begins with " +
                                            record.error().detail +
                                            "; if it is of something else, choose a prefix"});
    }
    if (c.at == 0 && !record->at_end()) {
      return fail({errc::corrupt, "RabbitMQ: " + queue(partition) +
                                      " was deleted and made anew while somebody appended to it; "
                                      "stop all of them, delete it and start again"});
    }
    if (auto ok = catalogue_.write(partition, record->log()); !ok) fail(ok.error());
  }
  void on_closed(channel_number channel, std::string why) override {
    if (channel == requests || channel == reads_catalogue || unread_.contains(channel)) {
      fail({errc::unavailable, "RabbitMQ at " + to_.name() + ": " + why});
    }
  }
  void on_blocked(bool, std::string why) override { last_ = "the broker is short of " + why; }

 private:
  /// A stream of which the first record is to be read.
  struct unread {
    partition_id partition;
    std::uint64_t since_ms = 0;  ///< steady
    bool begun = false;
    bool written = false;  ///< that record, by us
  };

  std::string queue(partition_id p) const {
    return address_.queue(static_cast<std::size_t>(p.service), p.index);
  }
  std::string exchange(partition_id p) const {
    return address_.exchange(static_cast<std::size_t>(p.service));
  }

  result<void> begin() {
    if (auto ok = to_.open_channel(requests); !ok) return ok;
    for (std::size_t s = 0; s < service_count; ++s) {
      const std::string exchange = address_.exchange(s);
      const auto there = has(&connection::has_exchange, exchange);
      if (!there) return there.error();
      lost_bindings_[s] = !*there;
      if (auto ok = to_.declare_exchange(requests, exchange); !ok) return explain(ok.error());
      const auto more = has(&connection::has_queue, address_.queue(s, counts_[s]));
      if (!more) return more.error();
      if (*more) {
        return error{errc::incompatible, "RabbitMQ: " + exchange +
                                             " has more partitions than the data, which has " +
                                             std::to_string(counts_[s]) +
                                             "; the number never changes: is it another system's?"};
      }
    }
    if (auto ok = to_.declare_exchange(requests, address_.reply_exchange()); !ok) return ok;
    if (auto ok = catalogue_.make(); !ok) return explain(ok.error());
    // A node cannot read a new stream before its replica has started.
    for (;;) {
      auto ok = catalogue_.read();
      if (ok || to_.lost()) return ok;
      last_ = ok.error().detail;
      if (auto waited = wait("the catalogue cannot be read"); !waited) return waited;
    }
  }

  result<bool> has(bool (connection::*asks)(channel_number, const std::string&),
                   const std::string& what) {
    const bool found = (to_.*asks)(requests, what);
    if (to_.lost()) return error{errc::unavailable, "RabbitMQ at " + to_.name()};
    if (found) return true;
    if (auto ok = to_.open_channel(requests); !ok) return ok.error();
    return false;
  }

  /// All that is there now. What marks its end is written again if it does not come back.
  result<void> read_catalogue() {
    do {
      if (auto ok = catalogue_.seek_end(); !ok) return ok;
      const std::uint64_t again_at_ms = steady_ms() + mark_again_ms;
      while (!catalogue_.at_end() && steady_ms() < again_at_ms) {
        if (auto ok = wait("the catalogue has no end"); !ok) return ok;
      }
    } while (!catalogue_.at_end());
    return {};
  }

  /// The partitions whose stream or name is missing.
  result<std::vector<partition_id>> look() {
    if (auto ok = read_catalogue(); !ok) return ok.error();
    // At the very first start nothing is lost: who makes a stream binds it.
    const bool complete = catalogue_.is_complete();
    std::vector<partition_id> missing;
    for (std::size_t s = 0; s < service_count; ++s) {
      for (std::uint16_t p = 0; p < counts_[s]; ++p) {
        const partition_id partition{static_cast<service>(s), p};
        if (!catalogue_.name(partition)) {
          missing.push_back(partition);
          continue;
        }
        const auto found = has(&connection::has_queue, queue(partition));
        if (!found) return found.error();
        if (!*found) {
          missing.push_back(partition);
          continue;
        }
        if (lost_bindings_[s] && complete) {
          if (auto ok = bind(partition); !ok) return ok.error();
        }
        if (p != 0) continue;  // all of a service are made alike
        const auto checked = to_.declare_stream(requests, queue(partition), address_);
        if (!checked) return explain(checked.error());
      }
    }
    lost_bindings_ = {};
    return missing;
  }

  /// Those of one service, if nobody else makes them.
  result<std::vector<partition_id>> take_turn(const std::vector<partition_id>& missing) {
    for (std::size_t i = 0; i < service_count; ++i) {
      const auto s = static_cast<service>((first_turn_ + i) % service_count);
      const auto of_it = [s](partition_id p) { return p.service == s; };
      if (std::ranges::none_of(missing, of_it)) continue;
      const auto mine = lock(s);
      if (!mine) return mine.error();
      if (!*mine) continue;
      // Another process may have made some since we looked, and be gone.
      auto still = look();
      if (still) std::erase_if(*still, std::not_fn(of_it));
      return still;
    }
    return std::vector<partition_id>();
  }

  /// One of all processes has it, until its connection ends.
  result<bool> lock(service s) {
    bool& locked = locked_[static_cast<std::size_t>(s)];
    if (locked) return true;
    if (auto ok = to_.open_channel(locks); !ok) return ok.error();
    locked = to_.declare_reply_queue(locks, address_.catalogue() + ".lock." + std::string(name(s)))
                 .has_value();
    if (to_.lost()) return error{errc::unavailable, "RabbitMQ at " + to_.name()};
    if (locked) to_.close_channel(locks);
    return locked;
  }

  result<void> wait_for_others() {
    const std::uint64_t turn_at_ms = steady_ms() + turn_ms;
    while (!catalogue_.is_complete() && steady_ms() < turn_at_ms) {
      if (auto ok = wait("another process makes the streams"); !ok) return ok;
    }
    return {};
  }

  /// Nobody believes in the former name of a stream once there is a new one.
  result<void> forget(const std::vector<partition_id>& missing) {
    bool forgotten = false;
    for (const partition_id partition : missing) {
      if (!catalogue_.name(partition)) continue;
      forgotten = true;
      if (auto ok = catalogue_.write(partition, {}); !ok) return ok;
    }
    return forgotten ? read_catalogue() : result<void>();
  }

  result<void> make(const std::vector<partition_id>& missing) {
    if (auto ok = forget(missing); !ok) return ok;
    for (const partition_id partition : missing) {
      const auto found = has(&connection::has_queue, queue(partition));
      if (!found) return found.error();
      const auto made = to_.declare_stream(requests, queue(partition), address_);
      if (!made) return explain(made.error());
      if (auto ok = bind(partition); !ok) return ok;
      unread& added = unread_[next_channel_++] = {partition};
      if (*found) continue;
      if (auto ok = write_first(added); !ok) return ok;
    }
    while (!unread_.empty()) {
      if (auto ok = read_unread(); !ok) return ok;
      if (auto ok = wait(std::to_string(unread_.size()) + " streams cannot be read"); !ok)
        return ok;
      for (auto& [channel, u] : unread_) {
        if (!u.begun || u.written || steady_ms() < u.since_ms + new_after_ms) continue;
        if (auto ok = write_first(u); !ok) return ok;
      }
    }
    return {};
  }

  result<void> bind(partition_id p) {
    return to_.bind(requests, queue(p), exchange(p), std::to_string(p.index));
  }

  /// A process of long ago may do so as well; the first one counts.
  result<void> write_first(unread& u) {
    u.written = true;
    return to_.publish(requests, exchange(u.partition), std::to_string(u.partition.index),
                       identity_record(random_id(), broker::wall_ms()));
  }

  /// Begins where it has not begun: a new stream cannot be read for a moment.
  result<void> read_unread() {
    for (auto& [channel, u] : unread_) {
      if (u.begun) continue;
      if (auto ok = to_.open_channel(channel); !ok) return ok;
      const auto asked = to_.consume(channel, queue(u.partition), "survey", 1, {}, "first");
      if (to_.lost()) return asked;
      u.begun = asked.has_value();
      u.since_ms = steady_ms();
      if (!asked) last_ = asked.error().detail;
    }
    return {};
  }

  /// For something to come. `what` is not there yet.
  result<void> wait(const std::string& what) {
    if (auto ok = to_.wait(*this, attempt_ms); !ok) return ok;
    if (failure_) return *failure_;
    if (steady_ms() <= until_ms_) return {};
    return error{errc::unavailable, "RabbitMQ: " + what + (last_.empty() ? "" : ": " + last_)};
  }

  /// REQUIRES: the catalogue has them all.
  broker::log_names names() const {
    broker::log_names found;
    for (std::size_t s = 0; s < service_count; ++s) {
      for (std::uint16_t p = 0; p < counts_[s]; ++p) {
        found[s].push_back(catalogue_.name({static_cast<service>(s), p}).value_or(request_id()));
      }
    }
    return found;
  }

  static error explain(error e) {
    if (e.code == errc::incompatible) {
      e.detail +=
          "; settings of a queue stay as they were when it was made: give the same retention and "
          "segment_bytes again, or choose a prefix if it is of something else";
    }
    return e;
  }

  void fail(error e) {
    if (!failure_) failure_ = std::move(e);
  }

  const address& address_;
  const partition_counts& counts_;
  connection& to_;
  catalogue catalogue_;
  const std::uint64_t until_ms_;
  const std::size_t first_turn_ = random_token() % service_count;
  std::array<bool, service_count> locked_{};
  std::array<bool, service_count> lost_bindings_{};  ///< there was no exchange
  channel_number next_channel_ = first_stream_channel;
  std::map<channel_number, unread> unread_;
  std::optional<error> failure_;
  std::string last_;
};

}  // namespace

result<std::unique_ptr<connection>> connect(const address& a, std::size_t first,
                                            const std::string& name) {
  for (std::size_t tried = 1;; ++tried) {
    auto made = connection::open(a, first % a.servers.size(), name);
    if (made || made.error().code != errc::unavailable || tried == a.servers.size()) return made;
    ++first;
  }
}

result<broker::log_names> prepare_streams(const address& a, const partition_counts& partitions,
                                          broker::health& h) {
  const std::uint64_t until_ms = steady_ms() + survey_ms;
  for (std::size_t attempt = 0;; ++attempt) {
    auto made = connect(a, attempt, "settle: streams made and checked");
    if (!made) return made.error();
    auto names = survey(a, partitions, **made, until_ms).run();
    if (names) return names;
    h.failed(names.error().detail);
    // A node ends the connection of whoever asks for a stream that somebody else just makes.
    if (names.error().code != errc::unavailable || steady_ms() > until_ms) return names;
    std::this_thread::sleep_for(std::chrono::milliseconds(attempt_ms));
  }
}

}  // namespace settle::rabbitmq
