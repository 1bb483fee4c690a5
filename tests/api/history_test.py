"""GET /orders/history/{order_id}: attempts, each with its steps."""

from expect import expect_problem
from shop import Shop


def attempts_of(shop, order):
    answer = shop.get(f"/orders/history/{order}")
    assert (answer.status, answer.content_type) == (200, "application/json")
    attempts = answer.json["attempts"]
    for attempt in attempts:
        assert {"attempt", "outcome", "reason", "steps"} <= attempt.keys()
        assert isinstance(attempt["attempt"], int)
        assert isinstance(attempt["outcome"], str) and attempt["outcome"]
        for step in attempt["steps"]:
            assert {"step", "outcome", "time"} <= step.keys()
            assert step["step"] and step["outcome"] and step["time"]
    numbers = [attempt["attempt"] for attempt in attempts]
    assert numbers == sorted(set(numbers))
    return attempts


def test_new_order_has_no_attempts(shop):
    assert attempts_of(shop, shop.create_order("alice")) == []


def test_rejected_then_successful_checkout_gives_two_attempts(shop):
    user, item = shop.create_user(credit=5), shop.create_item(price=5)
    order = shop.create_order(user, (item, 1))
    assert shop.checkout(order).status == 400
    rejected, = attempts_of(shop, order)
    shop.add_stock(item, 1)
    assert shop.checkout(order).status == 200
    first, second = attempts_of(shop, order)
    assert (first["attempt"], first["outcome"]) == (rejected["attempt"], rejected["outcome"])
    assert first["outcome"] != second["outcome"]
    assert first["reason"] and not second["reason"]
    assert first["steps"] and second["steps"]


def test_reason_tells_missing_credit_from_missing_stock(shop):
    user, item = shop.create_user(), shop.create_item(price=5)
    order = shop.create_order(user, (item, 1))
    shop.checkout(order)
    shop.add_funds(user, 5)
    shop.checkout(order)
    credit, stock = attempts_of(shop, order)
    assert credit["reason"] and stock["reason"] and credit["reason"] != stock["reason"]


def test_repeated_checkout_of_a_paid_order_is_no_attempt(shop):
    order = shop.create_order(shop.create_user(credit=5), (shop.create_item(5, stock=1), 1))
    for _ in range(3):
        assert shop.checkout(order).status == 200
    assert len(attempts_of(shop, order)) == 1


def test_history_survives_a_kill(start_settle):
    process = start_settle()
    shop = Shop(process.port)
    order = shop.create_order("nobody", (shop.create_item(5), 1))
    shop.checkout(order)
    before = attempts_of(shop, order)
    process.kill9()
    process.restart()
    assert attempts_of(shop, order) == before


def test_unknown_order_has_no_history(shop):
    expect_problem(shop.get("/orders/history/none"), 400, "order_not_found",
                   "Order: none not found!")
