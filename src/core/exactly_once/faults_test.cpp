// Random histories of a whole shop with everything going wrong that the protocol allows: link
// messages lost, repeated and reordered in blocks, owners that crash, two owners at once, stores
// that go back, commits in flight, clients that repeat through other gateways, batch_init in
// between. Rule 7 holds: what is told to others is told when its commit is durable.
//
// Beside each log runs a copy of its partition that applies every record when it is appended and
// never fails. That is the truth; invariants are checked on it after every message, and whatever an
// owner commits or answers must agree with it, digest by digest and in the end byte by byte.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/exactly_once/checkpoint_keys.hpp"
#include "core/exactly_once/partition.hpp"
#include "core/message_codec.hpp"
#include "core/payment/user.hpp"
#include "core/stock/item.hpp"

namespace settle {
namespace {

using checkpoint = std::map<std::string, std::string>;

std::optional<std::string> lookup(const checkpoint& map, std::string_view key) {
  const auto found = map.find(std::string(key));
  if (found == map.end()) return std::nullopt;
  return found->second;
}

void put_changes(checkpoint& map, const commit_batch& batch) {
  change_reader changes(batch.changes);
  for (checkpoint_change change; changes.next(change);) {
    if (change.erased) {
      map.erase(std::string(change.key));
    } else {
      map[std::string(change.key)] = std::string(change.value);
    }
  }
  RC_ASSERT(changes.ok());
}

checkpoint_position position_of(const checkpoint& map) {
  const auto bytes = lookup(map, checkpoint_key::meta());
  if (!bytes) return {};
  const partition_meta meta = *decode_meta(*bytes);
  return {meta.watermark, meta.digest, meta.owner};
}

/// Without the one thing that depends on who wrote it.
checkpoint without_owner(checkpoint map) {
  partition_meta meta = *decode_meta(map.at(checkpoint_key::meta()));
  meta.owner = 0;
  map[checkpoint_key::meta()] = encode(meta);
  return map;
}

/// Numbers that follow from one choice of rapidcheck, so that dropping a step leaves the others.
class dice {
 public:
  explicit dice(std::uint64_t seed) : state_{seed, 1} {}
  std::uint64_t below(std::uint64_t end) { return state_.part(++count_).high % end; }
  bool chance(std::uint64_t percent) { return below(100) < percent; }

 private:
  request_id state_;
  std::uint64_t count_ = 0;
};

struct logged {
  offset at;
  record what;
};

/// A commit under way, and what may be told when it is durable.
struct flight {
  commit_batch batch;
  std::vector<message> outputs;
  std::vector<reply> replies;
};

struct owner {
  std::unique_ptr<partition> self;
  std::deque<flight> flights;
};

struct node {
  partition_id id;
  std::vector<logged> log;
  std::unique_ptr<partition> truth;
  checkpoint truth_map;
  std::map<offset, std::uint64_t> digests;
  checkpoint stored;
  std::vector<checkpoint> older;
  owner owners[2];
  std::uint64_t tick_clock_ms = 1'000;
};

struct request {
  message command;
  std::optional<answer> truth;  ///< the first answer that the truth gave
  std::optional<answer> heard;
};

/// One attempt, as other partitions see it: the order partition and the attempt's number.
using attempt_key = std::pair<std::uint16_t, std::uint64_t>;

struct held {
  std::int64_t amount = 0;
  bool overwritten = false;  ///< its row was, by a batch_init
};

class shop_under_faults {
 public:
  explicit shop_under_faults(partition_counts counts) : counts_(counts) {
    for (service s : {service::order, service::stock, service::payment}) {
      for (std::uint16_t i = 0; i < counts[static_cast<std::size_t>(s)]; ++i) {
        node& n = nodes_[{s, i}];
        n.id = {s, i};
        n.truth = std::make_unique<partition>(n.id, counts, 7);
        open(n, n.owners[0]);
        open(n, n.owners[1]);
      }
    }
    init(service::payment, body::init_users{0, users, money{10}});
    init(service::stock, body::init_items{0, items, quantity{3}, money{2}});
    init(service::order, body::init_orders{0, orders, items, users, 42, money{2}});
    for (std::uint64_t i = 0; i < orders; ++i) order_ids_.push_back(entity_id::of_index(i));
  }

