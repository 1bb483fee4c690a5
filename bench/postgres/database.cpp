#include "database.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "base/check.hpp"

namespace settle::bench {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t most_parameters = 8;

struct connection_deleter {
  void operator()(PGconn* c) const noexcept { PQfinish(c); }
};

[[noreturn]] void lost(PGconn* connection) {
  spdlog::critical("the database is lost: {}", PQerrorMessage(connection));
  std::exit(1);
}

}  // namespace

struct database::session {
  std::unique_ptr<PGconn, connection_deleter> connection;
  asio::posix::stream_descriptor socket;  ///< a duplicate, so that each side closes its own
};

struct database::waiter {
  asio::steady_timer wake;
  session* given = nullptr;
};

/// Gives the session back, whatever happens.
class database::lease {
 public:
  lease(database& pool, session& held) : pool_(pool), held_(held) {}
  ~lease() { pool_.release(&held_); }
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;

 private:
  database& pool_;
  session& held_;
};

database::database(asio::io_context& context, const std::string& where, std::size_t connections,
                   std::span<const prepared_statement> statements)
    : context_(context) {
  for (std::size_t i = 0; i < connections; ++i) {
    std::unique_ptr<PGconn, connection_deleter> opened(PQconnectdb(where.c_str()));
    PGconn* const raw = opened.get();
    if (PQstatus(raw) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(raw));
    for (const auto& [name, text] : statements) {
      const statement_result done(PQprepare(raw, name.c_str(), text.c_str(), 0, nullptr));
      if (PQresultStatus(done.get()) != PGRES_COMMAND_OK) {
        throw std::runtime_error(text + ": " + PQerrorMessage(raw));
      }
    }
    if (PQsetnonblocking(raw, 1) != 0) throw std::runtime_error(PQerrorMessage(raw));
    all_.push_back(std::make_unique<session>(
        session{std::move(opened), asio::posix::stream_descriptor(context, dup(PQsocket(raw)))}));
    idle_.push_back(all_.back().get());
  }
}

database::~database() = default;

asio::awaitable<database::session*> database::acquire() {
  if (!idle_.empty()) {
    session* const free = idle_.back();
    idle_.pop_back();
    co_return free;
  }
  waiter mine{asio::steady_timer(context_, asio::steady_timer::time_point::max())};
  waiting_.push_back(&mine);
  error_code cancelled;
  co_await mine.wake.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  CHECK(mine.given != nullptr, "who waits is woken with a session");
  co_return mine.given;
}

void database::release(session* free) noexcept {
  if (waiting_.empty()) {
    idle_.push_back(free);
    return;
  }
  waiter* const next = waiting_.front();
  waiting_.pop_front();
  next->given = free;
  next->wake.cancel();
}

asio::awaitable<statement_result> database::run(std::string_view name,
                                                std::span<const std::string> parameters) {
  CHECK(parameters.size() <= most_parameters, "no statement has so many parameters");
  session& mine = *co_await acquire();
  const lease held(*this, mine);
  PGconn* const connection = mine.connection.get();
  std::array<const char*, most_parameters> values{};
  for (std::size_t i = 0; i < parameters.size(); ++i) values[i] = parameters[i].c_str();
  const std::string statement(name);
  if (PQsendQueryPrepared(connection, statement.c_str(), static_cast<int>(parameters.size()),
                          values.data(), nullptr, nullptr, 0) == 0) {
    lost(connection);
  }
  statement_result found;
  for (;;) {
    error_code failure;
    const int left = PQflush(connection);
    if (left < 0) lost(connection);
    const auto what = left > 0 ? asio::posix::descriptor_base::wait_write
                               : asio::posix::descriptor_base::wait_read;
    co_await mine.socket.async_wait(what, asio::redirect_error(asio::use_awaitable, failure));
    if (failure || PQconsumeInput(connection) == 0) lost(connection);
    while (PQisBusy(connection) == 0) {
      statement_result next(PQgetResult(connection));
      if (!next) co_return found;
      found = std::move(next);
    }
  }
}

}  // namespace settle::bench
