// A pool of connections to PostgreSQL for coroutines: one statement at a time on each, and who
// finds none free waits in line. Prepared statements only.
// Concurrency: everything on the thread of the context. The pool outlives its statements.
#pragma once

#include <libpq-fe.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace settle::bench {

struct result_deleter {
  void operator()(PGresult* r) const noexcept { PQclear(r); }
};
/// The rows, or the error, of one statement.
using statement_result = std::unique_ptr<PGresult, result_deleter>;

struct prepared_statement {
  std::string name;
  std::string text;
};

class database {
 public:
  /// Connects and prepares, blocking; throws std::runtime_error where that fails.
  /// REQUIRES: connections > 0.
  database(boost::asio::io_context& context, const std::string& where, std::size_t connections,
           std::span<const prepared_statement> statements);
  ~database();
  database(const database&) = delete;
  database& operator=(const database&) = delete;

  /// Runs a prepared statement in a transaction of its own. A connection that fails ends the
  /// program: a front without its database has nothing to measure.
  boost::asio::awaitable<statement_result> run(std::string_view name,
                                               std::span<const std::string> parameters);

 private:
  struct session;
  struct waiter;
  class lease;

  boost::asio::awaitable<session*> acquire();
  void release(session* free) noexcept;

  boost::asio::io_context& context_;
  std::vector<std::unique_ptr<session>> all_;
  std::vector<session*> idle_;
  std::deque<waiter*> waiting_;
};

}  // namespace settle::bench
