"""The three batch_init routes, in a process of their own: they write the ids "0" to "n-1"."""

import pytest

from expect import expect_json, expect_problem, expect_text
from settle_process import SettleProcess
from shop import Shop


@pytest.fixture(scope="module")
def bulk_process(program_exists):
    with SettleProcess() as process:
        yield process


@pytest.fixture
def bulk(bulk_process):
    client = Shop(bulk_process.port)
    yield client
    client.close()


def init_stock(shop, n, stock, price, **options):
    expect_json(shop.post(f"/stock/batch_init/{n}/{stock}/{price}", **options),
                {"msg": "Batch init for stock successful"})


def init_users(shop, n, money, **options):
    expect_json(shop.post(f"/payment/batch_init/{n}/{money}", **options),
                {"msg": "Batch init for users successful"})


def init_orders(shop, n, items, users, price, **options):
    expect_json(shop.post(f"/orders/batch_init/{n}/{items}/{users}/{price}", **options),
                {"msg": "Batch init for orders successful"})


def test_items_get_their_stock_and_price(bulk):
    init_stock(bulk, 20, 7, 3)
    for item in range(20):
        expect_json(bulk.get(f"/stock/find/{item}"), {"stock": 7, "price": 3})
    expect_problem(bulk.get("/stock/find/20"), 400, "item_not_found", "Item: 20 not found!")


def test_users_get_their_money(bulk):
    init_users(bulk, 20, 9)
    for user in range(20):
        expect_json(bulk.get(f"/payment/find_user/{user}"), {"user_id": str(user), "credit": 9})
    expect_problem(bulk.get("/payment/find_user/20"), 400, "user_not_found")


def test_orders_get_a_random_user_and_two_random_items_in_range(bulk):
    init_orders(bulk, 200, 5, 4, 30)
    users, items = set(), set()
    for number in range(200):
        order = bulk.order(str(number))
        assert (order["order_id"], order["paid"], order["total_cost"]) == (str(number), False, 60)
        assert [quantity for _, quantity in order["items"]] == [1, 1]
        users.add(order["user_id"])
        items.update(item for item, _ in order["items"])
    assert users == {"0", "1", "2", "3"} and items == {"0", "1", "2", "3", "4"}
    expect_problem(bulk.get("/orders/find/200"), 400, "order_not_found")


def test_initialised_orders_can_be_checked_out(bulk):
    init_stock(bulk, 10, 1000, 5)
    init_users(bulk, 10, 1000)
    init_orders(bulk, 100, 10, 10, 5)
    for order in range(100):
        expect_text(bulk.checkout(order), "Checkout successful")
    assert sum(bulk.credit(user) for user in range(10)) == 10 * 1000 - 100 * 10
    assert sum(bulk.stock(item) for item in range(10)) == 10 * 1000 - 100 * 2


def test_same_ids_are_overwritten_and_others_are_kept(bulk):
    init_stock(bulk, 10, 1, 1)
    init_users(bulk, 10, 1)
    init_orders(bulk, 10, 10, 10, 0)
    item, user = bulk.create_item(price=2, stock=2), bulk.create_user(credit=2)
    for order in range(3):
        bulk.checkout(order)
    init_stock(bulk, 5, 50, 40)
    init_users(bulk, 5, 50)
    init_orders(bulk, 5, 1, 1, 40)
    for number in range(5):
        expect_json(bulk.get(f"/stock/find/{number}"), {"stock": 50, "price": 40})
        assert bulk.credit(number) == 50
        assert bulk.order(number) == {"order_id": str(number), "paid": False, "user_id": "0",
                                      "items": [["0", 1], ["0", 1]], "total_cost": 80}
    assert bulk.credit(9) <= 1 and bulk.order(9)["total_cost"] == 0
    assert (bulk.stock(item), bulk.credit(user)) == (2, 2)


def test_zero_rows_change_nothing(bulk):
    init_stock(bulk, 1, 8, 8)
    init_users(bulk, 1, 8)
    init_orders(bulk, 1, 1, 1, 8)
    before = bulk.state(users=["0"], items=["0"], orders=["0"])
    init_stock(bulk, 0, 1, 1)
    init_users(bulk, 0, 1)
    init_orders(bulk, 0, 1, 1, 1)
    assert bulk.state(users=["0"], items=["0"], orders=["0"]) == before


def test_zero_stock_price_and_money_are_fine(bulk):
    init_stock(bulk, 1, 0, 0)
    init_users(bulk, 1, 0)
    init_orders(bulk, 1, 1, 1, 0)
    assert bulk.state(users=["0"], items=["0"]) == ([0], [0], [])
    assert bulk.order("0")["total_cost"] == 0


def test_unknown_item_of_an_initialised_order_is_out_of_stock(start_settle):
    shop = Shop(start_settle().port)
    init_users(shop, 1, 100)
    init_orders(shop, 1, 1, 1, 5)
    expect_problem(shop.checkout("0"), 400, "out_of_stock", "Out of stock on item_id: 0")
    assert shop.credit("0") == 100


def test_unknown_user_of_an_initialised_order_is_out_of_credit(start_settle):
    shop = Shop(start_settle().port)
    init_stock(shop, 1, 100, 5)
    init_orders(shop, 1, 1, 1, 5)
    expect_problem(shop.checkout("0"), 400, "out_of_credit", "User out of credit")
    assert shop.stock("0") == 100


def test_10000_rows_of_each_work(bulk):
    init_stock(bulk, 10_000, 3, 2)
    init_users(bulk, 10_000, 4)
    init_orders(bulk, 10_000, 10_000, 10_000, 2)
    for number in (0, 1, 4999, 9999):
        assert (bulk.stock(number), bulk.credit(number)) == (3, 4)
        assert bulk.order(number)["total_cost"] == 4
    assert bulk.get("/stock/find/10000").status == 400


def test_same_key_initialises_once(bulk):
    init_users(bulk, 3, 7, key="a")
    bulk.add_funds("0", 1)
    init_users(bulk, 3, 7, key="a")
    assert bulk.credit("0") == 8
    init_stock(bulk, 3, 7, 1, key="a")
    bulk.add_stock("0", 1)
    init_stock(bulk, 3, 7, 1, key="a")
    assert bulk.stock("0") == 8
    init_orders(bulk, 3, 1, 1, 0, key="a")
    bulk.checkout("0")
    init_orders(bulk, 3, 1, 1, 0, key="a")
    assert bulk.order("0")["paid"] is True


def test_switched_off_batch_init_is_403_and_changes_nothing(start_settle):
    shop = Shop(start_settle("--no-batch-init").port)
    for path in ("/stock/batch_init/1/1/1", "/payment/batch_init/1/1",
                 "/orders/batch_init/1/1/1/1"):
        expect_problem(shop.post(path), 403, "batch_init_disabled")
    assert shop.get("/stock/find/0").status == 400
    user = shop.create_user(credit=1)
    expect_text(shop.checkout(shop.create_order(user)), "Checkout successful")