  void step(std::uint64_t choice) {
    dice d(choice);
    const std::uint64_t action = d.below(100);
    node& n = some_node(d);
    owner& o = n.owners[d.chance(20) ? 1 : 0];
    if (action < 22) return new_command(d);
    if (action < 30) return repeat(d);
    if (action < 45) return apply_some(n, o, 1 + d.below(4));
    if (action < 55) return commit(n, o, d.chance(50));
    if (action < 65) return finish_commit(n, o, &d);
    if (action < 85) return pump(n, o, &d);
    if (action < 89) return open(n, o);
    if (action < 91) return go_back(n, d);
    if (action < 95) return rewind(o, d);
    if (action < 98) return tick(n, d);
    o.self->values().evict(d.below(8));
  }

  /// No more faults: owners go on until nothing moves, clients until they have their answer.
  void come_to_rest() {
    // Quiet twice: a commit that was refused in the first round is done again in the second.
    int quiet = 0;
    for (int round = 0; round < 200; ++round) {
      const std::uint64_t before = appended_;
      for (auto& [id, n] : nodes_) {
        owner& o = n.owners[0];
        // Owners look after a lease now and then, and so find out that a store went back.
        if (o.flights.empty() && position_of(n.stored) != o.self->position()) open(n, o);
        for (auto& [peer, link] : o.self->links()) link.rewind();
        pump(n, o, nullptr);
      }
      for (auto& [id, r] : requests_) {
        if (!r.heard && r.command.retention != retention::none) append_command(r.command);
      }
      quiet = before == appended_ ? quiet + 1 : 0;
      if (quiet == 2) return check_rest();
    }
    RC_FAIL("it does not come to rest");
  }

 private:
  static constexpr std::uint64_t users = 2, items = 4, orders = 4;

  node& some_node(dice& d) {
    auto at = nodes_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(d.below(nodes_.size())));
    return at->second;
  }
  node& home(service s, const entity_id& id) {
    return nodes_.at(partition_of(s, id, counts_[static_cast<std::size_t>(s)]));
  }

  // Owners.

  void open(node& n, owner& o) {
    o.flights.clear();
    o.self = std::make_unique<partition>(n.id, counts_, ++tokens_);
    while (!o.self->keys_to_load().empty()) {
      std::vector<std::optional<std::string>> values;
      for (const std::string& key : o.self->keys_to_load()) values.push_back(lookup(n.stored, key));
      RC_ASSERT(!o.self->load(values).has_error());
    }
  }

  void apply_some(node& n, owner& o, std::size_t count) {
    auto next = std::ranges::upper_bound(n.log, o.self->watermark(), {}, &logged::at);
    for (; next != n.log.end() && count > 0; ++next, --count) {
      for (const message& m : next->what.messages) {
        std::vector<std::string> keys;
        o.self->missing(m, keys);
        const auto& expected =
            o.flights.empty() ? o.self->position() : o.flights.front().batch.expected;
        // Rule 5: read checked. Another owner commits, or the store went back.
        if (!keys.empty() && position_of(n.stored) != expected) return open(n, o);
        for (const std::string& key : keys) o.self->provide(key, lookup(n.stored, key));
        RC_ASSERT(!o.self->apply(next->at, next->what.time_ms, m).has_error());
      }
    }
  }

  std::vector<message> outputs(partition& p) {
    std::vector<message> messages;
    for (auto& [peer, link] : p.links()) {
      while (const message* next = link.next_to_send()) messages.push_back(*next);
      if (!link.owes_acknowledgement()) continue;
      message m;
      m.source = p.id();
      m.destination = peer;
      m.acknowledged = link.last_accepted();
      m.body = body::acknowledgement{};
      messages.push_back(m);
      link.acknowledgement_sent();
    }
    return messages;
  }

