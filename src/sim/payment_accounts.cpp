#include "core/payment/user.hpp"
#include "sim/balance_accounts.hpp"

namespace settle::sim {

void payment_accounts::applied(const applied_message& m) {
  if (m.what.gateway != 0) return command(m);
  if (const auto* asked = std::get_if<body::charge>(&m.what.body)) return charge(m, *asked);
  if (const auto* asked = std::get_if<body::refund>(&m.what.body)) return refund(m, *asked);
}

void payment_accounts::command(const applied_message& m) {
  if (m.decided == nullptr) return;
  const answer& given = *m.decided;
  const bool ok = given.code == answer_code::ok;
  if (std::holds_alternative<body::create_user>(m.what.body)) {
    if (ok) users_.create(m, given.id, 0);
  } else if (const auto* all = std::get_if<body::init_users>(&m.what.body)) {
    if (ok) users_.overwrite(m, all->first, all->last, all->credit.value, 0);
  } else if (const auto* add = std::get_if<body::add_funds>(&m.what.body)) {
    users_.changed(m, add->user, add->amount.value);
  } else if (const auto* pay = std::get_if<body::pay>(&m.what.body)) {
    users_.changed(m, pay->user, -pay->amount.value);
  }
}

void payment_accounts::charge(const applied_message& m, const body::charge& asked) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  if (!verdict_.expect(saga != nullptr && !saga->over,
                       "{} is asked at {} to charge for attempt {} of {}, which is not open", m.at,
                       m.offset.value, asked.operation.number, m.what.source) ||
      !verdict_.expect(saga->charge == holding::none, "{}: charged twice, again at {} of {}", *saga,
                       m.offset.value, m.at) ||
      !verdict_.expect(asked.user == saga->user && asked.amount.value == saga->amount,
                       "{}: {} of {} is charged, the order costs {} of {}", *saga,
                       asked.amount.value, asked.user.view(), saga->amount, saga->user.view())) {
    return;
  }
  const balance_account* user = users_.find(asked.user);
  const bool enough = user != nullptr && user->balance >= asked.amount.value;
  if (const auto* charged = only_sent<body::charged>(m)) {
    if (!verdict_.expect(enough, "{}: charged {} to {}, who has {}", *saga, asked.amount.value,
                         asked.user.view(), user == nullptr ? -1 : user->balance)) {
      return;
    }
    users_.take(m, asked.user, asked.amount.value, charged->generation);
    saga->charge = holding::held;
    saga->generation = charged->generation;
    saga->effects.push_back({m.at, m.offset});
  } else if (only_sent<body::charge_refused>(m) != nullptr) {
    verdict_.expect(!enough, "{}: the charge of {} is refused, but {} has {}", *saga,
                    asked.amount.value, asked.user.view(), user == nullptr ? -1 : user->balance);
    saga->charge = holding::refused;
  } else {
    verdict_.violation(saga->text() + ": a charge was not answered");
  }
}

void payment_accounts::refund(const applied_message& m, const body::refund& asked) {
  saga_account* saga = sagas_.find(m.what.source.index, asked.operation.number);
  if (!verdict_.expect(saga != nullptr && !saga->over,
                       "{} is asked at {} to refund for attempt {} of {}, which is not open", m.at,
                       m.offset.value, asked.operation.number, m.what.source) ||
      !verdict_.expect(saga->charge == holding::held,
                       "{}: refunded at {} of {}, but no charge is held", *saga, m.offset.value,
                       m.at) ||
      !verdict_.expect(asked.user == saga->user && asked.amount.value == saga->amount &&
                           asked.generation == saga->generation,
                       "{}: {} of {} is refunded, charged was {} of {}", *saga, asked.amount.value,
                       asked.user.view(), saga->amount, saga->user.view())) {
    return;
  }
  users_.give_back(asked.user, asked.amount.value, asked.generation);
  saga->charge = holding::returned;
  saga->effects.push_back({m.at, m.offset});
  verdict_.expect(only_sent<body::refunded>(m) != nullptr, "{}: a refund was not answered", *saga);
}

void payment_accounts::check_value(partition_id at, std::string_view id, std::string_view value) {
  const auto stored = decode_user(value);
  if (!stored) return verdict_.violation(fmt::format("user {} cannot be decoded", id));
  users_.check(at, id, stored->generation, stored->credit.value, 0);
}

}  // namespace settle::sim
