"""The rows of /stock but batch_init."""

from expect import LARGEST, expect_json, expect_problem, expect_text


def test_created_item_has_its_price_and_no_stock(shop):
    answer = shop.post("/stock/item/create/7")
    item = answer.json["item_id"]
    expect_json(answer, {"item_id": item})
    assert isinstance(item, str) and item
    expect_json(shop.get(f"/stock/find/{item}"), {"stock": 0, "price": 7})


def test_price_zero_is_fine(shop):
    item = shop.create_item(price=0)
    expect_json(shop.get(f"/stock/find/{item}"), {"stock": 0, "price": 0})


def test_largest_price_is_fine(shop):
    item = shop.create_item(price=LARGEST)
    expect_json(shop.get(f"/stock/find/{item}"), {"stock": 0, "price": LARGEST})


def test_two_creations_give_two_items(shop):
    assert shop.create_item() != shop.create_item()


def test_add_and_subtract_answer_the_new_stock(shop):
    item = shop.create_item()
    expect_text(shop.add_stock(item, 5), f"Item: {item} stock updated to: 5")
    expect_text(shop.add_stock(item, 2), f"Item: {item} stock updated to: 7")
    expect_text(shop.subtract(item, 3), f"Item: {item} stock updated to: 4")
    assert shop.stock(item) == 4


def test_subtract_to_zero_is_fine(shop):
    item = shop.create_item(stock=3)
    expect_text(shop.subtract(item, 3), f"Item: {item} stock updated to: 0")


def test_subtract_below_zero_is_refused_and_changes_nothing(shop):
    item = shop.create_item(stock=3)
    for amount in (4, LARGEST):
        expect_problem(shop.subtract(item, amount), 400, "stock_below_zero",
                       f"Item: {item} stock cannot get reduced below zero!")
    assert shop.stock(item) == 3


def test_unknown_item_is_named(shop):
    detail = "Item: no-such-item not found!"
    expect_problem(shop.get("/stock/find/no-such-item"), 400, "item_not_found", detail)
    expect_problem(shop.add_stock("no-such-item", 1), 400, "item_not_found", detail)
    expect_problem(shop.subtract("no-such-item", 1), 400, "item_not_found", detail)


def test_stock_beyond_the_largest_is_refused_and_changes_nothing(shop):
    item = shop.create_item()
    expect_text(shop.add_stock(item, LARGEST), f"Item: {item} stock updated to: {LARGEST}")
    for amount in (1, LARGEST):
        expect_problem(shop.add_stock(item, amount), 400, "amount_out_of_range")
    assert shop.stock(item) == LARGEST
