// The scripts that run in Redis. Each touches one key.
//
// With the line `#!lua` a script is refused as a whole when the server is full, has disk errors, is
// a replica or misses replicas; `allow-oom` lets it run on a full one, `no-writes` in all of these
// cases (scriptPrepareForRun in Redis's script.c); nothing lets it write in the others. And once it
// has written, Redis lets none of these stop it. (Before Redis 7, which knows no such line, a
// script could begin and fail half way.)
#pragma once

#include <array>
#include <string>

namespace settle::redis {

struct script {
  std::string text;
  std::string digest;  ///< SHA-1, hexadecimal: its name for EVALSHA
};

/// KEYS[1]: a partition. ARGV: the expected position; how many fields are erased; then fields and
/// values in turn, the first pair being the position; then the erased fields. 1: done. 0: the
/// position is another one, nothing was done.
const script& commit_script();

/// KEYS[1]: the members. ARGV: who calls; the time to live in ms; its roles; 1 if it leaves; the
/// partitions that it wants, and those that it gives up, three bytes each. Answers for each member
/// its name, its roles, and what it holds.
const script& roll_call_script();

/// The same answer to somebody who is no member, and writes nothing. ARGV: empty; the time to live.
const script& ask_members_script();

std::array<const script*, 3> all_scripts();

}  // namespace settle::redis
