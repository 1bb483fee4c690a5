// Test support: a store at the other end of a network, as a gateway sees it: it only reads.
// Concurrency: one thread.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "base/check.hpp"
#include "ports/store.hpp"

namespace settle::gateway {

/// Every partition has the same values, at the same position.
class fake_remote_store final : public store {
 public:
  std::map<std::string, std::string> values;
  offset watermark;
  std::uint64_t connections = 7;  ///< its epoch
  result<void> status;
  bool slow = false;  ///< reads wait for finish_read
  std::deque<read_request*> reads;
  std::size_t read_count = 0;

  void finish_read() {
    read_request& request = *reads.front();
    reads.pop_front();
    answer(request);
  }

  const system_description& describe() const noexcept override { return system_; }
  read_state try_read(partition_id, std::string_view, std::string&) override {
    return read_state::miss;
  }
  void read(read_request& request) override {
    ++read_count;
    if (slow) {
      reads.push_back(&request);
    } else {
      answer(request);
    }
  }
  void commit(commit_round&) override { CHECK(false, "nobody commits here"); }
  bool one_sequence() const noexcept override { return false; }
  std::uint64_t epoch() const noexcept override { return connections; }
  result<void> writable() const override { return {}; }

 private:
  void answer(read_request& request) {
    request.status = status;
    request.position = {watermark, 0, 0};
    request.values.clear();
    for (const std::string& key : request.keys) {
      const auto found = values.find(key);
      request.values.push_back(found == values.end() ? stored_value{} : found->second);
    }
    request.on_finished();
  }

  system_description system_{{1, 2}, {2, 2, 2}};
};

}  // namespace settle::gateway
