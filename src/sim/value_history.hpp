// Every value that each key of one partition ever had, and from which offset on.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ids.hpp"

namespace settle::sim {

class value_history {
 public:
  using value = std::optional<std::string_view>;  ///< absent: nothing is there
  struct version {
    offset since;
    sim::value_history::value value;
  };

  /// Takes the changes of the record at `at`, encoded as in commit_batch. REQUIRES: `at` is above
  /// every earlier one.
  void apply(offset at, std::string_view changes);

  value newest(std::string_view key) const;
  /// What the key was when the record at `when`, or the last one before it, had been applied.
  value at(std::string_view key, offset when) const;
  /// Oldest first; empty if there never was anything.
  const std::vector<version>& versions(std::string_view key) const;

  template <class Visit>
  void for_each_newest(Visit&& visit) const {
    for (const auto& [key, versions] : keys_) {
      const value& newest = versions.back().value;
      if (newest) visit(key, *newest);
    }
  }

 private:
  struct key_hash {
    std::size_t operator()(std::string_view key) const noexcept { return hash_bytes(key); }
  };
  std::string_view keep(std::string_view bytes);

  std::pmr::monotonic_buffer_resource memory_{4 * 1024};
  boost::unordered_flat_map<std::string_view, std::vector<version>, key_hash> keys_;
};

}  // namespace settle::sim
