#include "adapters/redis/node.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/check.hpp"

namespace settle::redis {

node::node(environment& shared, const endpoint& server, session::peer expected, node_host& host)
    : shared_(shared), server_(server), expected_(expected), host_(host) {
  connect();
}

node::~node() {
  leaving_ = true;
  const error gone{errc::unavailable, server_.text() + " has no part in the data any more"};
  close_lanes(gone);
  if (main_ != nullptr) main_->lose(gone);
}

void node::connect() {
  main_ =
      std::make_unique<session>(shared_, server_, expected_, static_cast<session_owner&>(*this));
}

bool node::idle() const noexcept {
  const auto is_idle = [](const auto& s) { return s == nullptr || s->idle(); };
  return is_idle(main_) && alone_.empty() && std::ranges::all_of(lanes_, is_idle);
}

void node::send(std::unique_ptr<operation> op) {
  CHECK(ready(), "operations go to connected servers");
  op->going_to(server_);
  if (!op->alone) return main_->send(std::move(op));
  alone_.push_back(std::move(op));
  feed_lanes();
}

void node::feed_lanes() {
  for (std::size_t i = 0; i < lanes_.size() && !alone_.empty(); ++i) {
    session& lane = *lanes_[i];
    if (!lane.ready() || !lane.idle()) continue;
    auto op = std::move(alone_.front());
    alone_.pop_front();
    lane.send(std::move(op));
  }
  const auto opening = static_cast<std::size_t>(
      std::ranges::count_if(lanes_, [](const auto& lane) { return !lane->ready(); }));
  if (alone_.size() > opening && lanes_.size() < shared_.lanes) {
    lanes_.push_back(
        std::make_unique<session>(shared_, server_, expected_, static_cast<session_owner&>(*this)));
  }
}

void node::on_timer(std::uint64_t now_ms) {
  if (main_ == nullptr) {
    if (now_ms >= retry_ms_) connect();
    return;
  }
  main_->on_timer(now_ms);
  // A session that is lost leaves the list.
  for (std::size_t i = lanes_.size(); i > 0; --i) lanes_[i - 1]->on_timer(now_ms);
  while (!alone_.empty() && now_ms >= alone_.front()->give_up_ms) {
    auto op = std::move(alone_.front());
    alone_.pop_front();
    host_.on_unanswered(std::move(op), {errc::unavailable, server_.text() + " is too busy"});
  }
  if (ready()) feed_lanes();
}

void node::lose(const error& why) {
  if (main_ != nullptr) main_->lose(why);
}

void node::close_lanes(const error& why) {
  for (auto& lane : std::exchange(lanes_, {})) {
    lane->lose(why);
    retire(std::move(lane));
  }
  for (auto& op : std::exchange(alone_, {})) {
    host_.on_turned_away(*this, std::move(op), {error_kind::not_now, why.detail, 0, {}});
  }
}

void node::retire(std::unique_ptr<session> s) {
  boost::asio::post(shared_.context, [kept = std::shared_ptr<session>(std::move(s))] {});
}

void node::on_ready(session& s) {
  if (&s != main_.get()) return feed_lanes();
  host_.on_ready(*this);
}

void node::on_idle(session& s) {
  if (&s != main_.get()) feed_lanes();
}

void node::on_turned_away(session& /*s*/, std::unique_ptr<operation> op, const server_error& e) {
  host_.on_turned_away(*this, std::move(op), e);
}

void node::on_unanswered(session& /*s*/, std::unique_ptr<operation> op, const error& why) {
  host_.on_unanswered(std::move(op), why);
}

void node::on_lost(session& s, const error& why) {
  if (&s == main_.get()) {
    retire(std::exchange(main_, nullptr));
    retry_ms_ = steady_ms() + limits::store_reconnect_ms;
    close_lanes(why);
    if (!leaving_) host_.on_lost(*this, why);
    return;
  }
  const auto place = std::ranges::find(lanes_, &s, &std::unique_ptr<session>::get);
  if (place == lanes_.end()) return;  // close_lanes() has it
  retire(std::move(*place));
  lanes_.erase(place);
}

}  // namespace settle::redis
