#include "adapters/redis/store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "adapters/redis/client.hpp"
#include "adapters/redis/layout.hpp"
#include "adapters/redis/requests.hpp"
#include "adapters/redis/risks.hpp"

namespace settle {
namespace redis {
namespace {

/// Writes the description if there is none; tells the one that there was.
using described = std::optional<std::string>;

std::unique_ptr<operation> make_describe(const place& where, const std::string& ours,
                                         std::function<void(const described&)> told,
                                         std::function<void(const error&)> failed) {
  auto asked = std::make_unique<question>(
      std::vector<std::string>{"SET", where.key, ours, "NX", "GET"},
      [told = std::move(told)](const reply& r) {
        told(r.is(reply_type::nothing) ? described{} : described{std::string(r.text())});
      },
      std::move(failed));
  asked->slot = where.slot;
  return asked;
}

class remote_store final : public redis_store {
 public:
  remote_store(const redis_options& options, const system_description& system,
               std::unique_ptr<client> servers)
      : commit_(options.commit),
        kind_(parse_url(options.url)->kind),
        system_(system),
        system_place_(make_place(system_key(options.prefix))),
        members_place_(make_place(members_key(options.prefix))),
        places_(options.prefix, system),
        client_(std::move(servers)) {
    client_->adopt({[this] { return describe_again(); },
                    [this](const endpoint& server) { return look_at(server); },
                    [this] { return make_probe(space_); }});
  }

  const system_description& describe() const noexcept override { return system_; }

  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::miss;
  }

  void read(read_request& request) override {
    client_->submit(std::make_unique<read_values>(request, places_.of(request.partition)));
  }

  void commit(commit_round& round) override {
    if (round.commits.empty()) return round.on_finished();
    auto& pending = *new pending_round{&round, round.commits.size()};  // deleted by its last part
    std::vector<std::unique_ptr<operation>> parts;
    parts.reserve(round.commits.size());
    for (partition_commit& part : round.commits) {
      part.outcome = commit_outcome::unknown;
      const place& where = places_.of(part.batch.partition);
      switch (commit_) {
        case redis_commit::lua:
          parts.push_back(std::make_unique<script_commit>(pending, part, where, space_));
          break;
        case redis_commit::watch:
          parts.push_back(std::make_unique<watch_commit>(pending, part, where, space_));
          break;
      }
    }
    client_->submit(std::move(parts));
  }

  bool one_sequence() const noexcept override { return false; }
  std::uint64_t epoch() const noexcept override { return client_->epoch(); }
  result<void> writable() const override { return space_.get(); }

  void call(roll_call& request) override {
    client_->submit(std::make_unique<call_roll>(request, members_place_));
  }

  redis_statistics count() const override { return client_->statistics(); }

 private:
  /// A server that lost its data must not be taken for a new system by the next process that
  /// starts; and one that has another system's data by now must not be touched.
  std::unique_ptr<operation> describe_again() {
    const std::string ours = description_text(system_);
    return make_describe(
        system_place_, ours,
        [this, ours](const described& there) {
          if (!there) {
            spdlog::warn(
                "event=store_described_again reason=\"the store had lost '{}': it is "
                "empty, or went back\"",
                system_place_.key);
          } else if (*there != ours) {
            client_->refuse_all({errc::incompatible,
                                 fmt::format("{} is '{}', but was '{}' when this process started: "
                                             "the store has another system's data now",
                                             system_place_.key, *there, ours)});
          }
        },
        [](const error& why) {
          spdlog::warn("event=store_not_described reason=\"{}\"", why.detail);
        });
  }

