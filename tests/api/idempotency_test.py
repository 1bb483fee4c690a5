"""Idempotency-Key: one effect and one answer for each key of a method and path."""

import uuid

import pytest

from expect import expect_problem, expect_text
from settle_client import in_parallel
from shop import Shop

LONGEST = 255


def new_key():
    return str(uuid.uuid4())


def twice(shop, path, key=None):
    """Posts twice with one key; expects one answer and returns it."""
    key = key or new_key()
    first, second = shop.post(path, key=key), shop.post(path, key=key)
    assert first.same_as(second), (first, second)
    return first


@pytest.mark.parametrize("path", ["/payment/create_user", "/stock/item/create/5",
                                  "/orders/create/alice"])
def test_same_key_creates_once(shop, path):
    created = twice(shop, path)
    assert created.status == 200
    assert created.body != twice(shop, path).body
    assert created.body != shop.post(path).body


def test_same_key_moves_money_and_stock_once(shop):
    user, item = shop.create_user(credit=10), shop.create_item(stock=10)
    expect_text(twice(shop, f"/payment/add_funds/{user}/5"), f"User: {user} credit updated to: 15")
    expect_text(twice(shop, f"/payment/pay/{user}/3"), f"User: {user} credit updated to: 12")
    expect_text(twice(shop, f"/stock/add/{item}/5"), f"Item: {item} stock updated to: 15")
    expect_text(twice(shop, f"/stock/subtract/{item}/3"), f"Item: {item} stock updated to: 12")
    assert (shop.credit(user), shop.stock(item)) == (12, 12)


def test_same_key_adds_one_line(shop):
    item, order = shop.create_item(price=4), shop.create_order("alice")
    expect_text(twice(shop, f"/orders/addItem/{order}/{item}/2"),
                f"Item: {item} added to: {order} price updated to: 8")
    assert shop.order(order)["items"] == [[item, 2]]


def test_same_key_checks_out_once(shop):
    user, item = shop.create_user(credit=10), shop.create_item(price=4, stock=5)
    order = shop.create_order(user, (item, 1))
    expect_text(twice(shop, f"/orders/checkout/{order}"), "Checkout successful")
    assert (shop.credit(user), shop.stock(item)) == (6, 4)


def test_answer_of_a_key_is_the_first_one_however_the_world_moved_on(shop):
    user, key = shop.create_user(), new_key()
    expect_text(shop.add_funds(user, 5, key=key), f"User: {user} credit updated to: 5")
    shop.add_funds(user, 1)
    expect_text(shop.add_funds(user, 5, key=key), f"User: {user} credit updated to: 5")
    assert shop.credit(user) == 6


def test_recorded_rejection_of_a_checkout_stays_its_keys_answer(shop):
    user, item, key = shop.create_user(credit=9), shop.create_item(price=4), new_key()
    order = shop.create_order(user, (item, 1))
    rejected = shop.checkout(order, key=key)
    expect_problem(rejected, 400, "out_of_stock", f"Out of stock on item_id: {item}")
    shop.add_stock(item, 1)
    assert shop.checkout(order, key=key).same_as(rejected)
    assert shop.order(order)["paid"] is False
    expect_text(shop.checkout(order, key=new_key()), "Checkout successful")
    assert shop.checkout(order, key=key).same_as(rejected)
    assert (shop.credit(user), shop.stock(item)) == (5, 0)


def test_recorded_rejection_of_an_amount_stays_its_keys_answer(shop):
    user, item, key = shop.create_user(), shop.create_item(), new_key()
    for move, refill, entity, code in ((shop.pay, shop.add_funds, user, "credit_below_zero"),
                                       (shop.subtract, shop.add_stock, item, "stock_below_zero")):
        expect_problem(move(entity, 1, key=key), 400, code)
        refill(entity, 5)
        expect_problem(move(entity, 1, key=key), 400, code)
        assert move(entity, 1, key=new_key()).status == 200


