"""The rows of /payment but batch_init."""

from expect import LARGEST, expect_json, expect_problem, expect_text


def test_created_user_has_no_credit(shop):
    answer = shop.post("/payment/create_user")
    user = answer.json["user_id"]
    expect_json(answer, {"user_id": user})
    assert isinstance(user, str) and user
    expect_json(shop.get(f"/payment/find_user/{user}"), {"user_id": user, "credit": 0})


def test_two_creations_give_two_users(shop):
    assert shop.create_user() != shop.create_user()


def test_add_funds_and_pay_answer_the_new_credit(shop):
    user = shop.create_user()
    expect_text(shop.add_funds(user, 10), f"User: {user} credit updated to: 10")
    expect_text(shop.pay(user, 4), f"User: {user} credit updated to: 6")
    expect_text(shop.pay(user, 6), f"User: {user} credit updated to: 0")
    assert shop.credit(user) == 0


def test_pay_below_zero_is_refused_and_changes_nothing(shop):
    user = shop.create_user(credit=3)
    for amount in (4, LARGEST):
        expect_problem(shop.pay(user, amount), 400, "credit_below_zero",
                       f"User: {user} credit cannot get reduced below zero!")
    assert shop.credit(user) == 3


def test_unknown_user_is_named(shop):
    detail = "User: no-such-user not found!"
    expect_problem(shop.get("/payment/find_user/no-such-user"), 400, "user_not_found", detail)
    expect_problem(shop.add_funds("no-such-user", 1), 400, "user_not_found", detail)
    expect_problem(shop.pay("no-such-user", 1), 400, "user_not_found", detail)


def test_credit_beyond_the_largest_is_refused_and_changes_nothing(shop):
    user = shop.create_user(credit=LARGEST)
    for amount in (1, LARGEST):
        expect_problem(shop.add_funds(user, amount), 400, "amount_out_of_range")
    assert shop.credit(user) == LARGEST
