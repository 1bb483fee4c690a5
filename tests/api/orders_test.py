"""The rows of /orders but checkout and batch_init."""

from expect import LARGEST, expect_json, expect_problem, expect_text
from settle_client import in_parallel
from shop import Shop

ORDER_LINES = 1000


def test_created_order_is_unpaid_and_empty(shop):
    answer = shop.post("/orders/create/alice")
    order = answer.json["order_id"]
    expect_json(answer, {"order_id": order})
    assert isinstance(order, str) and order
    expect_json(shop.get(f"/orders/find/{order}"), {
        "order_id": order, "paid": False, "items": [], "user_id": "alice", "total_cost": 0})


def test_added_lines_are_appended_and_never_merged(shop):
    apple, pear = shop.create_item(price=3), shop.create_item(price=5)
    order = shop.create_order("alice")
    for item, quantity, total in ((apple, 2, 6), (pear, 1, 11), (apple, 1, 14), (apple, 1, 17)):
        expect_text(shop.add_item(order, item, quantity),
                    f"Item: {item} added to: {order} price updated to: {total}")
    found = shop.order(order)
    assert found["items"] == [[apple, 2], [pear, 1], [apple, 1], [apple, 1]]
    assert found["total_cost"] == 17


def test_item_without_stock_can_be_added(shop):
    order = shop.create_order("alice", (shop.create_item(price=0), 9))
    assert shop.order(order)["total_cost"] == 0


def test_unknown_order_is_named_and_checked_before_the_item(shop):
    item = shop.create_item()
    detail = "Order: no-such-order not found!"
    for answer in (shop.get("/orders/find/no-such-order"),
                   shop.add_item("no-such-order", item),
                   shop.add_item("no-such-order", "no-such-item"),
                   shop.checkout("no-such-order"),
                   shop.get("/orders/history/no-such-order")):
        expect_problem(answer, 400, "order_not_found", detail)


def test_unknown_item_cannot_be_added(shop):
    order = shop.create_order("alice")
    expect_problem(shop.add_item(order, "no-such-item"), 400, "item_not_found",
                   "Item: no-such-item does not exist!")
    assert shop.order(order)["items"] == []


def test_total_beyond_the_largest_is_refused_and_changes_nothing(shop):
    gold, penny = shop.create_item(price=LARGEST), shop.create_item(price=1)
    order = shop.create_order("alice")
    expect_problem(shop.add_item(order, gold, 2), 400, "amount_out_of_range")
    expect_problem(shop.add_item(order, gold, LARGEST), 400, "amount_out_of_range")
    assert shop.order(order)["items"] == []
    expect_text(shop.add_item(order, gold, 1),
                f"Item: {gold} added to: {order} price updated to: {LARGEST}")
    expect_problem(shop.add_item(order, penny, 1), 400, "amount_out_of_range")
    found = shop.order(order)
    assert (found["items"], found["total_cost"]) == ([[gold, 1]], LARGEST)


def test_order_takes_exactly_1000_lines_and_can_be_paid(settle, shop):
    clients, extra = 50, 10
    item = shop.create_item(price=2, stock=ORDER_LINES)
    user = shop.create_user(credit=2 * ORDER_LINES)
    order = shop.create_order(user)

    def fill(_):
        client = Shop(settle.port)
        answers = [client.add_item(order, item) for _ in range((ORDER_LINES + extra) // clients)]
        client.close()
        return answers

    answers = [answer for some in in_parallel(clients, fill) for answer in some]
    answers += [shop.add_item(order, item) for _ in range(ORDER_LINES + extra - len(answers))]
    refused = [answer for answer in answers if answer.status != 200]
    assert len(answers) == ORDER_LINES + extra and len(refused) == extra
    for answer in refused:
        expect_problem(answer, 400, "order_full")
    assert len(shop.order(order)["items"]) == ORDER_LINES
    expect_text(shop.checkout(order), "Checkout successful")
    assert (shop.stock(item), shop.credit(user)) == (0, 0)


def test_concurrent_additions_are_all_there_with_distinct_totals(settle, shop):
    item, order = shop.create_item(price=3), shop.create_order("alice")
    answers = in_parallel(20, lambda _: Shop(settle.port).add_item(order, item))
    totals = sorted(int(answer.text.rsplit(" ", 1)[1]) for answer in answers)
    assert totals == [3 * n for n in range(1, 21)]
    assert shop.order(order)["total_cost"] == 60