  void commit(node& n, owner& o, bool outputs_first) {
    if (!o.self->changed()) {
      // What is sent again was committed, at the latest with the newest flight.
      if (o.flights.empty()) return emit(outputs(*o.self), nullptr);
      for (message& m : outputs(*o.self)) o.flights.back().outputs.push_back(std::move(m));
      return;
    }
    flight f;
    if (outputs_first) f.outputs = outputs(*o.self);
    f.batch = o.self->take_commit();
    if (!outputs_first) f.outputs = outputs(*o.self);
    f.replies.swap(o.self->replies());
    RC_ASSERT(f.batch.next.digest == n.digests.at(f.batch.next.watermark));
    o.flights.push_back(std::move(f));
  }

  void finish_commit(node& n, owner& o, dice* faults) {
    if (o.flights.empty()) return;
    flight f = std::move(o.flights.front());
    o.flights.pop_front();
    if (position_of(n.stored) != f.batch.expected) return open(n, o);
    n.older.push_back(n.stored);
    put_changes(n.stored, f.batch);
    if (f.batch.next.watermark == n.log.back().at) {
      RC_ASSERT(without_owner(n.stored) == without_owner(n.truth_map));
    }
    o.self->committed();
    emit(f.outputs, faults);
    for (const reply& r : f.replies) hear(r);
  }

  void pump(node& n, owner& o, dice* faults) {
    apply_some(n, o, SIZE_MAX);
    commit(n, o, false);
    while (!o.flights.empty()) finish_commit(n, o, faults);
  }

  void go_back(node& n, dice& d) {
    if (n.older.empty()) return;
    n.stored = n.older[d.below(n.older.size())];
    if (d.chance(50)) open(n, n.owners[0]);  // otherwise the commit finds out
  }

  void rewind(owner& o, dice& d) {
    for (auto& [peer, link] : o.self->links()) {
      if (d.chance(50)) link.rewind();
    }
  }

  // The log.

  void emit(const std::vector<message>& messages, dice* faults) {
    std::map<partition_id, record> records;
    for (const message& m : messages) {
      if (faults != nullptr && faults->chance(12)) continue;
      const int copies = faults != nullptr && faults->chance(8) ? 2 : 1;
      for (int i = 0; i < copies; ++i) records[m.destination].messages.push_back(m);
    }
    for (auto& [to, r] : records) append(nodes_.at(to), std::move(r));
  }

  void append(node& n, record r) {
    ++appended_;
    r.time_ms = 1'000'000 + appended_ * 3 - appended_ % 7 * 4;  // clocks differ
    const offset at{n.log.empty() ? 1 : n.log.back().at.value + 1 + appended_ % 3};
    n.log.push_back({at, *decode_record(encode(r))});
    for (const message& m : n.log.back().what.messages) apply_to_truth(n, n.log.back(), m);
    const commit_batch batch = n.truth->take_commit();
    put_changes(n.truth_map, batch);
    n.digests[at] = batch.next.digest;
    n.truth->committed();
    check_node(n);
  }

  void tick(node& n, dice& d) {
    n.tick_clock_ms += d.below(500);
    message m;
    m.source = m.destination = n.id;
    m.body = body::tick{d.below(2) + 1, n.tick_clock_ms};
    append(n, {0, {m}});
  }

  // Clients.

  void send(node& to, message_body body, retention keep) {
    message m;
    m.gateway = 1;
    m.request = {5, ++last_request_};
    m.retention = keep;
    m.destination = to.id;
    m.logical_time_ms = to.truth->logical_time_ms();
    m.body = std::move(body);
    requests_[m.request].command = m;
    append_command(m);
  }
  void append_command(const message& m) { append(nodes_.at(m.destination), {0, {m}}); }
  template <class Body>
  void init(service s, const Body& body) {
    for (std::uint16_t i = 0; i < counts_[static_cast<std::size_t>(s)]; ++i) {
      send(nodes_.at({s, i}), body, retention::two_minutes);
    }
  }

