#include "adapters/rabbitmq/streams.hpp"

#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "base/random_id.hpp"
#include "core/log_record.hpp"

namespace settle::rabbitmq {
namespace {

using broker::steady_ms;

constexpr std::uint64_t survey_ms = 15'000;  ///< for the first record of every partition
constexpr std::uint64_t new_after_ms = 100;  ///< of silence; then the stream may be a new one
constexpr std::uint64_t attempt_ms = 50;     ///< between attempts
constexpr channel_number requests = 1;       ///< the others are for one partition each

/// Reads the first record of each log, and writes it where there is none.
class survey final : public connection_listener {
 public:
  survey(const address& a, const partition_counts& counts, connection& to)
      : address_(a), counts_(counts), to_(to) {}

  result<broker::log_names> run() {
    if (auto ok = to_.open_channel(requests); !ok) return ok.error();
    for (std::size_t s = 0; s < service_count; ++s) {
      if (auto ok = prepare(s); !ok) return ok.error();
    }
    if (auto ok = to_.declare_exchange(requests, address_.reply_exchange()); !ok) return ok.error();
    const std::uint64_t until_ms = steady_ms() + survey_ms;
    while (!waiting_.empty()) {
      if (auto ok = begin(); !ok) return ok.error();
      if (auto ok = to_.wait(*this, attempt_ms); !ok) return ok.error();
      if (failure_) return *failure_;
      if (steady_ms() > until_ms) {
        return error{errc::unavailable, "RabbitMQ: " + std::to_string(waiting_.size()) +
                                            " streams cannot be read" +
                                            (last_.empty() ? "" : ": " + last_)};
      }
      if (auto ok = write_first(); !ok) return ok.error();
    }
    return std::move(names_);
  }

  void on_content(content&& c) override {
    const auto found = waiting_.find(c.channel);
    if (c.returned || found == waiting_.end()) return;
    const auto [service, partition, since, begun] = found->second;
    waiting_.erase(found);
    const auto record = record_reader::open(c.body);
    const std::string queue = address_.queue(service, partition);
    if (!record) {
      return fail({record.error().code, "RabbitMQ: " + queue + " begins with " +
                                            record.error().detail +
                                            "; if it is of something else, choose a prefix"});
    }
    if (c.at == 0 && !record->at_end()) {
      return fail({errc::corrupt, "RabbitMQ: " + queue +
                                      " was deleted and made anew while somebody appended to it; "
                                      "stop all of them, delete it and start again"});
    }
    names_[service][partition] = record->log();
    to_.close_channel(c.channel);  // or all of it would be read
  }
  void on_closed(channel_number channel, std::string why) override {
    if (channel == requests || waiting_.contains(channel)) {
      fail({errc::unavailable, "RabbitMQ at " + to_.name() + ": " + why});
    }
  }
  void on_blocked(bool, std::string why) override { last_ = "the broker is short of " + why; }

 private:
  struct place {
    std::size_t service = 0;
    std::size_t partition = 0;
    std::uint64_t since_ms = 0;  ///< steady
    bool begun = false;          ///< to be read
  };

  result<void> prepare(std::size_t service) {
    const std::string exchange = address_.exchange(service);
    if (auto ok = to_.declare_exchange(requests, exchange); !ok) return explain(ok.error());
    names_[service].resize(counts_[service]);
    for (std::size_t p = 0; p < counts_[service]; ++p) {
      const std::string queue = address_.queue(service, p);
      const auto made = to_.declare_stream(requests, queue, address_);
      if (!made) return explain(made.error());
      if (auto ok = to_.bind(requests, queue, exchange, std::to_string(p)); !ok) return ok;
      waiting_[next_++] = {service, p, 0, false};
    }
    if (to_.exists(requests, address_.queue(service, counts_[service]))) {
      return error{errc::incompatible, "RabbitMQ: " + exchange +
                                           " has more partitions than the data, which has " +
                                           std::to_string(counts_[service]) +
                                           "; the number never changes: is it another system's?"};
    }
    return to_.lost() ? result<void>(error{errc::unavailable, "RabbitMQ at " + to_.name()})
                      : to_.open_channel(requests);
  }

  static error explain(error e) {
    if (e.code == errc::incompatible) {
      e.detail +=
          "; settings of a queue stay as they were when it was made: give the same retention and "
          "segment_bytes again, or choose a prefix if it is of something else";
    }
    return e;
  }

  /// Begins to read those that are not read. A node cannot read a new stream before its replica has
  /// started.
  result<void> begin() {
    for (auto& [channel, of] : waiting_) {
      if (of.begun) continue;
      if (auto ok = to_.open_channel(channel); !ok) return ok;
      const auto asked =
          to_.consume(channel, address_.queue(of.service, of.partition), "survey", 1, {}, "first");
      if (to_.lost()) return asked;
      of.begun = asked.has_value();
      of.since_ms = steady_ms();
      if (!asked) last_ = asked.error().detail;
    }
    return {};
  }

  /// Others may do so as well; the first one counts.
  result<void> write_first() {
    for (auto& [channel, of] : waiting_) {
      if (!of.begun || steady_ms() < of.since_ms + new_after_ms) continue;
      of.since_ms = UINT64_MAX - new_after_ms;
      const std::string record = identity_record(random_id(), broker::wall_ms());
      const auto sent = to_.publish(requests, address_.exchange(of.service),
                                    std::to_string(of.partition), record);
      if (!sent) return sent;
    }
    return {};
  }

  void fail(error e) {
    if (!failure_) failure_ = std::move(e);
  }

  const address& address_;
  const partition_counts& counts_;
  connection& to_;
  broker::log_names names_;
  channel_number next_ = requests + 1;
  std::map<channel_number, place> waiting_;
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
  auto made = connect(a, 0, "settle: streams made and checked");
  if (!made) return made.error();
  auto names = survey(a, partitions, **made).run();
  if (!names) h.failed(names.error().detail);
  return names;
}

}  // namespace settle::rabbitmq
