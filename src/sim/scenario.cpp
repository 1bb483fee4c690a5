#include "sim/scenario.hpp"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <algorithm>
#include <limits>
#include <optional>
#include <sstream>

namespace settle::sim {
namespace {

constexpr std::array<std::string_view, fault_count> fault_names{
#define X(name, text) #name,
    SETTLE_FAULT_LIST(X)
#undef X
};

constexpr std::string_view disaster_names[] = {
#define X(name, text) #name,
    SETTLE_DISASTER_LIST(X)
#undef X
};

result<void> find_disaster(std::string_view wanted, const std::string& where,
                           disaster_kind& found) {
  const auto at = std::ranges::find(disaster_names, wanted);
  if (at == std::end(disaster_names)) {
    return error{errc::invalid, fmt::format("{}: there is no disaster '{}'", where, wanted)};
  }
  found = static_cast<disaster_kind>(at - std::begin(disaster_names));
  return {};
}

/// Reads the keys of one table; whatever is not asked for is an error in the end.
class table_reader {
 public:
  table_reader(const toml::table& from, std::string where)
      : from_(from), where_(std::move(where)) {}

  template <class T>
  void read(std::string_view key, T& value) {
    known_.push_back(key);
    const toml::node* found = from_.get(key);
    if (found == nullptr) return;
    if constexpr (std::is_same_v<T, std::string>) {
      take(key, found->value<std::string>(), value);
    } else if constexpr (std::is_same_v<T, bool>) {
      take(key, found->value<bool>(), value);
    } else {
      const auto number = found->value<std::int64_t>();
      if (number && (*number < 0 || static_cast<std::uint64_t>(*number) > most<T>())) {
        return fail(fmt::format("{} must be from 0 to {}", key, most<T>()));
      }
      take(key, number, value);
    }
  }
  void child(std::string_view key) { known_.push_back(key); }

  result<void> finish() const {
    for (const auto& [key, node] : from_) {
      if (std::ranges::find(known_, key.str()) == known_.end()) {
        return error{errc::invalid, fmt::format("{}: there is no key '{}'", where_, key.str())};
      }
    }
    if (!problem_.empty()) return error{errc::invalid, fmt::format("{}: {}", where_, problem_)};
    return {};
  }

 private:
  template <class T>
  static constexpr std::uint64_t most() {
    return std::min<std::uint64_t>(std::numeric_limits<T>::max(), 1'000'000'000);
  }
  template <class From, class To>
  void take(std::string_view key, const std::optional<From>& found, To& value) {
    if (!found) return fail(fmt::format("{} has a value of another kind", key));
    value = static_cast<To>(*found);
  }
  void fail(std::string why) {
    if (problem_.empty()) problem_ = std::move(why);
  }

  const toml::table& from_;
  std::string where_;
  std::vector<std::string_view> known_;
  std::string problem_;
};

result<void> read_weights(const toml::node* given, const std::string& where, scenario& made) {
  const toml::table* weights = given->as_table();
  if (weights == nullptr) return error{errc::invalid, where + ": faults is a table"};
  made.weights.fill(0);
  table_reader in(*weights, where + " [weights]");
  for (std::size_t i = 0; i < fault_count; ++i) in.read(fault_names[i], made.weights[i]);
  return in.finish();
}

}  // namespace

std::string_view name(fault f) noexcept {
  return fault_names[static_cast<std::size_t>(f)];
}

std::string_view name(disaster_kind d) noexcept {
  return disaster_names[static_cast<std::size_t>(d)];
}

result<scenario> load_scenario(const std::filesystem::path& file) {
  scenario made;
  made.name = file.stem().string();
  try {
    const toml::table given = toml::parse_file(file.string());
    table_reader in(given, file.string());
    in.read("about", made.about);
    in.read("order_partitions", made.partitions[0]);
    in.read("stock_partitions", made.partitions[1]);
    in.read("payment_partitions", made.partitions[2]);
    in.read("workers", made.workers);
    in.read("gateways", made.gateways);
    in.read("cached_bytes", made.cached_bytes);
    in.read("strict", made.strict);
    in.read("clients", made.clients);
    in.read("read_ppm", made.read_ppm);
    in.read("batch_init_ppm", made.batch_init_ppm);
    in.read("crowd", made.crowd);
    in.read("operations", made.operations);
    in.read("faults", made.faults);
    in.read("fault_every_ms", made.fault_every_ms);
    in.read("fault_most_ms", made.fault_most_ms);
    in.read("settle_within_ms", made.settle_within_ms);
    std::string disaster = "none";
    in.read("disaster", disaster);
    in.child("weights");
    if (auto read = in.finish(); !read) return read.error();
    if (auto found = find_disaster(disaster, file.string(), made.disaster); !found) {
      return found.error();
    }
    if (const toml::node* weights = given.get("weights")) {
      if (auto read = read_weights(weights, file.string(), made); !read) return read.error();
    }
  } catch (const toml::parse_error& failure) {
    std::ostringstream text;
    text << file.string() << ": " << failure.description() << " (" << failure.source().begin << ")";
    return error{errc::invalid, text.str()};
  }
  return made;
}

}  // namespace settle::sim
