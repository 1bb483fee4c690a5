#include "cli/verify/shop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "cli/verify/answers.hpp"

namespace settle::verify {
namespace {

std::string shortened(std::string_view text) {
  constexpr std::size_t enough = 300;
  return std::string(text.substr(0, enough)) + (text.size() > enough ? "..." : "");
}

error cannot(std::string_view phase, const http::request& request, const http::answer& answer) {
  const std::string said = answer.status == 0
                               ? answer.failure
                               : fmt::format("{} {}", answer.status, shortened(answer.body));
  return {errc::unavailable,
          fmt::format("{}: {} {}: {}", phase, request.method, request.path, said)};
}

std::string answer_text(const http::answer& answer) {
  if (answer.status == 0) return answer.failure;
  return fmt::format("{} {}", answer.status, shortened(answer.body));
}

std::string path_of(const move& move, const ledger& facts) {
  const bool stock = move.of == move::balance::stock;
  const std::string_view route = stock ? (move.delta < 0 ? "/stock/subtract" : "/stock/add")
                                       : (move.delta < 0 ? "/payment/pay" : "/payment/add_funds");
  const std::string& id = stock ? facts.items[move.index].id : facts.users[move.index].id;
  return fmt::format("{}/{}/{}", route, id, move.delta < 0 ? -move.delta : move.delta);
}

}  // namespace

verdict verdict_of(const http::answer& answer) {
  if (answer.status == 200) return verdict::done;
  if (answer.status < 400 || answer.status >= 500) return verdict::unknown;
  if (mentions(answer.body, "out of stock")) return verdict::out_of_stock;
  if (mentions(answer.body, "out of credit")) return verdict::out_of_credit;
  return verdict::refused;
}

shop::shop(http::fan_out& send, report::progress& progress, keys use, std::uint64_t seed)
    : send_(send), progress_(progress), use_(use) {
  // The seed alone would give the keys of an earlier run with it, and so that run's answers.
  std::random_device random;
  run_ = fmt::format("verify-{:x}-{:08x}{:08x}", seed, random(), random());
}

std::string shop::fresh_key() {
  return has_keys() ? fmt::format("{}-{}", run_, ++last_key_) : std::string();
}

std::vector<http::answer> shop::send(std::string_view phase,
                                     const std::vector<http::request>& requests) {
  progress_.begin(fmt::format("{}: {}", label_, phase), requests.size());
  return send_.run(requests, [this](std::size_t done) { progress_.update(done); });
}

/// Creating twice leaves one unused entity behind, so it may be repeated without a key, too.
result<std::vector<std::string>> shop::create(std::string_view phase, std::string_view id_name,
                                              const std::vector<std::string>& paths) {
  std::vector<http::request> requests;
  for (const std::string& path : paths) {
    requests.push_back({"POST", path, fresh_key(), true});
  }
  std::vector<std::string> ids;
  const std::vector<http::answer> answers = send(phase, requests);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto id = answers[i].status == 200 ? text_member(answers[i].body, id_name) : std::nullopt;
    if (!id) return cannot(phase, requests[i], answers[i]);
    ids.push_back(std::move(*id));
  }
  return ids;
}

result<void> shop::fill(std::string_view phase, const std::vector<std::string>& paths) {
  std::vector<http::request> requests;
  for (const std::string& path : paths) {
    requests.push_back({"POST", path, fresh_key(), has_keys()});
  }
  const std::vector<http::answer> answers = send(phase, requests);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].status != 200) return cannot(phase, requests[i], answers[i]);
  }
  return {};
}

result<void> shop::create_items(ledger& facts, const std::vector<std::int64_t>& stocks,
                                const std::vector<std::int64_t>& prices) {
  std::vector<std::string> paths;
  for (std::int64_t price : prices) paths.push_back(fmt::format("/stock/item/create/{}", price));
  auto ids = create("items", "item_id", paths);
  if (!ids) return ids.error();
  paths.clear();
  for (std::size_t i = 0; i < ids->size(); ++i) {
    if (stocks[i] > 0) paths.push_back(fmt::format("/stock/add/{}/{}", (*ids)[i], stocks[i]));
    facts.items.push_back({(*ids)[i], prices[i], stocks[i], {}});
  }
  return fill("stock", paths);
}

result<void> shop::create_users(ledger& facts, const std::vector<std::int64_t>& credits) {
  auto ids =
      create("users", "user_id", std::vector<std::string>(credits.size(), "/payment/create_user"));
  if (!ids) return ids.error();
  std::vector<std::string> paths;
  for (std::size_t i = 0; i < ids->size(); ++i) {
    if (credits[i] > 0)
      paths.push_back(fmt::format("/payment/add_funds/{}/{}", (*ids)[i], credits[i]));
    facts.users.push_back({(*ids)[i], credits[i], {}, {}});
  }
  return fill("credit", paths);
}

