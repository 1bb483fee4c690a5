#include "cli/http/response_parser.hpp"

#include <gtest/gtest.h>

namespace settle::http {
namespace {

using state = response_parser::state;

/// Feeds the bytes in pieces of `piece`; returns the last state.
state feed_in_pieces(response_parser& parser, std::string_view bytes, std::size_t piece) {
  state last = state::more;
  while (!bytes.empty() && last == state::more) {
    std::size_t used = 0;
    const std::string_view now = bytes.substr(0, piece);
    last = parser.feed(now, used);
    bytes.remove_prefix(used);
    if (used < now.size()) break;
  }
  return last;
}

TEST(response_parser, content_by_length_in_any_pieces_is_read) {
  const std::string text =
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nContent-Type: text/plain\r\n\r\nhello";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    response_parser parser;
    ASSERT_EQ(feed_in_pieces(parser, text, piece), state::done) << piece;
    EXPECT_EQ(parser.status(), 200);
    EXPECT_EQ(parser.body(), "hello");
    EXPECT_TRUE(parser.keep_alive());
  }
}

TEST(response_parser, chunks_with_extension_and_trailer_in_any_pieces_are_read) {
  const std::string text =
      "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
      "3;a=b\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    response_parser parser;
    ASSERT_EQ(feed_in_pieces(parser, text, piece), state::done) << piece;
    EXPECT_EQ(parser.status(), 400);
    EXPECT_EQ(parser.body(), "abc0123456789");
    EXPECT_FALSE(parser.keep_alive());
  }
}

TEST(response_parser, content_without_length_ends_with_the_connection) {
  response_parser parser;
  ASSERT_EQ(feed_in_pieces(parser, "HTTP/1.0 200 OK\r\n\r\nall of it", 4), state::more);
  EXPECT_EQ(parser.end_of_stream(), state::done);
  EXPECT_EQ(parser.body(), "all of it");
  EXPECT_FALSE(parser.keep_alive());
}

TEST(response_parser, connection_closed_too_early_is_bad) {
  response_parser parser;
  ASSERT_EQ(feed_in_pieces(parser, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 99),
            state::more);
  EXPECT_EQ(parser.end_of_stream(), state::bad);
}

TEST(response_parser, interim_response_is_skipped) {
  response_parser parser;
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: "
      "0\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    parser.reset();
    ASSERT_EQ(feed_in_pieces(parser, text, piece), state::done) << piece;
    EXPECT_EQ(parser.status(), 503);
    EXPECT_EQ(parser.retry_after_s(), 2);
  }
}

TEST(response_parser, bytes_of_the_next_response_are_left) {
  response_parser parser;
  std::size_t used = 0;
  const std::string_view text = "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 2";
  ASSERT_EQ(parser.feed(text, used), state::done);
  EXPECT_EQ(text.substr(used), "HTTP/1.1 2");
}

TEST(response_parser, nonsense_is_bad) {
  for (const char* text :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
    response_parser parser;
    EXPECT_EQ(feed_in_pieces(parser, text, 999), state::bad) << text;
  }
}

}  // namespace
}  // namespace settle::http