  void new_command(dice& d) {
    const auto keep = static_cast<retention>(d.below(3));
    const std::uint64_t kind = d.below(100);
    const entity_id order = order_ids_[d.below(order_ids_.size())];
    const entity_id item = entity_id::of_index(d.below(items + 1));
    const entity_id user = entity_id::of_index(d.below(users));
    const auto amount = static_cast<std::int64_t>(1 + d.below(6));
    node& order_home = home(service::order, order);
    node& stock_home = home(service::stock, item);
    node& user_home = home(service::payment, user);
    if (kind < 45) return send(order_home, body::checkout{order}, keep);
    if (kind < 60) return send(order_home, body::add_item{order, item, quantity{amount}}, keep);
    if (kind < 68) return send(user_home, body::add_funds{user, money{amount}}, keep);
    if (kind < 72) return send(user_home, body::pay{user, money{amount}}, keep);
    if (kind < 80) return send(stock_home, body::add_stock{item, quantity{amount}}, keep);
    if (kind < 84) return send(stock_home, body::subtract_stock{item, quantity{amount}}, keep);
    if (kind < 94) {
      const entity_id id = request_id{5, last_request_ + 1}.to_entity_id();
      order_ids_.push_back(id);
      return send(home(service::order, id), body::create_order{user}, keep);
    }
    if (kind < 96) return init(service::payment, body::init_users{0, users, money{amount * 3}});
    if (kind < 98) {
      return init(service::stock, body::init_items{0, items, quantity{amount}, money{2}});
    }
    init(service::order, body::init_orders{0, orders, items, users, kind * d.below(9), money{2}});
  }

  void repeat(dice& d) {
    auto at = requests_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(d.below(requests_.size())));
    message m = at->second.command;
    if (m.retention == retention::none) return;
    m.gateway = 1 + d.below(3);
    append_command(m);
  }

  void hear(const reply& r) {
    request& of = requests_.at(r.request);
    RC_ASSERT(of.truth == r.answer);
    RC_ASSERT(!of.heard || *of.heard == r.answer);
    of.heard = r.answer;
  }

  // The truth.

  template <class Decode>
  auto peek(node& n, const entity_id& id, Decode decode) -> decltype(decode(std::string_view{})) {
    const checkpoint_key::entity_view key(id);
    if (!n.truth->values().loaded(key)) n.truth->provide(key, lookup(n.truth_map, key));
    const auto bytes = n.truth->values().get(key);
    if (!bytes) return std::nullopt;
    return decode(*bytes);
  }
  std::int64_t credit(node& n, const entity_id& id) {
    const auto found = peek(n, id, decode_user);
    return found ? found->credit.value : 0;
  }
  std::int64_t stock(node& n, const entity_id& id) {
    const auto found = peek(n, id, decode_item);
    return found ? found->stock.value : 0;
  }

  void apply_to_truth(node& n, const logged& at, const message& m) {
    std::map<entity_id, std::int64_t> before;
    const auto* charge = std::get_if<body::charge>(&m.body);
    const auto* refund = std::get_if<body::refund>(&m.body);
    const auto* reserve = std::get_if<body::reserve>(&m.body);
    const auto* release = std::get_if<body::release>(&m.body);
    if (charge != nullptr) before[charge->user] = credit(n, charge->user);
    if (refund != nullptr) before[refund->user] = credit(n, refund->user);
    if (reserve != nullptr) {
      for (const auto& line : reserve->lines) before[line.item] = stock(n, line.item);
    }
    if (release != nullptr) {
      for (const auto& line : release->lines) before[line.item] = stock(n, line.item);
    }
    std::vector<std::string> keys;
    n.truth->missing(m, keys);
    for (const std::string& key : keys) n.truth->provide(key, lookup(n.truth_map, key));
    RC_ASSERT(!n.truth->apply(at.at, at.what.time_ms, m).has_error());
    for (const auto& [id, amount] : before) {
      if (charge != nullptr)
        took(charged_, m.source, charge->operation, id, amount - credit(n, id));
      if (refund != nullptr)
        gave(charged_, m.source, refund->operation, id, credit(n, id) - amount);
      if (reserve != nullptr) took(taken_, m.source, reserve->operation, id, amount - stock(n, id));
      if (release != nullptr) gave(taken_, m.source, release->operation, id, stock(n, id) - amount);
    }
    for (const reply& r : n.truth->replies()) note_answer(n, r);
    n.truth->replies().clear();
  }