def test_same_key_on_another_path_is_independent(shop):
    key = new_key()
    alice, bob = shop.create_user(), shop.create_user()
    for user in (alice, bob):
        expect_text(shop.add_funds(user, 5, key=key), f"User: {user} credit updated to: 5")
    expect_text(shop.add_funds(alice, 6, key=key), f"User: {alice} credit updated to: 11")
    expect_text(shop.pay(alice, 5, key=key), f"User: {alice} credit updated to: 6")
    user = shop.post("/payment/create_user", key=key).json["user_id"]
    item = shop.post("/stock/item/create/1", key=key).json["item_id"]
    assert shop.credit(user) == 0 and shop.stock(item) == 0


def test_concurrent_requests_with_one_key_have_one_effect_and_one_answer(settle, shop):
    user, key = shop.create_user(), new_key()
    answers = in_parallel(30, lambda _: Shop(settle.port).add_funds(user, 5, key=key))
    assert {answer.text for answer in answers} == {f"User: {user} credit updated to: 5"}
    assert shop.credit(user) == 5


def test_concurrent_creations_with_one_key_create_one(settle):
    key = new_key()
    answers = in_parallel(30, lambda _: Shop(settle.port).post("/payment/create_user", key=key))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1


def test_concurrent_checkouts_with_one_key_get_one_answer(settle, shop):
    user, item, key = shop.create_user(credit=10), shop.create_item(price=4), new_key()
    order = shop.create_order(user, (item, 1))
    answers = in_parallel(20, lambda _: Shop(settle.port).checkout(order, key=key))
    assert all(answer.same_as(answers[0]) for answer in answers)
    assert len(shop.history(order)["attempts"]) == 1


@pytest.mark.parametrize("key", ["a", "a" * LONGEST, '"8e03978e-40d5-43dd-bc93-6894a57f9324"',
                                 '"' + "a" * (LONGEST - 2) + '"', "a/b?c=d&e", '"with space"',
                                 "0", "!#$%&'*+-.^_`|~"])
def test_key_may_be_bare_or_quoted_and_255_long(shop, key):
    user = shop.create_user()
    expect_text(twice(shop, f"/payment/add_funds/{user}/5", key=key),
                f"User: {user} credit updated to: 5")
    assert shop.credit(user) == 5


@pytest.mark.parametrize("key", ["", '""', "a" * (LONGEST + 1), "a" * 4000,
                                 '"' + "a" * (LONGEST + 1) + '"'])
def test_empty_or_too_long_key_is_refused_without_effect(shop, key):
    user = shop.create_user()
    expect_problem(shop.add_funds(user, 5, key=key), 400, "invalid_key")
    expect_problem(shop.post("/payment/create_user", key=key), 400, "invalid_key")
    assert shop.credit(user) == 0


def test_keys_that_differ_in_one_character_are_different(shop):
    user, long = shop.create_user(), "a" * (LONGEST - 1)
    for key in (long + "b", long + "c", "A", "a"):
        assert shop.add_funds(user, 1, key=key).status == 200
    assert shop.credit(user) == 4


def test_name_of_the_header_is_case_insensitive(shop):
    user, key = shop.create_user(), new_key()
    for name in ("idempotency-key", "IDEMPOTENCY-KEY"):
        shop.add_funds(user, 5, headers={name: key})
    assert shop.credit(user) == 5


def test_key_of_a_read_is_ignored(shop):
    user, key = shop.create_user(), new_key()
    for credit in (0, 5):
        assert shop.get(f"/payment/find_user/{user}", key=key).json["credit"] == credit
        shop.add_funds(user, 5)


def test_malformed_request_is_not_recorded_under_its_key(settle, shop):
    user, key = shop.create_user(), new_key()
    path = f"/payment/add_funds/{user}/5"
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nIdempotency-Key: {key}\r\n".encode()
    for malformed in (b"Content-Length: 999999999\r\n\r\n", b"Content-Length: x\r\n\r\n",
                      b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
        with settle.raw() as raw:
            assert raw.exchange(head + malformed).status in (400, 413)
    assert shop.request("PUT", path, key=key).status == 405
    assert shop.credit(user) == 0
    expect_text(shop.add_funds(user, 5, key=key), f"User: {user} credit updated to: 5")
