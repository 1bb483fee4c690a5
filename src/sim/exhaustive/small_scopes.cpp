// The small worlds that are explored.
#include "sim/exhaustive/small_shop.hpp"

namespace settle::sim {
namespace {

/// Too little money: the checkout, the charge, and that it is refused.
void refused(small_shop& shop) {
  shop.users(1, 1);
  shop.orders(1, 5);
  shop.later(service::order, body::checkout{entity_id::of_index(0)});
}

/// Two checkouts at once, each with too little money: two numbers of one link under way.
void two_refused(small_shop& shop) {
  shop.users(1, 1);
  shop.orders(2, 5);
  shop.later(service::order, body::checkout{entity_id::of_index(0)});
  shop.later(service::order, body::checkout{entity_id::of_index(1)});
}

/// The price of an item is asked for: the command, the question, the answer.
void priced(small_shop& shop) {
  shop.users(1, 1);
  shop.items(1, 3, 5);
  shop.orders(1, 5);
  shop.later(service::order,
             body::add_item{entity_id::of_index(0), entity_id::of_index(0), quantity{1}});
}

struct scope_maker {
  std::vector<small_scope> made;

  small_scope& add(std::string_view name, std::string_view about, std::vector<step> faults,
                   std::uint32_t claims) {
    small_scope& s = made.emplace_back();
    s.name = name;
    s.about = about;
    s.services = {service::order, service::payment};
    s.faults = std::move(faults);
    s.most_faults = s.faults.empty() ? 0 : 1;
    s.claims = claims;
    s.prepare = refused;
    return s;
  }
};

std::vector<small_scope> make_scopes() {
  scope_maker to;
  using enum step;
  to.add("calm", "no fault", {}, 1);
  to.add("calm_two", "no fault, owners displace each other twice", {}, 2).answers_apart = false;
  auto& opens = to.add("opening", "no fault, the second owner comes meanwhile", {}, 1);
  opens.second_opens = true;
  auto& price = to.add("priced", "no fault, stock instead of payment", {}, 1);
  price.prepare = priced;
  price.services = {service::order, service::stock};
  auto& thread = to.add("one_thread", "no fault, an owner's partitions share rounds", {}, 0);
  thread.one_thread = true;
  auto& timer = to.add("early_timer", "no fault, timers go off early", {}, 0);
  timer.early_timers = 2;
  to.add("kill", "an owner dies", {kill}, 1);
  auto& lost_answer = to.add("lose_answer", "the answer to a commit is lost", {lose_answer}, 1);
  lost_answer.answers_apart = true;
  to.add("lose_commit", "a commit is lost, or late", {lose_commit}, 0);
  auto& lost = to.add("lose_record", "a record is lost on its way", {lose_record}, 1);
  lost.records_apart = true;
  lost.answers_apart = false;
  auto& twice = to.add("repeat_record", "a record comes twice", {repeat_record}, 0);
  twice.records_apart = true;
  twice.answers_apart = false;
  to.add("go_back", "the store goes back", {go_back}, 0).answers_apart = false;
  auto& back = to.add("go_back_opening", "it does while an owner comes", {go_back}, 1);
  back.second_opens = true;
  back.answers_apart = false;
  to.add("split", "the store is two for a while", {split}, 0).answers_apart = false;
  to.add("lose_reply", "a reply is lost, the client asks again", {lose_reply}, 0).answers_apart = false;
  to.add("zombie", "an owner stands still and comes back", {pause}, 0).answers_apart = false;
  auto& trimmed = to.add("trim", "the log is trimmed", {trim}, 1);
  trimmed.answers_apart = false;
  trimmed.may_halt = true;
  auto& two = to.add("two_charges", "two checkouts at once, a record is lost", {lose_record}, 0);
  two.prepare = two_refused;
  two.records_apart = true;
  two.answers_apart = false;
  return std::move(to.made);
}

}  // namespace

const std::vector<small_scope>& small_scopes() {
  static const std::vector<small_scope> all = make_scopes();
  return all;
}

}  // namespace settle::sim