  using ledger = std::map<attempt_key, std::map<entity_id, held>>;

  void took(ledger& book, partition_id from, operation_id by, const entity_id& id,
            std::int64_t amount) {
    RC_ASSERT(amount >= 0);
    if (amount == 0) return;
    RC_ASSERT(book[attempt_key(from.index, by.number)].emplace(id, held{amount, false}).second);
  }
  void gave(ledger& book, partition_id to, operation_id by, const entity_id& id,
            std::int64_t amount) {
    if (amount == 0) return;
    const attempt_key key(to.index, by.number);
    const held was = book[key].at(id);
    RC_ASSERT(was.amount == amount);
    RC_ASSERT(!was.overwritten);
    book[key].erase(id);
  }
  static void overwrite(ledger& book, const entity_id& id) {
    for (auto& [key, entries] : book) {
      if (const auto found = entries.find(id); found != entries.end()) {
        found->second.overwritten = true;
      }
    }
  }

  void note_answer(node& n, const reply& r) {
    request& of = requests_.at(r.request);
    if (of.truth) return RC_ASSERT(*of.truth == r.answer);
    of.truth = r.answer;
    if (r.answer.code != answer_code::ok) return;
    const message_body& body = of.command.body;
    if (const auto* b = std::get_if<body::add_funds>(&body)) credit_[b->user] += b->amount.value;
    if (const auto* b = std::get_if<body::pay>(&body)) credit_[b->user] -= b->amount.value;
    if (const auto* b = std::get_if<body::add_stock>(&body)) stock_[b->item] += b->amount.value;
    if (const auto* b = std::get_if<body::subtract_stock>(&body)) {
      stock_[b->item] -= b->amount.value;
    }
    if (const auto* b = std::get_if<body::add_item>(&body)) ++lines_[b->order];
    if (const auto* b = std::get_if<body::checkout>(&body)) said_paid_.insert(b->order);
    const auto rows = [&](const auto& b, auto overwritten) {
      for (std::uint64_t row = b.first; row < b.last; ++row) {
        const entity_id id = entity_id::of_index(row);
        if (&home(n.id.service, id) == &n) overwritten(id);
      }
    };
    if (const auto* b = std::get_if<body::init_users>(&body)) {
      rows(*b, [&](const entity_id& id) {
        overwrite(charged_, id);
        credit_[id] = b->credit.value;
      });
    }
    if (const auto* b = std::get_if<body::init_items>(&body)) {
      rows(*b, [&](const entity_id& id) {
        overwrite(taken_, id);
        stock_[id] = b->stock.value;
      });
    }
    if (const auto* b = std::get_if<body::init_orders>(&body)) {
      rows(*b, [&](const entity_id& id) {
        lines_[id] = 2;
        said_paid_.erase(id);
      });
    }
  }

  // Invariants.

  std::int64_t held_of(const ledger& book, const entity_id& id) {
    std::int64_t sum = 0;
    for (const auto& [key, entries] : book) {
      const auto found = entries.find(id);
      if (found != entries.end() && !found->second.overwritten) sum += found->second.amount;
    }
    return sum;
  }

