// Reads one HTTP/1.1 (or 1.0) response from a stream of bytes (RFC 9112), pure and incremental:
// content by length, in chunks, or until the connection closes; interim 1xx responses are skipped.
// Written instead of taking Beast's because the load generator spends its time here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace settle::http {

class response_parser {
 public:
  enum class state { more, done, bad };

  /// Forgets the response read, keeps the memory. Answers to HEAD requests are not read here.
  void reset();
  /// Reads what it can; `used` is how many bytes were of this response.
  state feed(std::string_view bytes, std::size_t& used);
  /// The peer has closed the connection.
  state end_of_stream();

  // REQUIRES for all of these: the state is done.
  int status() const { return status_; }
  std::string_view body() const { return body_; }
  /// The connection can carry another request.
  bool keep_alive() const { return keep_alive_; }
  std::optional<int> retry_after_s() const { return retry_after_s_; }

 private:
  enum class part {
    status,
    field,
    length,
    until_close,
    chunk_size,
    chunk,
    chunk_end,
    trailer,
    complete,
    bad
  };

  bool take_line(std::string_view& rest, std::string_view& line);
  void read_line(std::string_view line);
  bool read_status_line(std::string_view line);
  void read_field(std::string_view line);
  void choose_body();
  void read_chunk_size(std::string_view line);
  void read_content(std::string_view& rest);

  part part_ = part::status;
  std::string line_;            ///< the beginning of a line that is not whole yet
  std::size_t head_bytes_ = 0;  ///< of lines without content between them
  std::string body_;
  int status_ = 0;
  bool keep_alive_ = true;
  bool chunked_ = false;
  std::optional<std::size_t> length_;
  std::size_t left_ = 0;  ///< bytes of the content or chunk still to come
  std::optional<int> retry_after_s_;
};

}  // namespace settle::http
