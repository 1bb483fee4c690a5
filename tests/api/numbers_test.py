"""Numbers in paths: plain decimal digits from 0 (or 1) to 2^53 - 1; all else is a 400 that
changes nothing."""

import urllib.parse

import pytest

from expect import LARGEST, expect_json, expect_problem

NOT_NUMBERS = ["-1", "-0", "+1", "1.5", "1.0", "1e3", "0x10", "1_000", "1,000", " 1", "1 ", "1\t",
               "1\n", "1\0", "abc", "1a", "NaN", "inf", "true", "\u0661", "\uff11", "\u00b2", "1/2",
               "1;2", "'1'", "--1", "%31"]
TOO_LARGE = [str(LARGEST + 1), str(2**63 - 1), str(2**63), str(2**64), str(2**64 + 1),
             "9" * 20, "9" * 40, "1" + "0" * 300]

AMOUNTS = ["/stock/add/{item}/{}", "/stock/subtract/{item}/{}", "/payment/add_funds/{user}/{}",
           "/payment/pay/{user}/{}", "/orders/addItem/{order}/{item}/{}"]
COUNTS_AND_PRICES = ["/stock/item/create/{}",
                     "/stock/batch_init/{}/1/1", "/stock/batch_init/1/{}/1",
                     "/stock/batch_init/1/1/{}",
                     "/payment/batch_init/{}/1", "/payment/batch_init/1/{}",
                     "/orders/batch_init/{}/1/1/1", "/orders/batch_init/1/{}/1/1",
                     "/orders/batch_init/1/1/{}/1", "/orders/batch_init/1/1/1/{}"]


class Entities:
    """One of each, and what they were before the test."""

    def __init__(self, shop):
        self.shop = shop
        self.item, self.user = shop.create_item(price=2, stock=50), shop.create_user(credit=50)
        self.order = shop.create_order(self.user, (self.item, 1))
        self.before = self.state()

    def state(self):
        # The ids that a batch_init would write, too.
        zeros = [self.shop.get(path).body for path in
                 ("/stock/find/0", "/payment/find_user/0", "/orders/find/0")]
        return self.shop.state([self.user], [self.item], [self.order]), zeros

    def path(self, template, value):
        return template.replace("{}", urllib.parse.quote(value, safe="")).format(
            item=self.item, user=self.user, order=self.order)


@pytest.fixture
def entities(shop):
    entities = Entities(shop)
    yield entities
    assert entities.state() == entities.before


@pytest.mark.parametrize("template", AMOUNTS + COUNTS_AND_PRICES)
def test_what_is_no_plain_number_is_refused(shop, entities, template):
    for value in NOT_NUMBERS:
        expect_problem(shop.post(entities.path(template, value)), 400, "invalid_number")


@pytest.mark.parametrize("template", AMOUNTS + COUNTS_AND_PRICES)
def test_what_is_beyond_the_largest_is_refused(shop, entities, template):
    for value in TOO_LARGE:
        expect_problem(shop.post(entities.path(template, value)), 400,
                       ("invalid_number", "amount_out_of_range"))


@pytest.mark.parametrize("template", AMOUNTS)
def test_amount_of_zero_is_refused(shop, entities, template):
    for value in ("0", "00"):
        expect_problem(shop.post(entities.path(template, value)), 400, "amount_out_of_range")


@pytest.mark.parametrize("template", AMOUNTS + COUNTS_AND_PRICES)
def test_missing_number_is_refused(shop, entities, template):
    assert shop.post(entities.path(template, "")).status in (400, 404)


@pytest.mark.parametrize("count", [LARGEST, 10**12])
@pytest.mark.parametrize("path", ["/stock/batch_init/{}/1/1", "/payment/batch_init/{}/1",
                                  "/orders/batch_init/{}/1/1/1"])
def test_absurd_count_is_refused_at_once(shop, entities, path, count):
    expect_problem(shop.post(path.format(count)), 400)


def test_batch_total_beyond_the_largest_is_refused(shop, entities):
    expect_problem(shop.post(f"/orders/batch_init/1/1/1/{LARGEST // 2 + 1}"), 400,
                   ("invalid_number", "amount_out_of_range"))


def test_orders_cannot_choose_from_no_items_or_no_users(shop, entities):
    expect_problem(shop.post("/orders/batch_init/1/0/1/1"), 400)
    expect_problem(shop.post("/orders/batch_init/1/1/0/1"), 400)


def test_one_reason_has_one_code(shop, entities):
    codes = {shop.post(entities.path(template, "-1")).code for template in AMOUNTS}
    assert codes == {"invalid_number"}


def test_invalid_number_for_an_unknown_id_is_refused(shop, entities):
    for path in ("/stock/add/none/-1", "/payment/pay/none/x", "/orders/addItem/none/none/0"):
        assert shop.post(path).status == 400


def test_numbers_are_integers_in_json(shop):
    item = shop.create_item(price=LARGEST)
    expect_json(shop.get(f"/stock/find/{item}"), {"stock": 0, "price": LARGEST})
    assert b"." not in shop.get(f"/stock/find/{item}").body
