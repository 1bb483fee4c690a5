#include "adapters/redis/scripts.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <initializer_list>
#include <utility>

#include "base/check.hpp"

namespace settle::redis {
namespace {

// What Lua hands to a function it keeps on a stack of 8,000 values: hence parts. The first HSET may
// be refused, and then nothing was done; what follows a write cannot fail any more for the server's
// reasons, and the user's right to HDEL is asked before it is too late for no.
constexpr std::string_view commit_text = R"(#!lua
local key, last, erased = KEYS[1], #ARGV, tonumber(ARGV[2])
if (redis.call('HGET', key, '') or '') ~= ARGV[1] then return 0 end
if erased > 0 and not redis.acl_check_cmd('HDEL', key, '') then
  return redis.error_reply('NOPERM this user may not run HDEL')
end
for i = 3, last - erased, 7000 do
  redis.call('HSET', key, unpack(ARGV, i, math.min(i + 6999, last - erased)))
end
for i = last - erased + 1, last, 7000 do
  redis.call('HDEL', key, unpack(ARGV, i, math.min(i + 6999, last)))
end
return 1
)";

// A member is a field: until when, its roles and name, and what it holds. An end that is further
// away than the time to live was written by another server's clock, before a failover: it says
// nothing.
constexpr std::string_view members_text = R"(
local key, self, ttl = KEYS[1], ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HGETALL', key)
local answer, gone, taken, mine = {}, {}, {}, ''
for i = 1, #known, 2 do
  local ends, its_roles, holds = string.match(known[i + 1], '^(%d+) (%d+ %S*) (.*)$')
  local left = (tonumber(ends) or 0) - now
  if left <= 0 or left > ttl then
    gone[#gone + 1] = known[i]
  elseif known[i] == self then
    mine = holds
  else
    answer[#answer + 1] = known[i]
    answer[#answer + 1] = its_roles
    answer[#answer + 1] = holds
    for p = 1, #holds, 3 do taken[string.sub(holds, p, p + 2)] = true end
  end
end
)";

// Leases are a few bytes that others wait for, also while there is no room for commits.
constexpr std::string_view roll_call_head = "#!lua flags=allow-oom";
constexpr std::string_view roll_call_text = R"(
local roles, leaving, wanted, given_up = ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6]
if #gone > 0 then redis.call('HDEL', key, unpack(gone, 1, math.min(#gone, 7000))) end
if leaving then
  redis.call('HDEL', key, self)
  return answer
end
for p = 1, #given_up, 3 do taken[string.sub(given_up, p, p + 2)] = true end
local holds = {}
local function hold(list)
  for p = 1, #list, 3 do
    local one = string.sub(list, p, p + 2)
    if not taken[one] then
      taken[one] = true
      holds[#holds + 1] = one
    end
  end
end
hold(mine)
hold(wanted)
mine = table.concat(holds)
redis.call('HSET', key, self, string.format('%.0f ', now + ttl) .. roles .. ' ' .. mine)
answer[#answer + 1] = self
answer[#answer + 1] = roles
answer[#answer + 1] = mine
return answer
)";

// Whatever keeps a server from writing, it still tells who is there.
constexpr std::string_view ask_members_head = "#!lua flags=no-writes";
constexpr std::string_view ask_members_text = R"(
return answer
)";

script make(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  const int done = EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  CHECK(done == 1, "SHA-1 is there");
  script made{std::move(text), {}};
  for (unsigned i = 0; i < size; ++i) made.digest += fmt::format("{:02x}", digest[i]);
  return made;
}

}  // namespace

const script& commit_script() {
  static const script known = make({commit_text});
  return known;
}

const script& roll_call_script() {
  static const script known = make({roll_call_head, members_text, roll_call_text});
  return known;
}

const script& ask_members_script() {
  static const script known = make({ask_members_head, members_text, ask_members_text});
  return known;
}

std::array<const script*, 3> all_scripts() {
  return {&commit_script(), &roll_call_script(), &ask_members_script()};
}

}  // namespace settle::redis
