#include "sim/exhaustive/small_shop.hpp"

namespace settle::sim {
namespace {

/// Too little money: the checkout, the charge, and that it is refused.
void refused(small_shop& shop) {
  shop.users(1, 1);
  shop.orders(1, 5);
  shop.later(service::order, body::checkout{entity_id::of_index(0)});
}

std::vector<small_scope> make_scopes() {
  const std::vector<service> charge{service::order, service::payment};
  std::vector<small_scope> made;
  const auto add = [&](std::string_view name, std::string_view about, std::vector<step> faults) {
    small_scope& s = made.emplace_back();
    s.name = name;
    s.about = about;
    s.services = charge;
    s.faults = std::move(faults);
    s.most_faults = s.faults.empty() ? 0 : 1;
    s.prepare = refused;
  };
  add("calm", "no fault", {});
  add("kill", "an owner dies at any step", {step::kill});
  add("lose_answer", "the answer to a commit is lost", {step::lose_answer});
  add("lose_commit", "a commit is lost, or late", {step::lose_commit});
  add("lose_record", "a record is lost", {step::lose_record});
  add("repeat_record", "a record comes twice", {step::repeat_record});
  add("go_back", "the store goes back", {step::go_back});
  add("split", "the store is two", {step::split});
  add("lose_reply", "a reply is lost, the client asks again", {step::lose_reply});
  add("zombie", "an owner stands still and comes back", {step::pause});
  add("trim", "the log is trimmed", {step::trim});
  return made;
}

}  // namespace

const std::vector<small_scope>& small_scopes() {
  static const std::vector<small_scope> all = make_scopes();
  return all;
}

}  // namespace settle::sim
