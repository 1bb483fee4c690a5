#include "cli/transfer/exporter.hpp"

#include <fmt/format.h>

#include <chrono>
#include <deque>
#include <queue>
#include <utility>

#include "cli/transfer/quiet.hpp"
#include "cli/waiting.hpp"
#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/order/order.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle::transfer {
namespace {

constexpr std::size_t keys_at_once = 4'096;
constexpr std::size_t requests_at_once = 1'024;

error corrupt(partition_id id, const std::string& what) {
  return {errc::corrupt, id.text() + ": " + what + " cannot be decoded"};
}

bool is_kind(std::string_view key, checkpoint_key::kind kind) {
  return !key.empty() && key.front() == static_cast<char>(kind);
}

/// The keys of a partition's requests in the order in which they are forgotten, read ahead.
class request_queue {
 public:
  request_queue(store& from, partition_id id, retention keep, const partition_meta& meta)
      : from_(from),
        id_(id),
        keep_(keep),
        now_ms_(meta.logical_time_ms),
        next_(meta.expiries[static_cast<std::size_t>(keep)].first),
        end_(meta.expiries[static_cast<std::size_t>(keep)].next) {}

  struct entry {
    request_id request;
    std::uint64_t left_ms = 0;
    std::string value;
  };

  /// Reads on if nothing is left in memory. Errors: corrupt, unavailable.
  result<void> fill() {
    while (read_.empty() && next_ < end_) {
      if (auto status = read_more(); !status) return status;
    }
    return {};
  }
  bool empty() const { return read_.empty(); }
  const entry& front() const { return read_.front(); }
  void pop() { read_.pop_front(); }
  partition_id id() const { return id_; }

 private:
  result<void> read_more() {
    cli::waiting<read_request> expiries;
    expiries.partition = id_;
    const std::uint64_t last = std::min(end_, next_ + requests_at_once);
    for (; next_ < last; ++next_) {
      expiries.keys.push_back(checkpoint_key::expiry(static_cast<std::uint8_t>(keep_), next_));
    }
    from_.read(expiries);
    expiries.wait();
    if (!expiries.status) return expiries.status;
    cli::waiting<read_request> answers;
    answers.partition = id_;
    std::vector<entry> entries;
    for (const stored_value& value : expiries.values) {
      byte_reader in(value ? std::string_view(*value) : std::string_view());
      entry read;
      read.request = in.request();
      const std::uint64_t expires_ms = in.varint();
      if (!in.done()) return corrupt(id_, "an expiry of the table of requests");
      read.left_ms = expires_ms > now_ms_ ? expires_ms - now_ms_ : 0;
      answers.keys.push_back(checkpoint_key::request(read.request));
      entries.push_back(std::move(read));
    }
    from_.read(answers);
    answers.wait();
    if (!answers.status) return answers.status;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      stored_value& value = answers.values[i];
      if (!value) continue;  // forgotten by an earlier expiry of the same request
      const auto decoded = decode_recorded_request(*value);
      if (!decoded || decoded->running) return corrupt(id_, "a recorded request");
      entries[i].value = std::move(*value);
      read_.push_back(std::move(entries[i]));
    }
    return {};
  }

  store& from_;
  partition_id id_;
  retention keep_;
  std::uint64_t now_ms_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::deque<entry> read_;
};

class exporting {
 public:
  exporting(scannable_store& from, shop_writer& to, const progress_handler& progress)
      : from_(from), to_(to), progress_(progress) {}

  result<void> run() {
    auto quiet = read_quiet_partitions(from_);
    if (!quiet) return quiet.error();
    partitions_ = std::move(*quiet);
    const std::uint64_t epoch = from_.epoch();  // every server has been asked by now
    if (auto begun = to_.begin(head()); !begun) return begun;
    for (const auto& [id, known] : partitions_) {
      if (auto walked = walk(id); !walked) return walked;
      tell(++done_);
    }
    for (const service s : {service::order, service::stock, service::payment}) {
      for (const retention keep : {retention::two_minutes, retention::client_key}) {
        if (auto written = write_requests(s, keep); !written) return written;
      }
    }
    if (auto unchanged = check_unchanged(from_, partitions_); !unchanged) return unchanged;
    if (from_.epoch() != epoch) {
      return error{errc::unavailable,
                   "a connection to the store was lost while it was read: export again"};
    }
    return to_.end();
  }

 private:
  void tell(std::uint64_t done) const {
    if (progress_) progress_(done, partitions_.size(), to_.totals());
  }

  shop_head head() const {
    shop_head made;
    made.system = from_.describe();
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    made.time_ms = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    for (const auto& [id, known] : partitions_) {  // sorted by service and index
      made.counters[static_cast<std::size_t>(id.service)].push_back(
          {known.meta.rules, known.meta.logical_time_ms, known.meta.last_number});
    }
    return made;
  }

