#include "gateway/dispatcher.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.hpp"

namespace settle::gateway {
namespace {

namespace asio = boost::asio;

/// A coroutine that waits; deletes itself when it is told.
class waiting_coroutine final : public command_waiter {
 public:
  using handler = asio::any_completion_handler<void(answer)>;

  void wait(handler resume) { resume_.emplace(std::move(resume)); }

  void on_answer(const answer& given) override {
    CHECK(resume_.has_value(), "an answer comes in a later turn than its command");
    const std::unique_ptr<waiting_coroutine> self(this);
    std::move (*resume_)(given);
  }
  void on_dropped() noexcept override { delete this; }

 private:
  std::optional<handler> resume_;  ///< 1.81's move assignment of a handler calls itself for ever
};

}  // namespace

asio::awaitable<answer> answer_of(dispatcher& to, message command, std::uint64_t deadline_ms) {
  auto owned = std::make_unique<waiting_coroutine>();
  if (const auto given = to.command(std::move(command), deadline_ms, *owned)) co_return *given;
  // A plain pointer only: g++ 12 destroys a temporary of an awaited expression twice, and what it
  // owns with it. The answer comes in a later turn, when the handler is there.
  auto* waiting = owned.release();
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(answer)>(
      [waiting](auto handler) { waiting->wait(std::move(handler)); }, asio::use_awaitable);
}

}  // namespace settle::gateway
