"""What many checkouts at once do."""

import collections

from expect import expect_problem, expect_text
from settle_client import in_parallel
from shop import Shop


def with_client(settle, call):
    """For in_parallel: call(client, index) with a client of its own."""
    def run(index):
        client = Shop(settle.port)
        try:
            return call(client, index)
        finally:
            client.close()
    return run


def test_concurrent_checkouts_of_one_order_charge_once(settle, shop):
    user, item = shop.create_user(credit=100), shop.create_item(price=7, stock=10)
    order = shop.create_order(user, (item, 1))
    keys = [None, "a", "b", None]
    answers = in_parallel(40, with_client(
        settle, lambda client, n: client.checkout(order, key=keys[n % len(keys)])))
    for answer in answers:
        expect_text(answer, "Checkout successful")
    assert (shop.credit(user), shop.stock(item)) == (93, 9)
    assert len(shop.history(order)["attempts"]) == 1


def test_concurrent_checkouts_of_a_hopeless_order_are_all_rejected(settle, shop):
    user, item = shop.create_user(credit=100), shop.create_item(price=7)
    order = shop.create_order(user, (item, 1))
    answers = in_parallel(20, with_client(settle, lambda client, _: client.checkout(order)))
    for answer in answers:
        expect_problem(answer, 400, "out_of_stock", f"Out of stock on item_id: {item}")
    assert (shop.credit(user), shop.stock(item), shop.order(order)["paid"]) == (100, 0, False)


def test_hot_item_is_sold_exactly_as_often_as_it_is_there(settle, shop):
    pieces, buyers = 10, 60
    item = shop.create_item(price=3, stock=pieces)
    users = [shop.create_user(credit=3) for _ in range(buyers)]
    orders = [shop.create_order(user, (item, 1)) for user in users]
    answers = in_parallel(buyers, with_client(settle, lambda client, n: client.checkout(orders[n])))
    assert collections.Counter(answer.status for answer in answers) == {200: pieces,
                                                                       400: buyers - pieces}
    assert shop.stock(item) == 0
    for user, order, answer in zip(users, orders, answers):
        paid = answer.status == 200
        assert (shop.credit(user), shop.order(order)["paid"]) == (0 if paid else 3, paid)


def test_one_wallet_pays_exactly_what_it_can(settle, shop):
    user, item = shop.create_user(credit=50), shop.create_item(price=10, stock=100)
    orders = [shop.create_order(user, (item, 1)) for _ in range(30)]
    answers = in_parallel(30, with_client(settle, lambda client, n: client.checkout(orders[n])))
    assert sum(answer.status == 200 for answer in answers) == 5
    assert (shop.credit(user), shop.stock(item)) == (0, 95)


def test_crossing_orders_neither_deadlock_nor_lose_anything(settle, shop):
    items = [shop.create_item(price=1, stock=15) for _ in range(6)]
    user = shop.create_user(credit=1000)
    orders = [shop.create_order(user, *((items[(n + k) % 6], 1) for k in range(6)))
              for n in range(30)]
    answers = in_parallel(30, with_client(settle, lambda client, n: client.checkout(orders[n])))
    sold = sum(answer.status == 200 for answer in answers)
    assert sold <= 15
    assert [shop.stock(item) for item in items] == [15 - sold] * 6
    assert shop.credit(user) == 1000 - 6 * sold
    assert sum(shop.order(order)["paid"] for order in orders) == sold


def test_line_added_during_a_checkout_is_either_paid_for_or_refused(settle, shop):
    for _ in range(15):
        user, item = shop.create_user(credit=100), shop.create_item(price=7, stock=10)
        order = shop.create_order(user, (item, 1))
        added, paid = in_parallel(2, with_client(settle, lambda client, n: (
            client.checkout(order) if n else client.add_item(order, item))))
        expect_text(paid, "Checkout successful")
        lines = 1 if added.status == 400 else 2
        if added.status == 400:
            expect_problem(added, 400, ("order_busy", "order_paid"))
        else:
            expect_text(added, f"Item: {item} added to: {order} price updated to: 14")
        found = shop.order(order)
        assert (len(found["items"]), found["total_cost"]) == (lines, 7 * lines)
        assert (shop.credit(user), shop.stock(item)) == (100 - 7 * lines, 10 - lines)


def test_money_that_moves_during_checkouts_adds_up(settle, shop):
    user, item = shop.create_user(credit=50), shop.create_item(price=5, stock=20)
    orders = [shop.create_order(user, (item, 1)) for _ in range(20)]

    def act(client, n):
        if n < 20:
            return client.checkout(orders[n])
        return client.add_funds(user, 3) if n % 2 else client.pay(user, 2)

    answers = in_parallel(40, with_client(settle, act))
    sold = sum(answer.status == 200 for answer in answers[:20])
    added = sum(answer.status == 200 for answer in answers[21::2])
    payments = sum(answer.status == 200 for answer in answers[20::2])
    assert added == 10
    assert shop.credit(user) == 50 + 3 * added - 2 * payments - 5 * sold
    assert shop.stock(item) == 20 - sold
