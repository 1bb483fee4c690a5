// The payment service of one partition: users and their credit.
#pragma once

#include "core/exactly_once/workspace.hpp"
#include "core/payment/user.hpp"

namespace settle::payment_service {

// Commands; each answers `from` at once.
void create(workspace& work, const waiting_request& from);
void add_funds(workspace& work, const waiting_request& from, const body::add_funds& command);
void pay(workspace& work, const waiting_request& from, const body::pay& command);
void init(workspace& work, const waiting_request& from, const body::init_users& command);

// What an order partition asks for; each sends its answer to `from`.
void charge(workspace& work, const message& from, const body::charge& order);
/// A compensation: never refused, may exceed 2^53 - 1, changes nothing in a row that a batch_init
/// has overwritten since.
void refund(workspace& work, const message& from, const body::refund& order);

}  // namespace settle::payment_service
