"""What one checkout after the other does."""

import pytest

from expect import expect_problem, expect_text


def expect_success(answer):
    expect_text(answer, "Checkout successful")


def expect_out_of_stock(answer, item):
    expect_problem(answer, 400, "out_of_stock", f"Out of stock on item_id: {item}")


def expect_out_of_credit(answer):
    expect_problem(answer, 400, "out_of_credit", "User out of credit")


def test_checkout_takes_money_and_goods(shop):
    user, item = shop.create_user(credit=100), shop.create_item(price=7, stock=10)
    order = shop.create_order(user, (item, 3))
    expect_success(shop.checkout(order))
    assert (shop.credit(user), shop.stock(item)) == (79, 7)
    assert shop.order(order) == {"order_id": order, "paid": True, "items": [[item, 3]],
                                 "user_id": user, "total_cost": 21}


def test_checkout_of_many_items_takes_each(shop):
    user = shop.create_user(credit=1000)
    items = [shop.create_item(price=n + 1, stock=n + 1) for n in range(12)]
    order = shop.create_order(user, *((item, n + 1) for n, item in enumerate(items)))
    expect_success(shop.checkout(order))
    assert shop.credit(user) == 1000 - sum((n + 1) ** 2 for n in range(12))
    assert [shop.stock(item) for item in items] == [0] * 12


def test_paid_order_answers_success_again_and_charges_nothing(shop):
    user, item = shop.create_user(credit=10), shop.create_item(price=5, stock=10)
    order = shop.create_order(user, (item, 1))
    for _ in range(3):
        expect_success(shop.checkout(order))
    assert (shop.credit(user), shop.stock(item)) == (5, 9)


def test_exact_credit_and_stock_are_enough(shop):
    user, item = shop.create_user(credit=6), shop.create_item(price=3, stock=2)
    expect_success(shop.checkout(shop.create_order(user, (item, 2))))
    assert (shop.credit(user), shop.stock(item)) == (0, 0)


def test_order_without_lines_succeeds_even_for_an_unknown_user(shop):
    order = shop.create_order("nobody")
    expect_success(shop.checkout(order))
    expect_success(shop.checkout(order))
    assert shop.order(order)["paid"] is True


def test_missing_credit_is_rejected_and_changes_nothing(shop):
    user, item = shop.create_user(credit=5), shop.create_item(price=3, stock=2)
    order = shop.create_order(user, (item, 2))
    before = shop.state([user], [item], [order])
    expect_out_of_credit(shop.checkout(order))
    assert shop.state([user], [item], [order]) == before


def test_unknown_user_is_out_of_credit(shop):
    item = shop.create_item(price=3, stock=2)
    order = shop.create_order("nobody", (item, 1))
    expect_out_of_credit(shop.checkout(order))
    assert shop.stock(item) == 2 and shop.order(order)["paid"] is False


def test_total_zero_still_needs_its_user(shop):
    item = shop.create_item(price=0, stock=2)
    order = shop.create_order("nobody", (item, 1))
    expect_out_of_credit(shop.checkout(order))
    assert shop.stock(item) == 2


def test_total_zero_still_needs_its_stock(shop):
    user, item = shop.create_user(), shop.create_item(price=0, stock=2)
    expect_out_of_stock(shop.checkout(shop.create_order(user, (item, 3))), item)
    expect_success(shop.checkout(shop.create_order(user, (item, 2))))
    assert shop.stock(item) == 0


def test_item_on_two_lines_that_exceed_its_stock_together_is_rejected(shop):
    user, item = shop.create_user(credit=100), shop.create_item(price=1, stock=5)
    order = shop.create_order(user, (item, 3), (item, 3))
    expect_out_of_stock(shop.checkout(order), item)
    assert (shop.credit(user), shop.stock(item)) == (100, 5)


def test_item_on_two_lines_within_its_stock_is_sold(shop):
    user, item = shop.create_user(credit=100), shop.create_item(price=1, stock=6)
    expect_success(shop.checkout(shop.create_order(user, (item, 3), (item, 3))))
    assert (shop.credit(user), shop.stock(item)) == (94, 0)


@pytest.mark.parametrize("missing", [[0], [11], [5], [2, 7], [11, 3], list(range(12))])
def test_rejection_names_the_first_failing_line_and_is_fully_compensated(shop, missing):
    user = shop.create_user(credit=1000)
    items = [shop.create_item(price=2, stock=0 if n in missing else 1) for n in range(12)]
    order = shop.create_order(user, *((item, 1) for item in items))
    before = shop.state([user], items, [order])
    expect_out_of_stock(shop.checkout(order), items[min(missing)])
    assert shop.state([user], items, [order]) == before


def test_retry_after_refill_is_a_new_attempt(shop):
    user, item = shop.create_user(), shop.create_item(price=4)
    order = shop.create_order(user, (item, 1))
    shop.add_funds(user, 4)
    expect_out_of_stock(shop.checkout(order), item)
    expect_out_of_stock(shop.checkout(order), item)
    shop.add_stock(item, 1)
    expect_success(shop.checkout(order))
    assert (shop.credit(user), shop.stock(item)) == (0, 0)


def test_rejected_order_can_be_filled_up(shop):
    user = shop.create_user(credit=10)
    item, more = shop.create_item(price=4), shop.create_item(price=6, stock=1)
    order = shop.create_order(user, (item, 1))
    expect_out_of_stock(shop.checkout(order), item)
    expect_text(shop.add_item(order, more), f"Item: {more} added to: {order} price updated to: 10")
    shop.add_stock(item, 1)
    expect_success(shop.checkout(order))
    assert (shop.credit(user), shop.stock(item), shop.stock(more)) == (0, 0, 0)


def test_items_cannot_be_added_to_a_paid_order(shop):
    user, item = shop.create_user(credit=10), shop.create_item(price=1, stock=10)
    for order in (shop.create_order(user, (item, 1)), shop.create_order(user)):
        expect_success(shop.checkout(order))
        before = shop.order(order)
        expect_problem(shop.add_item(order, item), 400, "order_paid")
        assert shop.order(order) == before


def test_rejections_of_many_orders_leave_the_last_pieces_for_who_can_pay(shop):
    poor, rich = shop.create_user(credit=1), shop.create_user(credit=2)
    item = shop.create_item(price=2, stock=1)
    for _ in range(5):
        expect_out_of_credit(shop.checkout(shop.create_order(poor, (item, 1))))
    expect_success(shop.checkout(shop.create_order(rich, (item, 1))))
    assert (shop.credit(poor), shop.credit(rich), shop.stock(item)) == (1, 0, 0)
