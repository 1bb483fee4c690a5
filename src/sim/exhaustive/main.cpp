// Explores every interleaving of small worlds.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

#include "base/mutation.hpp"
#include "sim/exhaustive/arena.hpp"
#include "sim/exhaustive/small_world.hpp"

// The program's memory: what a small world allocates lies in its arena.
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  if (settle::sim::arena* arena = settle::sim::arena::current()) {
    return arena->take(bytes, static_cast<std::size_t>(alignment));
  }
  const auto align = static_cast<std::size_t>(alignment);
  void* block = std::aligned_alloc(align, (std::max<std::size_t>(bytes, 1) + align - 1) / align * align);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t bytes) { return operator new(bytes, std::align_val_t{16}); }
void operator delete(void* block) noexcept {
  if (settle::sim::arena* arena = settle::sim::arena::of(block)) return arena->give(block);
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept { operator delete(block); }
void operator delete(void* block, std::align_val_t) noexcept { operator delete(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { operator delete(block); }

namespace {
using namespace settle;
using namespace settle::sim;
}  // namespace

int main(int argc, char** argv) {
  spdlog::set_level(spdlog::level::off);
  const std::string wanted = argc > 1 ? argv[1] : "calm";
  const std::string mutant = argc > 3 ? argv[3] : "";
#define X(name, rule, what) if (mutant == #name) planted_mutation = mutation::name;
  SETTLE_MUTATION_LIST(X)
#undef X
  const std::uint64_t most = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
  for (small_scope s : small_scopes()) {
    if (wanted != s.name) continue;
    if (getenv("CLAIMS")) s.claims = (unsigned)atoi(getenv("CLAIMS"));
    if (getenv("ANS")) s.answers_apart = atoi(getenv("ANS"));
    if (getenv("REC")) s.records_apart = atoi(getenv("REC"));
    if (getenv("OPENS")) s.second_opens = atoi(getenv("OPENS"));
    if (getenv("TIMERS")) s.early_timers = (unsigned)atoi(getenv("TIMERS"));
    const auto make = [&] { return std::make_unique<small_world>(s, small_world::trace{}); };
    make();
    arena memory(std::size_t{1} << 26);
    const auto begin = std::chrono::steady_clock::now();
    const exploration e = explore(make, &memory, most);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print("{:<16} states {:>9} transitions {:>9} ends {:>7} histories {:.3g} depth {} {:.1f}s {}\n", s.name, e.states,
               e.transitions, e.ends, e.histories, e.depth, seconds, e.complete ? "" : "CUT");
    if (!e.failure.empty()) {
      fmt::print("FAIL {}\n  --replay '{}'\n", e.failure, to_text(e.choices));
      small_world again(s, [](const std::string& line) { fmt::print("  {}\n", line); });
      again.complete();
      for (auto c : e.choices) { again.take(c); again.complete(); }
      fmt::print("again: {}\n", again.failure());
    }
  }
}
