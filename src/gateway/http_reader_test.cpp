// Requests cut out of what was received, without a socket.
#include "gateway/http_reader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace settle::gateway {
namespace {

using progress = http_reader::progress;

class http_reader_test : public ::testing::Test {
 protected:
  /// As much at once as there is room for.
  progress receive(std::string_view bytes) {
    while (true) {
      const auto room = reader.room();
      const std::size_t n = std::min(room.size(), bytes.size());
      std::memcpy(room.data(), bytes.data(), n);
      reader.received(n);
      bytes.remove_prefix(n);
      progress got = reader.parse();
      if (got == progress::need_more) got = reader.make_room();
      if (got != progress::need_more || bytes.empty()) return got;
    }
  }
  /// Of a request of its own.
  progress receive_next(std::string_view bytes) {
    reader.finish();
    reader.begin({});
    return receive(bytes);
  }
  /// Makes the buffer as large as it gets.
  void receive_long_header() {
    const std::string header = with_header_of(limits::header_bytes);
    reader.begin({});
    ASSERT_EQ(receive(header.substr(0, header.size() - 1)), progress::need_more);
    ASSERT_EQ(receive(header.substr(header.size() - 1)), progress::complete);
  }
  static std::string with_header_of(std::size_t size) {
    std::string header = "GET /a HTTP/1.1\r\nHost: x\r\nA: ";
    header.append(size - header.size() - 4, 'x').append("\r\n\r\n");
    return header;
  }

  http_request request;
  http_reader reader{request};
};

TEST_F(http_reader_test, a_header_ends_at_its_limit_whether_it_comes_at_once_or_not) {
  reader.begin({});
  EXPECT_EQ(receive(with_header_of(limits::header_bytes)), progress::complete);
  EXPECT_EQ(receive_next(with_header_of(limits::header_bytes)), progress::complete);
  EXPECT_EQ(receive_next(with_header_of(limits::header_bytes + 1)), progress::refused);
  EXPECT_EQ(reader.refusal().code, problem_code::header_too_large);
}

TEST_F(http_reader_test, what_follows_a_header_is_not_counted_as_part_of_it) {
  receive_long_header();
  const std::string one = "GET /abc HTTP/1.1\r\nHost: x\r\n\r\n";
  std::string many;
  std::size_t count = 0;
  for (; many.size() <= limits::header_bytes; ++count) many.append(one);
  EXPECT_EQ(receive_next(many), progress::complete);
  EXPECT_LT(reader.room().size(), 2 * limits::header_bytes - many.size() + 1) << "it was one read";
  for (; count > 1; --count) {
    reader.finish();
    reader.begin({});
    ASSERT_EQ(reader.parse(), progress::complete);
    EXPECT_EQ(request.target, "/abc");
  }
  const std::string post = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n";
  EXPECT_EQ(receive_next(post + std::string(20'000, 'b')), progress::complete);
}

TEST_F(http_reader_test, expectations_of_http_1_0_are_ignored) {
  const std::string field = "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  reader.begin({});
  EXPECT_EQ(receive("POST /a HTTP/1.1\r\nHost: x\r\n" + field), progress::need_more);
  EXPECT_TRUE(reader.expects_continue());
  EXPECT_EQ(receive("abc"), progress::complete);
  EXPECT_EQ(receive_next("POST /a HTTP/1.0\r\n" + field), progress::need_more);
  EXPECT_FALSE(reader.expects_continue());
  EXPECT_EQ(receive("abc"), progress::complete);
  EXPECT_EQ(receive_next("GET /a HTTP/1.0\r\nExpect: magic\r\n\r\n"), progress::complete);
  EXPECT_EQ(receive_next("GET /a HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n"), progress::refused);
  EXPECT_EQ(reader.refusal().code, problem_code::expectation_failed);
}

}  // namespace
}  // namespace settle::gateway
