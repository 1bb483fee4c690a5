// Explores small worlds: the command line, and the memory that the arena stands in for.
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "base/mutation.hpp"
#include "sim/exhaustive/arena.hpp"
#include "sim/exhaustive/small_world.hpp"

void* operator new(std::size_t bytes, std::align_val_t alignment) {
  const auto align = static_cast<std::size_t>(alignment);
  if (settle::sim::arena* arena = settle::sim::arena::current()) return arena->take(bytes, align);
  const std::size_t whole = (std::max<std::size_t>(bytes, 1) + align - 1) / align * align;
  void* block = std::aligned_alloc(align, whole);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t bytes) {
  return operator new(bytes, std::align_val_t{__STDCPP_DEFAULT_NEW_ALIGNMENT__});
}
void operator delete(void* block) noexcept {
  if (settle::sim::arena* arena = settle::sim::arena::of(block)) return arena->give(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  operator delete(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  operator delete(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  operator delete(block);
}

namespace {

using namespace settle;
using namespace settle::sim;

constexpr const char* footer = R"(
Each world is explored in a process of its own. Numbers: states that were visited, transitions
between them, ends (states in which a history may end), histories (orders of steps from the
beginning to an end), depth (steps of the longest).

examples:
  exhaust                                   all small worlds but those of --long
  exhaust kill go_back                      these two
  exhaust --replay kill '0 3 0*7 2'         one history, with everything that happens
  exhaust --mutation load_unchecked         does any world show a planted mistake?

exit code: 0 no violation (with --mutation: it was found), 1 otherwise, 2 wrong usage)";

constexpr std::size_t arena_bytes = std::size_t{1} << 28;

std::optional<mutation> find_mutation(std::string_view wanted) {
#define X(name, rule, what) \
  if (wanted == #name) return mutation::name;
  SETTLE_MUTATION_LIST(X)
#undef X
  return std::nullopt;
}

const small_scope* find_scope(std::string_view wanted) {
  const auto& all = small_scopes();
  const auto found = std::ranges::find(all, wanted, &small_scope::name);
  return found == all.end() ? nullptr : &*found;
}

/// Time stands still here, so what a line says of it is left out.
std::string_view without_time(std::string_view line, std::string_view mark) {
  const std::size_t end = line.find(mark);
  return end == line.npos ? line : line.substr(end + mark.size());
}

/// True: it went well.
bool replay(const small_scope& scope, std::span<const std::uint32_t> choices) {
  small_world world(
      scope, [](const std::string& line) { fmt::print("{}\n", without_time(line, ".000000 ")); });
  bool ends = world.complete();
  for (const std::uint32_t choice : choices) {
    if (choice >= world.choices()) {
      fmt::print("here are {} choices, {} is none of them\n", world.choices(), choice);
      return false;
    }
    world.take(choice);
    ends = world.complete();
  }
  if (!world.failure().empty()) {
    fmt::print("violation: {}\n", without_time(world.failure(), " s: "));
    return false;
  }
  fmt::print("no violation; {}\n", ends ? "all is at rest" : "it goes on from here");
  return true;
}

/// True: no violation. Shows what came of it.
bool explore(const small_scope& scope, std::uint64_t most_states, const std::string& mutant) {
  const auto make = [&] { return std::make_unique<small_world>(scope, small_world::trace{}); };
  make();  // what is made once a process lies outside of the arena
  const auto begin = std::chrono::steady_clock::now();
  exploration found;
  {
    arena memory(arena_bytes);
    found = sim::explore(make, &memory, most_states);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{:<22} {:>9} {:>11} {:>8} {:>10.2g} {:>5} {:>7.1f}  {}\n", scope.name, found.states,
             found.transitions, found.ends, found.histories, found.depth, took.count(),
             found.complete ? scope.about : "not all: --most-states");
  if (found.failure.empty()) return found.complete;
  const std::string choices = to_text(found.choices);
  const std::string with = mutant.empty() ? "" : fmt::format(" --mutation {}", mutant);
  fmt::print("\nviolation in {}, step {}: {}\n", scope.name, found.choices.size(),
             without_time(found.failure, " s: "));
  fmt::print("again: build/sim/exhaust{} --replay {} '{}'\n", with, scope.name, choices);
  if (mutant.empty()) replay(scope, found.choices);
  return false;
}

struct outcome {
  const small_scope* scope = nullptr;
  int status = 0;
};

/// Each world in a child; `stop` at the first violation.
std::vector<outcome> explore_all(const std::vector<const small_scope*>& scopes, std::size_t jobs,
                                 bool stop, const std::function<bool(const small_scope&)>& one) {
  std::vector<outcome> ended;
  std::map<pid_t, const small_scope*> running;
  std::size_t next = 0;
  while (next < scopes.size() || !running.empty()) {
    if (next < scopes.size() && running.size() < jobs) {
      const small_scope* scope = scopes[next++];
      std::fflush(stdout);
      const pid_t child = fork();
      if (child == 0) {
        const bool good = one(*scope);
        std::fflush(stdout);
        _exit(good ? 0 : 1);
      }
      running[child] = scope;
      continue;
    }
    int status = 0;
    const pid_t child = wait(&status);
    ended.push_back({running[child], status});
    running.erase(child);
    if (!stop || status == 0) continue;
    for (const auto& [other, scope] : running) kill(other, SIGKILL);
    next = scopes.size();
    stop = false;
  }
  return ended;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Explores every interleaving of small worlds.", "exhaust");
  app.footer(footer);
  std::vector<std::string> wanted;
  std::vector<std::string> again;
  std::string wanted_mutation;
  std::uint64_t most_states = 20'000'000;
  std::size_t jobs = std::max(1U, std::thread::hardware_concurrency());
  bool long_form = false;
  bool list = false;
  app.add_option("SCOPE", wanted, "names of small worlds (all but those of --long)");
  app.add_flag("--long", long_form, "those that take minutes, too");
  app.add_option("--jobs", jobs, "worlds at a time (one a core)");
  app.add_option("--most-states", most_states, "of one world; more is a failure (20 million)");
  app.add_option("--mutation", wanted_mutation, "plant a mistake, and stop when it is found");
  app.add_option("--replay", again, "SCOPE CHOICES: show one history")->expected(2);
  app.add_flag("--list", list, "name the worlds, and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    return app.exit(failure) == 0 ? 0 : 2;
  }
  const auto complain = [](const std::string& what) {
    fmt::print(stderr, "exhaust: {}\n", what);
    return 2;
  };
  if (list) {
    for (const small_scope& s : small_scopes()) {
      fmt::print("{:<22} {}{}\n", s.name, s.about, s.long_form ? " (--long)" : "");
    }
    return 0;
  }
  spdlog::set_level(spdlog::level::off);
  if (!wanted_mutation.empty()) {
    const auto found = find_mutation(wanted_mutation);
    if (!found) return complain("no such mutation; simulate --list-mutations names them");
    planted_mutation = *found;
  }
  if (!again.empty()) {
    const small_scope* scope = find_scope(again[0]);
    const auto choices = parse_choices(again[1]);
    if (scope == nullptr || !choices) return complain("--replay wants a scope and its choices");
    return replay(*scope, *choices) ? 0 : 1;
  }
  std::vector<const small_scope*> scopes;
  for (const small_scope& s : small_scopes()) {
    if (wanted.empty() && (long_form || !s.long_form)) scopes.push_back(&s);
  }
  for (const std::string& name : wanted) {
    if (find_scope(name) == nullptr) return complain("no such world; --list names them: " + name);
    scopes.push_back(find_scope(name));
  }
  fmt::print("{:<22} {:>9} {:>11} {:>8} {:>10} {:>5} {:>7}\n", "world", "states", "transitions",
             "ends", "histories", "depth", "seconds");
  const bool planted = !wanted_mutation.empty();
  const auto ended = explore_all(scopes, jobs, planted, [&](const small_scope& s) {
    return explore(s, most_states, wanted_mutation);
  });
  const auto bad = std::ranges::find_if(ended, [](const outcome& o) { return o.status != 0; });
  for (const outcome& o : ended) {
    if (WIFSIGNALED(o.status) && WTERMSIG(o.status) == SIGABRT) {
      fmt::print("the exploration of {} ended its process\n", o.scope->name);
    }
  }
  if (planted && bad != ended.end()) fmt::print("found in {}\n", bad->scope->name);
  return (bad == ended.end()) != planted ? 0 : 1;
}
