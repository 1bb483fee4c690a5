// A Redis that wants TLS, a user and a password.
#include "redis_faults.hpp"

namespace settle::contract {
namespace {

class redis_secure_faults : public redis_faults {
 protected:
  redis_secure_faults() {
    options.open_timeout_ms = 1'000;
    options.prefix.insert(0, "settle:");  // where the user has rights
  }
  error failure(const std::string& what, const std::string& by) {
    redis_options wrong = options;
    wrong.url.replace(wrong.url.find(what), what.size(), by);
    const auto opened = open_redis_store(wrong);
    return opened ? error{errc::unknown, "it was opened"} : opened.error();
  }
};

TEST_F(redis_secure_faults, the_right_ones_get_in_also_after_a_restart) {
  for (const redis_commit commit_by : {redis_commit::lua, redis_commit::watch}) {
    options.commit = commit_by;
    options.prefix += "x";
    const auto opened = open();
    ASSERT_EQ(commit(*opened, batch(0, 1, {{"large", std::string(3'000'000, 'x')}})),
              commit_outcome::committed);
    owner_thread owner(*opened, stock_1);
    owner.await(100);
    ask("kill 1");
    ask("start 1");
    owner.await(100);
    owner.stop();
    EXPECT_EQ(owner.lost, 0U);
    EXPECT_TRUE(read(*opened, {"large"}).values[0] == std::string(3'000'000, 'x'));
  }
}

TEST_F(redis_secure_faults, documented_rights_are_enough) {
  const captured_log log;
  options.url.insert(options.url.find('?'), "/1");
  for (const redis_commit commit_by : {redis_commit::lua, redis_commit::watch}) {
    options.commit = commit_by;
    options.prefix += "x";
    options.mode = opening::import;
    {
      const auto importing = open();
      ASSERT_EQ(commit(*importing, batch(0, 1, {{"a", "1"}, {"b", "2"}})),
                commit_outcome::committed);
      ASSERT_EQ(commit(*importing, batch(1, 2, {{"a", "2"}}, {"b"})), commit_outcome::committed);
      const auto finished = finish_redis_import(options, importing->describe(),
                                                {{stock_0, {.watermark = offset{2}}}});
      ASSERT_TRUE(finished) << finished.error().detail;
    }
    options.mode = opening::existing;
    const auto opened = open();
    EXPECT_EQ(read(*opened, {"a"}).values[0], "2");
    for (const bool member : {true, false}) {
      const auto called = call_roll(*opened, member);
      EXPECT_TRUE(called->status) << called->status.error().detail;
    }
    const auto walked = scan(*opened);
    EXPECT_TRUE(walked->status) << walked->status.error().detail;
    EXPECT_EQ(walked->entries.size(), 1U);
    ask("ask 1 CLIENT KILL TYPE normal SKIPME yes");  // who comes back describes the system again
    eventually("it answers again", [&] { return bool(read(*opened).status); });
  }
  EXPECT_FALSE(log.has("NOPERM"));
  EXPECT_FALSE(log.has("event=store_settings_unknown"));
  EXPECT_FALSE(log.has("event=store_not_described"));
}

TEST_F(redis_secure_faults, server_that_nobody_vouches_for_is_not_talked_to) {
  const error unknown = failure(options.url.substr(options.url.find("?ca=")), "");
  EXPECT_EQ(unknown.code, errc::unavailable) << unknown.detail;
  EXPECT_NE(unknown.detail.find("certificate verify failed"), std::string::npos) << unknown.detail;
  const error other_name = failure("127.0.0.1", "localhost");
  EXPECT_EQ(other_name.code, errc::unavailable) << other_name.detail;
  EXPECT_NE(other_name.detail.find("TLS"), std::string::npos) << other_name.detail;
}

TEST_F(redis_secure_faults, wrong_ones_do_not_get_in) {
  EXPECT_EQ(failure("settle:", "nobody:").code, errc::invalid);
  EXPECT_EQ(failure("se%3A", "wrong").code, errc::invalid);
  const std::string file = options.url.substr(options.url.find("?ca=") + 4);
  const error missing = failure(file, "/nowhere/ca.crt");
  EXPECT_EQ(missing.code, errc::invalid) << missing.detail;
  EXPECT_NE(missing.detail.find("/nowhere/ca.crt"), std::string::npos) << missing.detail;
}

TEST_F(redis_secure_faults, plain_connection_ends_without_an_answer) {
  redis_options without = options;
  without.url = "redis" + options.url.substr(6, options.url.find('?') - 6);
  const auto opened = open_redis_store(without);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable) << opened.error().detail;
}

}  // namespace
}  // namespace settle::contract
