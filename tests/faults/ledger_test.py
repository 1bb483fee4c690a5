"""The ledger finds what it is there for, in answers that a shop could give."""

import json

import pytest

from ledger import Findings, Ledger, Order, verify
from settle_client import Answer


class Answers:
    """A shop at rest: by path, what it shows."""

    def __init__(self, shown):
        self.shown = shown

    def get(self, path):
        found = self.shown.get(path)
        kind = "application/json" if found else "application/problem+json"
        return Answer(200 if found else 400, {"Content-Type": kind},
                      json.dumps(found or {"code": "not_found"}).encode())

    def close(self):
        pass


def shown():
    """A paid order of 2 pieces for 3 each: 10 pieces and 30 of money before."""
    return {"/orders/find/o": {"items": [["i", 2]], "total_cost": 6, "paid": True, "user_id": "u"},
            "/payment/find_user/u": {"credit": 24}, "/stock/find/i": {"stock": 8, "price": 3}}


def verified(found, unanswered=()):
    ledger, findings = Ledger(), Findings()
    ledger.move_credit("u", 30)
    ledger.move_stock("i", 10, 3)
    order = Order("o", "u")
    order.lines, order.paid = [("i", 2)], True
    ledger.add_order(order)
    for entity, amount in unanswered:
        ledger.move_maybe(entity, amount)
    verify(lambda: Answers(found), ledger, findings, threads=1)
    return findings


def test_what_was_answered_is_no_finding():
    findings = verified(shown())
    assert (findings.lost, findings.contradicted) == ([], [])


@pytest.mark.parametrize("path, wrong, kind", [
    ("/payment/find_user/u", {"credit": 18}, "double_charged"),
    ("/payment/find_user/u", {"credit": 30}, "contradicted"),
    ("/stock/find/i", {"stock": 10, "price": 3}, "oversold"),
    ("/stock/find/i", {"stock": -1, "price": 3}, "oversold"),
    ("/stock/find/i", {"stock": 6, "price": 3}, "contradicted"),
    ("/orders/find/o", None, "lost"),
    ("/payment/find_user/u", None, "lost"),
    ("/stock/find/i", None, "lost"),
    ("/orders/find/o",
     {"items": [["i", 2]], "total_cost": 6, "paid": False, "user_id": "u"}, "lost"),
    ("/orders/find/o",
     {"items": [["i", 2], ["i", 2]], "total_cost": 12, "paid": True, "user_id": "u"},
     "contradicted")])
def test_what_cannot_be_is_found(path, wrong, kind):
    findings = verified({**shown(), path: wrong})
    assert getattr(findings, kind)


@pytest.mark.parametrize("credit, allowed", [(24, True), (29, True), (26, True), (31, True),
                                             (25, False), (22, False)])
def test_a_move_without_an_answer_may_have_happened_or_not(credit, allowed):
    found = {**shown(), "/payment/find_user/u": {"credit": credit}}
    findings = verified(found, unanswered=[("u", 5), ("u", 2)])
    assert (not findings.contradicted) == allowed
