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
  /// An owner hears of its commit in the step that executes it.
  small_scope& add_joined(std::string_view name, std::string_view about, std::vector<step> faults,
                          std::uint32_t claims) {
    small_scope& s = add(name, about, std::move(faults), claims);
    s.answers_apart = false;
    return s;
  }
};

/// What `./test sim` explores.
void add_usual(scope_maker& to) {
  using enum step;
  to.add("calm", "no fault", {}, 1);
  to.add("opening", "no fault, the second owner comes meanwhile", {}, 1).second_opens = true;
  small_scope& price = to.add("priced", "no fault, stock instead of payment", {}, 1);
  price.prepare = priced;
  price.services = {service::order, service::stock};
  to.add("one_thread", "no fault, an owner's partitions share rounds", {}, 0).one_thread = true;
  to.add("runs_apart", "no fault, records come together", {}, 0).runs_apart = true;
  to.add("early_timer", "no fault, a timer goes off early", {}, 0).early_timers = 1;
  to.add("kill", "an owner dies", {kill}, 1);
  small_scope& dead =
      to.add_joined("kill_sender", "an owner dies, what it sent is late", {kill}, 1);
  dead.records_apart = true;
  to.add("lose_answer", "the answer to a commit is lost", {lose_answer}, 1);
  to.add("lose_commit", "a commit is lost, or late", {lose_commit}, 0);
  small_scope& lost = to.add_joined("lose_record", "a record is lost", {lose_record}, 1);
  lost.records_apart = true;
  small_scope& twice = to.add_joined("repeat_record", "a record comes twice", {repeat_record}, 0);
  twice.records_apart = true;
  to.add_joined("go_back", "the store goes back", {go_back}, 0);
  to.add_joined("split", "the store is two for a while", {split}, 0);
  to.add_joined("lose_reply", "a reply is lost, the client asks again", {lose_reply}, 0);
  to.add_joined("zombie", "an owner stands still and comes back", {pause}, 0);
  to.add_joined("trim", "the log is trimmed", {trim}, 1);
  small_scope& two = to.add("two_faults", "two of: a record, a commit's answer is lost",
                            {lose_record, lose_answer}, 0);
  two.records_apart = true;
  two.most_faults = 2;
}

/// Larger ones.
void add_long(scope_maker& to) {
  using enum step;
  const std::size_t usual = to.made.size();
  to.add("calm_twice", "no fault, owners displace each other twice", {}, 2);
  to.add("runs_apart_twice", "runs_apart, and owners displace each other", {}, 1).runs_apart = true;
  to.add("lose_commit_twice", "lose_commit, likewise", {lose_commit}, 1);
  small_scope& twice =
      to.add_joined("repeat_record_twice", "repeat_record, likewise", {repeat_record}, 1);
  twice.records_apart = true;
  to.add_joined("lose_reply_twice", "lose_reply, likewise", {lose_reply}, 1);
  to.add_joined("zombie_twice", "zombie, likewise", {pause}, 1);
  to.add_joined("go_back_twice", "go_back, likewise", {go_back}, 1);
  to.add_joined("go_back_opening", "likewise, the second owner comes meanwhile", {go_back}, 1)
      .second_opens = true;
  to.add_joined("split_switch", "split, an owner changes sides once more", {split}, 0).switches = 1;
  small_scope& charges =
      to.add_joined("two_charges", "two checkouts at once, a record is lost", {lose_record}, 0);
  charges.prepare = two_refused;
  charges.records_apart = true;
  for (std::size_t i = usual; i < to.made.size(); ++i) to.made[i].long_form = true;
}

std::vector<small_scope> make_scopes() {
  scope_maker to;
  add_usual(to);
  add_long(to);
  return std::move(to.made);
}

}  // namespace

const std::vector<small_scope>& small_scopes() {
  static const std::vector<small_scope> all = make_scopes();
  return all;
}

}  // namespace settle::sim
