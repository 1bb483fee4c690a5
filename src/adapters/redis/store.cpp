#include "adapters/redis/store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <map>
#include <optional>
#include <utility>

#include "adapters/redis/client.hpp"
#include "adapters/redis/layout.hpp"
#include "adapters/redis/requests.hpp"
#include "adapters/redis/risks.hpp"
#include "base/random_id.hpp"

namespace settle {
namespace redis {
namespace {

using described = std::optional<std::string>;

described description_in(const reply& r) {
  return r.is(reply_type::nothing) ? described{} : described{std::string(r.text())};
}

/// Writes the description if there is none; tells the one that there was.
std::vector<std::string> describe_words(const std::string& key, const std::string& ours) {
  return {"SET", key, ours, "NX", "GET"};
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
        description_(options.mode == opening::import ? import_text(system)
                                                     : description_text(system)),
        places_(options.prefix, system),
        client_(std::move(servers)) {
    client_->adopt({[this] { return describe_again(); },
                    [this](const endpoint& server) { return look_at(server); },
                    [this] { return make_probes(space_); }});
  }

  const system_description& describe() const noexcept override { return system_; }

  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::miss;
  }

  void read(read_request& request) override {
    client_->submit(std::make_unique<read_values>(request, places_.of(request.partition)));
  }

  void scan(scan_request& request) override {
    client_->submit(std::make_unique<scan_fields>(request, places_.of(request.partition)));
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
    auto asked = std::make_unique<question>(
        describe_words(system_place_.key, description_),
        [this](const reply& r) {
          const described there = description_in(r);
          if (!there) {
            spdlog::warn(
                "event=store_described_again reason=\"the store had lost '{}': it is "
                "empty, or went back\"",
                system_place_.key);
          } else if (*there != description_) {
            client_->refuse_all({errc::incompatible,
                                 fmt::format("{} is '{}', but was '{}' when this process started: "
                                             "the store has another system's data now",
                                             system_place_.key, *there, description_)});
          }
        },
        [](const error& why) {
          spdlog::warn("event=store_not_described reason=\"{}\"", why.detail);
        });
    asked->slot = system_place_.slot;
    return asked;
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
  const std::string description_;  ///< as it is stored
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
  system_description system{.system = random_id(), .partitions = {}};
  std::ranges::transform(options.partitions, system.partitions, [&](std::uint16_t count) {
    return count == 0 ? options.new_partitions : count;
  });
  return system;
}

result<system_description> described_as(const redis_options& options, const std::string& text) {
  const std::string key = system_key(options.prefix);
  if (is_import(text)) {
    return error{errc::incompatible,
                 fmt::format("{} tells of an import that did not finish, so a part of the data is "
                             "missing: delete all keys that begin with '{}:', and import again",
                             key, options.prefix)};
  }
  if (options.mode == opening::import) {
    return error{errc::in_use,
                 fmt::format("{} tells of a system, and an import overwrites nothing: choose an "
                             "empty Redis, or another prefix",
                             key)};
  }
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

/// Waits for the answer to a command about one key.
result<described> ask(client& servers, const redis_options& options,
                      std::vector<std::string> words) {
  std::promise<result<described>> answer;
  const std::uint16_t slot = slot_of(words.at(1));
  auto asked = std::make_unique<question>(
      std::move(words), [&answer](const reply& r) { answer.set_value(description_in(r)); },
      [&answer](const error& why) { answer.set_value(why); });
  asked->slot = slot;
  servers.submit_patiently(std::move(asked), options.open_timeout_ms);
  return answer.get_future().get();
}

result<void> compare_positions(client& servers, const redis_options& options,
                               const system_description& system,
                               const import_positions& positions) {
  for (std::size_t s = 0; s < service_count; ++s) {
    for (std::uint16_t i = 0; i < system.partitions[s]; ++i) {
      const partition_id partition{static_cast<service>(s), i};
      const auto left = positions.find(partition);
      const std::string wanted =
          position_text(left == positions.end() ? checkpoint_position{} : left->second);
      const std::string key = partition_key(options.prefix, partition);
      const auto there = ask(servers, options, {"HGET", key, std::string(position_field)});
      if (!there) return there.error();
      if (there->value_or("") == wanted) continue;
      return error{errc::refused,
                   fmt::format("{} is at '{}', but the import left it at '{}': its server was "
                               "replaced by one that lacks the last commits, or somebody else "
                               "wrote there",
                               key, there->value_or(""), wanted)};
    }
  }
  return {};
}

result<std::unique_ptr<client>> connect(const redis_options& options) {
  if (auto checked = check(options); !checked) return checked.error();
  auto where = parse_url(options.url);
  if (!where) return where.error();
  const std::size_t lanes = options.commit == redis_commit::watch ? options.watch_connections : 1;
  return client::start({*where, options.timeout_ms, lanes});
}

}  // namespace
}  // namespace redis

result<std::unique_ptr<redis_store>> open_redis_store(const redis_options& options) {
  using namespace redis;
  auto servers = connect(options);
  if (!servers) return servers.error();
  const system_description ours = new_system(options);
  const std::string key = system_key(options.prefix);
  const std::string text =
      options.mode == opening::import ? import_text(ours) : description_text(ours);
  const auto there = options.mode == opening::existing
                         ? ask(**servers, options, {"GET", key})
                         : ask(**servers, options, describe_words(key, text));
  if (!there) return there.error();
  // Our own mark, where the answer to a first try was lost, is none that another import left.
  const bool own = options.mode == opening::import && *there == text;
  const described before = own ? described{} : *there;
  if (!before && options.mode == opening::existing) {
    return error{errc::invalid, fmt::format("there is no key {}: no system is there under this "
                                            "prefix; nothing was created",
                                            key)};
  }
  auto system = before ? described_as(options, *before) : result<system_description>(ours);
  if (!system) return system.error();
  if (!before) spdlog::info("event=store_created key={}", key);
  return std::unique_ptr<redis_store>(
      std::make_unique<remote_store>(options, *system, std::move(*servers)));
}

result<void> finish_redis_import(const redis_options& options, const system_description& system,
                                 const import_positions& positions) {
  using namespace redis;
  auto servers = connect(options);
  if (!servers) return servers.error();
  const std::string key = system_key(options.prefix);
  const auto there = ask(**servers, options, {"GET", key});
  if (!there) return there.error();
  if (*there != import_text(system)) {
    return error{errc::invalid, fmt::format("{} is '{}', which is not this import", key,
                                            there->value_or("missing"))};
  }
  if (auto same = compare_positions(**servers, options, system, positions); !same) return same;
  const auto before = ask(**servers, options, {"SET", key, description_text(system), "XX", "GET"});
  if (!before) return before.error();
  return {};
}

}  // namespace settle