  /// Money and goods are conserved; what is held belongs to an order that is paid or has a saga.
  void check_node(node& n) {
    if (n.id.service == service::order) {
      open_[n.id.index].clear();
      for (const auto& [key, value] : n.truth_map) {
        if (key[0] == static_cast<char>(checkpoint_key::kind::operation)) {
          open_[n.id.index].insert(id_of(*decode_operation(value)).number);
        }
        if (key[0] == static_cast<char>(checkpoint_key::kind::entity)) check_order(n, key, value);
      }
    }
    for (const auto& [key, value] : n.truth_map) {
      if (key[0] != static_cast<char>(checkpoint_key::kind::entity)) continue;
      const entity_id id = *entity_id::parse(key.substr(1));
      if (n.id.service == service::payment) {
        RC_ASSERT(decode_user(value)->credit.value == credit_[id] - held_of(charged_, id));
      }
      if (n.id.service == service::stock) {
        RC_ASSERT(decode_item(value)->stock.value == stock_[id] - held_of(taken_, id));
      }
    }
    for (const ledger* book : {&charged_, &taken_}) {
      for (const auto& [attempt, entries] : *book) {
        for (const auto& [id, entry] : entries) {
          RC_ASSERT(entry.overwritten || paid_.contains(attempt) ||
                    open_[attempt.first].contains(attempt.second));
        }
      }
    }
  }

  void check_order(node& n, const std::string& key, const std::string& value) {
    const entity_id id = *entity_id::parse(key.substr(1));
    const order o = *decode_order(value);
    RC_ASSERT(!(o.paid && o.running));
    RC_ASSERT(static_cast<std::int64_t>(o.lines.size()) == lines_[id]);
    RC_ASSERT(o.paid || !said_paid_.contains(id));
    if (!o.paid) return;
    const attempt_key attempt(n.id.index, o.last_attempt->number);
    if (!paid_.insert(attempt).second || o.lines.empty()) return;
    // Just paid: the whole price from its user, every piece from the stock.
    RC_ASSERT(charged_[attempt].at(o.user).amount == o.total.value);
    std::map<entity_id, std::int64_t> pieces;
    for (const order_line& line : o.lines) pieces[line.item] += line.quantity.value;
    for (const auto& [item, count] : pieces) RC_ASSERT(taken_[attempt].at(item).amount == count);
    RC_ASSERT(taken_[attempt].size() == pieces.size());
  }

  void check_rest() {
    for (auto& [id, n] : nodes_) {
      RC_ASSERT(without_owner(n.stored) == without_owner(n.truth_map));
      RC_ASSERT(n.owners[0].self->open_operations() == 0U);
      for (const auto& [key, value] : n.truth_map) {
        RC_ASSERT(key[0] != static_cast<char>(checkpoint_key::kind::operation));
        RC_ASSERT(key[0] != static_cast<char>(checkpoint_key::kind::outbox));
      }
    }
    for (const auto& [id, r] : requests_) {
      RC_ASSERT(r.truth.has_value());
      RC_ASSERT(r.heard || r.command.retention == retention::none);
    }
  }

  partition_counts counts_;
  std::map<partition_id, node> nodes_;
  std::map<request_id, request> requests_;
  std::vector<entity_id> order_ids_;
  std::uint64_t tokens_ = 100;
  std::uint64_t appended_ = 0;
  std::uint64_t last_request_ = 0;

  // What must be, from the commands answered ok and from what sagas took and gave back.
  std::map<entity_id, std::int64_t> credit_, stock_, lines_;
  ledger charged_, taken_;
  std::set<attempt_key> paid_;
  std::set<entity_id> said_paid_;
  std::map<std::uint16_t, std::set<std::uint64_t>> open_;
};

void play_one_history() {
  const auto count = [] { return static_cast<std::uint16_t>(*rc::gen::inRange(1, 4)); };
  shop_under_faults shop({count(), count(), count()});
  const auto choice = rc::gen::resize(100, rc::gen::arbitrary<std::uint64_t>());
  const auto history = *rc::gen::scale(4, rc::gen::container<std::vector<std::uint64_t>>(choice));
  for (const std::uint64_t c : history) shop.step(c);
  shop.come_to_rest();
}

// More with RC_PARAMS=max_success=10000.
RC_GTEST_PROP(faults, any_history_conserves_money_and_comes_to_rest_with_every_answer_true, ()) {
  for (int i = 0; i < 15; ++i) play_one_history();
}

}  // namespace
}  // namespace settle