  result<void> walk(partition_id id) {
    cli::waiting<scan_request> step;
    step.partition = id;
    step.about = keys_at_once;
    std::uint64_t met = 0;
    do {
      from_.scan(step);
      step.wait();
      if (!step.status) return step.status;
      if (step.position != partitions_.at(id).position) return check_unchanged(from_, partitions_);
      met += step.entries.size();
      std::vector<history> histories;
      for (const auto& [key, value] : step.entries) {
        if (!is_kind(key, checkpoint_key::kind::entity)) continue;
        if (auto written = write_entity(id, key, value, histories); !written) return written;
      }
      if (auto written = write_histories(id, std::move(histories)); !written) return written;
      tell(done_);
    } while (step.more);
    if (step.total && *step.total != met) {
      return error{errc::unavailable,
                   fmt::format("{}: {} keys were read, but it has {}: it moved to another server "
                               "meanwhile, or somebody changed it. Export again",
                               id.text(), met, *step.total)};
    }
    return {};
  }

  /// An order, and its newest attempt that was not written yet.
  struct history {
    entity_id order;
    std::uint64_t next = 0;
  };

  result<void> write_entity(partition_id id, std::string_view key, const std::string& value,
                            std::vector<history>& histories) {
    const auto name = entity_id::parse(key.substr(1));
    if (!name) return corrupt(id, "a key");
    bool fits = false;
    if (id.service == service::order) {
      const auto shown = decode_order(value);
      fits = shown && !shown->running;
      if (fits && shown->last_attempt && shown->last_attempt->previous != 0) {
        histories.push_back({*name, shown->last_attempt->previous});
      }
    } else {
      fits = id.service == service::stock ? decode_item(value).has_value()
                                          : decode_user(value).has_value();
    }
    if (!fits) return corrupt(id, "the value of " + std::string(name->view()));
    return to_.add_entity(id, *name, value);
  }

  /// Older attempts have keys that do not name their order: they are found from it. One attempt of
  /// each order at a time.
  result<void> write_histories(partition_id id, std::vector<history> histories) {
    while (!histories.empty()) {
      cli::waiting<read_request> request;
      request.partition = id;
      for (const history& h : histories) request.keys.push_back(checkpoint_key::attempt(h.next));
      from_.read(request);
      request.wait();
      if (!request.status) return request.status;
      std::vector<history> older;
      for (std::size_t i = 0; i < histories.size(); ++i) {
        const stored_value& value = request.values[i];
        byte_reader in(value ? std::string_view(*value) : std::string_view());
        const attempt shown = decode_attempt(in);
        const std::uint64_t number = histories[i].next;
        if (!in.done() || shown.number != number || shown.previous >= number) {
          return corrupt(id, fmt::format("attempt {}", number));
        }
        if (auto written = to_.add_attempt(id, histories[i].order, *value); !written) {
          return written;
        }
        if (shown.previous != 0) older.push_back({histories[i].order, shown.previous});
      }
      histories = std::move(older);
    }
    return {};
  }

  /// By the time that each has left, over all partitions, so that an import, which may put those of
  /// several partitions into one, gets them in the order in which they are forgotten.
  result<void> write_requests(service s, retention keep) {
    std::deque<request_queue> queues;
    const auto later = [](const request_queue* a, const request_queue* b) {
      return a->front().left_ms > b->front().left_ms;
    };
    std::priority_queue<request_queue*, std::vector<request_queue*>, decltype(later)> by_time(
        later);
    for (const auto& [id, known] : partitions_) {
      if (id.service != s) continue;
      request_queue& queue = queues.emplace_back(from_, id, keep, known.meta);
      if (auto filled = queue.fill(); !filled) return filled;
      if (!queue.empty()) by_time.push(&queue);
    }
    while (!by_time.empty()) {
      request_queue& next = *by_time.top();
      by_time.pop();
      const auto& first = next.front();
      const kept_request kept{next.id(), keep, first.request, first.left_ms, first.value};
      if (auto written = to_.add_request(kept); !written) return written;
      next.pop();
      if (auto filled = next.fill(); !filled) return filled;
      if (!next.empty()) by_time.push(&next);
    }
    tell(done_);
    return {};
  }

  scannable_store& from_;
  shop_writer& to_;
  const progress_handler& progress_;
  stored_partitions partitions_;
  std::uint64_t done_ = 0;  ///< partitions
};

}  // namespace

result<void> export_shop(scannable_store& from, shop_writer& to, const progress_handler& progress) {
  return exporting(from, to, progress).run();
}

}  // namespace settle::transfer
