// A lean HTTP/1.1 client that keeps many connections busy: each one asks the traffic for its next
// request, sends it, hands back the reply, and asks again. Everything runs in the thread that calls
// run(); for more threads take more clients. Connections stay open between runs.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/http/url.hpp"

namespace settle::http {

using clock = std::chrono::steady_clock;

enum class fate {
  answered,
  not_sent,  ///< no connection: the request had no effect
  lost,      ///< sent, but no answer: whether it had an effect is unknown
};

struct reply {
  fate outcome = fate::lost;
  int status = 0;                    ///< 0 unless answered
  std::string_view body;             ///< valid during the call
  std::optional<int> retry_after_s;  ///< what the server asks for
  std::string_view failure;          ///< why there is no answer
  clock::time_point sent;
  clock::time_point done;
};

/// What a connection does next.
struct turn {
  enum class kind { send, wait, finished };
  kind what = kind::finished;
  clock::time_point until{};  ///< of a wait; then the connection asks again

  static turn send() { return {kind::send, {}}; }
  static turn wait(clock::time_point until) { return {kind::wait, until}; }
  static turn finished() { return {}; }
};

/// Where requests come from and replies go. Called from the client's thread only.
class traffic {
 public:
  virtual ~traffic() = default;
  /// Writes the bytes of the next request into `request`, which is empty, if the answer is send().
  /// After finished() the connection does not ask again in this run.
  virtual turn next(std::size_t connection, clock::time_point now, std::string& request) = 0;
  virtual void done(std::size_t connection, const reply& reply) = 0;
  /// Ten times a second.
  virtual void tick(clock::time_point) {}
};

class client {
 public:
  /// Resolves the host and opens one connection, so that a wrong address is reported at once
  /// (errc::unavailable). A request without an answer within `timeout` is lost.
  static result<client> open(const url& target, std::size_t connections, clock::duration timeout);

  /// Returns when every connection has finished and no request is under way.
  void run(traffic& source);

  client(client&&) noexcept;
  client& operator=(client&&) noexcept;
  ~client();

 private:
  class loop;
  explicit client(std::unique_ptr<loop> state);
  std::unique_ptr<loop> loop_;
};

/// `METHOD prefix+path HTTP/1.1` with its fields, ready to send; a POST has an empty body.
std::string request_text(const url& target, std::string_view method, std::string_view path,
                         std::string_view idempotency_key = {});

/// Lets this process open as many files as the system permits it, and returns how many those are.
std::size_t allow_many_connections();

}  // namespace settle::http