  std::unique_ptr<operation> look_at(const endpoint& server) const {
    std::vector<std::string> words = {"CONFIG", "GET"};
    words.insert(words.end(), settings_of_interest().begin(), settings_of_interest().end());
    return std::make_unique<question>(
        std::move(words),
        [kind = kind_, name = server.text()](const reply& r) {
          std::map<std::string, std::string> settings;
          for (std::size_t i = 0; i + 1 < r.size(); i += 2) {
            settings.emplace(r.at(i).text(), r.at(i + 1).text());
          }
          for (const std::string& risk : risks(settings, kind)) {
            spdlog::warn("event=store_at_risk server={} risk=\"{}\"", name, risk);
          }
        },
        [name = server.text()](const error& why) {
          spdlog::warn("event=store_settings_unknown server={} reason=\"{}\"", name, why.detail);
        });
  }

  const redis_commit commit_;
  const deployment kind_;
  const system_description system_;
  const place system_place_;
  const place members_place_;
  const partition_places places_;
  writability space_;
  std::unique_ptr<client> client_;  ///< ends first, and with it everything that refers to the rest
};

// Opening.

result<void> check(const redis_options& options) {
  for (std::uint16_t count : options.partitions) {
    if (count == 0) count = options.new_partitions;
    if (count >= 1 && count <= limits::partitions) continue;
    return error{errc::invalid, fmt::format("{} partitions are not possible: choose 1 to {}", count,
                                            limits::partitions)};
  }
  if (options.prefix.empty() || options.prefix.find_first_of("{}") != std::string::npos) {
    return error{errc::invalid,
                 "the prefix of the keys in Redis must not be empty and have no "
                 "braces, which choose the slot in a cluster"};
  }
  if (options.timeout_ms == 0 || options.watch_connections == 0) {
    return error{errc::invalid, "the Redis store needs a timeout and a connection"};
  }
  return {};
}

system_description new_system(const redis_options& options) {
  std::random_device device;
  const auto word = [&device] { return (std::uint64_t{device()} << 32) | device(); };
  system_description system{.system = {word(), word()}, .partitions = {}};
  std::ranges::transform(options.partitions, system.partitions, [&](std::uint16_t count) {
    return count == 0 ? options.new_partitions : count;
  });
  return system;
}

result<system_description> described_as(const redis_options& options, const std::string& text) {
  const std::string key = system_key(options.prefix);
  const auto system = parse_description(text);
  if (!system) {
    return error{errc::incompatible,
                 fmt::format("{} is '{}', which this version does not understand", key, text)};
  }
  for (std::size_t s = 0; s < service_count; ++s) {
    if (options.partitions[s] == 0 || options.partitions[s] == system->partitions[s]) continue;
    return error{errc::incompatible,
                 fmt::format("the data at {} was created with {} partitions of the service {}, the "
                             "configuration asks for {}: this is fixed for good, so configure {}, "
                             "or choose an empty store",
                             key, system->partitions[s], name(static_cast<service>(s)),
                             options.partitions[s], system->partitions[s])};
  }
  return *system;
}

}  // namespace
}  // namespace redis

result<std::unique_ptr<redis_store>> open_redis_store(const redis_options& options) {
  using namespace redis;
  if (auto checked = check(options); !checked) return checked.error();
  auto where = parse_url(options.url);
  if (!where) return where.error();
  const std::size_t lanes = options.commit == redis_commit::watch ? options.watch_connections : 1;
  auto servers = client::start({*where, options.timeout_ms, lanes});
  if (!servers) return servers.error();

  const system_description ours = new_system(options);
  std::promise<result<described>> answer;
  (*servers)->submit_patiently(make_describe(
                                   make_place(system_key(options.prefix)), description_text(ours),
                                   [&answer](const described& there) { answer.set_value(there); },
                                   [&answer](const error& why) { answer.set_value(why); }),
                               options.open_timeout_ms);
  const result<described> there = answer.get_future().get();
  if (!there) return there.error();
  const described& before = *there;
  auto system = before ? described_as(options, *before) : result<system_description>(ours);
  if (!system) return system.error();
  if (!before) spdlog::info("event=store_created key={}", system_key(options.prefix));
  return std::unique_ptr<redis_store>(
      std::make_unique<remote_store>(options, *system, std::move(*servers)));
}

}  // namespace settle
