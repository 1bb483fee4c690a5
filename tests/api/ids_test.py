"""Ids: 1 to 64 characters of A-Z a-z 0-9 . _ ~ - after percent-decoding."""

import urllib.parse

import pytest

from expect import expect_json, expect_problem

ROUTES = [("GET", "/orders/find/{}"), ("GET", "/orders/history/{}"), ("POST", "/orders/create/{}"),
          ("POST", "/orders/checkout/{}"), ("POST", "/orders/addItem/{}/item/1"),
          ("POST", "/orders/addItem/order/{}/1"), ("GET", "/stock/find/{}"),
          ("POST", "/stock/add/{}/1"), ("POST", "/stock/subtract/{}/1"),
          ("GET", "/payment/find_user/{}"), ("POST", "/payment/add_funds/{}/1"),
          ("POST", "/payment/pay/{}/1")]

STRANGE = [" ", "a b", "a/b", "../x", "a\\b", "a?b", "a#b", "a%b", "a:b", "a@b", "a+b", "a*b",
           "{a}", "<script>", "a'b", 'a"b', "a\nb", "a\r\nX-Injected: 1", "a\0", "\0", "\x7f",
           "é", "日本", "\U0001f600", "a\u202eb"]
STRANGE_BYTES = ["%80", "%ff%fe", "%c3", "a%C0%AF", "%ed%a0%80"]
BROKEN_ESCAPES = ["%", "a%", "a%2", "%zz", "%u0041", "a%-1"]


def every(route, segments):
    method, template = route
    return [(method, template.format(segment)) for segment in segments]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_strange_characters_are_refused(shop, route):
    escaped = [urllib.parse.quote(text, safe="") for text in STRANGE]
    for method, path in every(route, escaped + STRANGE_BYTES):
        answer = shop.request(method, path)
        expect_problem(answer, 400, "invalid_id")
        assert answer.headers["X-Injected"] is None


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_broken_escapes_are_refused(shop, route):
    for method, path in every(route, BROKEN_ESCAPES):
        expect_problem(shop.request(method, path), 400)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_more_than_64_characters_are_refused(shop, route):
    for method, path in every(route, ["a" * 65, "a" * 1000, "%61" * 65]):
        expect_problem(shop.request(method, path), 400, "invalid_id")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[1])
def test_empty_id_is_refused(shop, route):
    for method, path in every(route, [""]):
        assert shop.request(method, path).status in (400, 404)


@pytest.mark.parametrize("user", ["a" * 64, "A-Z_a.z~0-9", "0", "-", "_", "~", "..", ".", "-1",
                                  "1.5"])
def test_every_allowed_id_is_kept_as_it_is(shop, user):
    order = shop.create_order(urllib.parse.quote(user, safe=""))
    assert shop.order(order)["user_id"] == user


def test_64_escaped_characters_are_64(shop):
    order = shop.create_order("%61" * 64)
    assert shop.order(order)["user_id"] == "a" * 64


def test_escaped_id_is_the_same_id(shop):
    item = shop.create_item(price=3, stock=4)
    escaped = "".join(f"%{ord(char):02x}" for char in item)
    expect_json(shop.get(f"/stock/find/{escaped}"), {"stock": 4, "price": 3})
    assert shop.add_stock(escaped.upper(), 1).text == (
        f"Item: {item} stock updated to: 5")


def test_unknown_escaped_id_is_named_decoded(shop):
    expect_problem(shop.get("/stock/find/no%7Esuch%2ditem"), 400, "item_not_found",
                   "Item: no~such-item not found!")


def test_ids_that_look_like_numbers_differ_as_text(shop):
    user = "007"
    order = shop.create_order(user)
    assert shop.order(order)["user_id"] == "007"


def test_ids_are_case_sensitive(shop):
    order = shop.create_order("alice")
    if order.upper() != order:
        assert shop.get(f"/orders/find/{order.upper()}").status == 400


def test_generated_ids_are_ids(shop):
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-")
    for generated in (shop.create_user(), shop.create_item(), shop.create_order("alice")):
        assert 1 <= len(generated) <= 64 and set(generated) <= allowed