result<void> shop::create_orders(ledger& facts, const std::vector<order_plan>& plans) {
  std::vector<std::string> paths;
  std::size_t most_lines = 0;
  for (const order_plan& each : plans) {
    paths.push_back("/orders/create/" + facts.users[each.user].id);
    most_lines = std::max(most_lines, each.lines.size());
  }
  auto ids = create("orders", "order_id", paths);
  if (!ids) return ids.error();
  for (std::size_t i = 0; i < plans.size(); ++i) {
    facts.orders.push_back({(*ids)[i], plans[i].user, plans[i].lines, {}});
  }
  // One line of each order at a time: adding two at once is not what is verified here.
  for (std::size_t at = 0; at < most_lines; ++at) {
    paths.clear();
    for (std::size_t i = 0; i < plans.size(); ++i) {
      if (at >= plans[i].lines.size()) continue;
      const line& each = plans[i].lines[at];
      paths.push_back(fmt::format("/orders/addItem/{}/{}/{}", (*ids)[i], facts.items[each.item].id,
                                  each.quantity));
    }
    if (auto filled = fill("order lines", paths); !filled) return filled;
  }
  return {};
}

/// One after the other. Each overwrites, so it may be repeated.
result<void> shop::fill_by_batch_init(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const std::vector<http::request> one{{"POST", path, fresh_key(), true}};
    const std::vector<http::answer> answers = send("batch_init", one);
    if (answers[0].status != 200) return cannot("batch_init", one[0], answers[0]);
  }
  return {};
}

result<void> shop::batch_init(ledger& facts, std::size_t items, std::int64_t stock,
                              std::size_t users, std::int64_t credit, std::size_t orders,
                              std::int64_t price) {
  auto filled = fill_by_batch_init(
      {fmt::format("/stock/batch_init/{}/{}/{}", items, stock, price),
       fmt::format("/payment/batch_init/{}/{}", users, credit),
       fmt::format("/orders/batch_init/{}/{}/{}/{}", orders, items, users, price)});
  if (!filled) return filled;
  for (std::size_t i = 0; i < items; ++i) {
    facts.items.push_back({std::to_string(i), price, stock, {}});
  }
  for (std::size_t i = 0; i < users; ++i) {
    facts.users.push_back({std::to_string(i), credit, {}, {}});
  }
  std::vector<http::request> requests;
  for (std::size_t i = 0; i < orders; ++i) {
    requests.push_back({"GET", fmt::format("/orders/find/{}", i), "", true});
  }
  const std::vector<http::answer> answers = send("reading orders", requests);
  for (std::size_t i = 0; i < orders; ++i) {
    auto view = answers[i].status == 200 ? read_order(answers[i].body) : std::nullopt;
    auto chosen = view ? order_of_view(*view, items, users) : std::nullopt;
    if (!chosen) return cannot("batch_init", requests[i], answers[i]);
    chosen->id = std::to_string(i);
    facts.orders.push_back(std::move(*chosen));
  }
  return {};
}

void shop::check_out(ledger& facts, const std::vector<checkout_plan>& plans) {
  std::vector<http::request> requests;
  for (const checkout_plan& each : plans) {
    requests.push_back({"POST", "/orders/checkout/" + facts.orders[each.order].id, each.key, true});
  }
  const std::vector<http::answer> answers = send("checkouts", requests);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    facts.attempts.push_back({plans[i].order, plans[i].key, verdict_of(answers[i]),
                              answer_text(answers[i]), answers[i].began, answers[i].ended});
  }
}

void shop::change(ledger& facts, std::vector<move> moves) {
  std::vector<http::request> requests;
  for (const move& each : moves) {
    requests.push_back({"POST", path_of(each, facts), each.key, !each.key.empty()});
  }
  const std::vector<http::answer> answers = send("changes", requests);
  for (std::size_t i = 0; i < moves.size(); ++i) {
    moves[i].outcome = verdict_of(answers[i]);
    moves[i].answer = answer_text(answers[i]);
    facts.moves.push_back(std::move(moves[i]));
  }
}

result<void> shop::read_back(ledger& facts) {
  std::vector<http::request> requests;
  for (const order& each : facts.orders) {
    requests.push_back({"GET", "/orders/find/" + each.id, "", true});
  }
  for (const item& each : facts.items) {
    requests.push_back({"GET", "/stock/find/" + each.id, "", true});
  }
  for (const user& each : facts.users) {
    requests.push_back({"GET", "/payment/find_user/" + each.id, "", true});
  }
  const std::vector<http::answer> answers = send("reading back", requests);
  // A definite "not found" is for the comparison to judge; no answer at all ends the run.
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const bool definite = answers[i].status >= 200 && answers[i].status < 500;
    if (!definite) return cannot("reading back", requests[i], answers[i]);
  }
  std::size_t at = 0;
  for (order& each : facts.orders) {
    const http::answer& found = answers[at++];
    each.view = found.status == 200 ? read_order(found.body) : std::nullopt;
  }
  for (item& each : facts.items) each.after = number_member(answers[at++].body, "stock");
  for (user& each : facts.users) each.after = number_member(answers[at++].body, "credit");
  return {};
}

}  // namespace settle::verify
