#include "sim/exhaustive/explorer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <charconv>

namespace settle::sim {
namespace {

/// Everything inside it happens in the machine's own memory.
class within {
 public:
  explicit within(rewind_memory* memory) : memory_(memory) {
    if (memory_ != nullptr) memory_->enter();
  }
  ~within() {
    if (memory_ != nullptr) memory_->leave();
  }
  within(const within&) = delete;
  within& operator=(const within&) = delete;

 private:
  rewind_memory* memory_;
};

class depth_first {
 public:
  depth_first(const machine_maker& make, rewind_memory* memory, std::uint64_t most_states)
      : make_(make), memory_(memory), most_states_(most_states) {}
  ~depth_first() { forget(); }
  depth_first(const depth_first&) = delete;
  depth_first& operator=(const depth_first&) = delete;

  exploration run() {
    begin();
    arrive();
    while (open_ > 0 && found_.failure.empty() && found_.complete) {
      frame& top = path_[open_ - 1];
      if (top.next == top.choices) {
        close();
        continue;
      }
      if (top.next > 0) go_back_to(open_ - 1);
      step(top.next++);
      ++found_.transitions;
      arrive();
    }
    return std::move(found_);
  }

 private:
  struct frame {
    std::uint64_t state = 0;  ///< its fingerprint
    std::uint32_t choices = 0;
    std::uint32_t next = 0;
    double histories = 0;
    rewind_memory::state saved;
  };

  void begin() {
    const within inside(memory_);
    machine_ = make_();
  }
  /// The machine's memory may be one that is given back as a whole.
  void forget() {
    const within inside(memory_);
    machine_.reset();
  }
  void step(std::uint32_t choice) {
    const within inside(memory_);
    machine_->take(choice);
  }

  /// The machine is in a state that nobody has looked at since the last step.
  void arrive() {
    std::uint64_t state = 0;
    std::uint32_t choices = 0;
    bool complete = false;
    {
      const within inside(memory_);
      state = machine_->fingerprint();
      choices = machine_->choices();
      complete = machine_->complete();
    }
    if (!machine_->failure().empty()) {
      found_.failure = std::string(machine_->failure());
      for (std::size_t i = 0; i < open_; ++i) found_.choices.push_back(path_[i].next - 1);
      return;
    }
    const auto known = seen_.find(state);
    if (known != seen_.end()) {
      path_[open_ - 1].histories += known->second;
      return;
    }
    if (found_.states == most_states_) {
      found_.complete = false;
      return;
    }
    seen_.emplace(state, 0);
    ++found_.states;
    if (complete) ++found_.ends;
    found_.depth = std::max<std::uint64_t>(found_.depth, open_);
    if (open_ == path_.size()) path_.emplace_back();
    frame& next = path_[open_++];
    next.state = state;
    next.choices = choices;
    next.next = 0;
    next.histories = complete ? 1 : 0;
    if (choices > 1 && memory_ != nullptr) memory_->save(next.saved);
  }

  /// All that follows from the newest state is known.
  void close() {
    const frame& done = path_[--open_];
    seen_[done.state] = done.histories;
    if (open_ == 0) {
      found_.histories = done.histories;
    } else {
      path_[open_ - 1].histories += done.histories;
    }
  }

  void go_back_to(std::size_t depth) {
    if (memory_ != nullptr) return memory_->restore(path_[depth].saved);
    machine_ = make_();
    for (std::size_t i = 0; i < depth; ++i) machine_->take(path_[i].next - 1);
  }

  const machine_maker& make_;
  rewind_memory* memory_;
  std::uint64_t most_states_;
  std::unique_ptr<machine> machine_;
  std::vector<frame> path_;  ///< the first `open_` count; the others keep their memory
  std::size_t open_ = 0;
  boost::unordered_flat_map<std::uint64_t, double> seen_;  ///< and how many histories follow
  exploration found_;
};

}  // namespace

exploration explore(const machine_maker& make, rewind_memory* memory, std::uint64_t most_states) {
  return depth_first(make, memory, most_states).run();
}

std::string to_text(std::span<const std::uint32_t> choices) {
  std::string text;
  for (std::size_t i = 0; i < choices.size();) {
    std::size_t run = 1;
    while (i + run < choices.size() && choices[i + run] == choices[i]) ++run;
    if (!text.empty()) text.push_back(' ');
    text += run == 1 ? fmt::format("{}", choices[i]) : fmt::format("{}*{}", choices[i], run);
    i += run;
  }
  return text;
}

std::optional<std::vector<std::uint32_t>> parse_choices(std::string_view text) {
  constexpr std::uint32_t most = 1'000'000;
  std::vector<std::uint32_t> choices;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](std::uint32_t& value) {
    const auto [rest, failure] = std::from_chars(at, end, value);
    at = rest;
    return failure == std::errc{} && value <= most;
  };
  while (at != end) {
    if (*at == ' ') {
      ++at;
      continue;
    }
    std::uint32_t choice = 0;
    std::uint32_t times = 1;
    if (!number(choice)) return std::nullopt;
    if (at != end && *at == '*') {
      ++at;
      if (!number(times)) return std::nullopt;
    }
    if (at != end && *at != ' ') return std::nullopt;
    choices.insert(choices.end(), times, choice);
  }
  return choices;
}

}  // namespace settle::sim
