"""Wrong methods, unknown paths, HEAD, and what every answer says of itself."""

import pytest

from expect import expect_problem

GET_ROUTES = ["/orders/find/x", "/stock/find/x", "/payment/find_user/x", "/orders/history/x",
              "/livez", "/readyz", "/orders/health", "/stock/health", "/payment/health", "/metrics",
              "/openapi.json"]
POST_ROUTES = ["/orders/create/x", "/orders/batch_init/1/1/1/1", "/orders/addItem/x/y/1",
               "/orders/checkout/x", "/stock/item/create/1", "/stock/batch_init/1/1/1",
               "/stock/add/x/1", "/stock/subtract/x/1", "/payment/create_user",
               "/payment/batch_init/1/1", "/payment/add_funds/x/1", "/payment/pay/x/1"]


def allowed_methods(answer):
    return {method.strip() for method in answer.headers["Allow"].split(",")}


@pytest.mark.parametrize("path", POST_ROUTES)
def test_wrong_method_on_a_write_is_405_and_allows_post(shop, path):
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = shop.request(method, path)
        expect_problem(answer, 405, "method_not_allowed")
        assert "POST" in allowed_methods(answer) and "GET" not in allowed_methods(answer)


@pytest.mark.parametrize("path", GET_ROUTES)
def test_wrong_method_on_a_read_is_405_and_allows_get(shop, path):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = shop.request(method, path)
        expect_problem(answer, 405, "method_not_allowed")
        assert "GET" in allowed_methods(answer) and "POST" not in allowed_methods(answer)


def test_head_of_a_write_is_405_and_has_no_effect(shop):
    user = shop.create_user(credit=5)
    answer = shop.request("HEAD", f"/payment/add_funds/{user}/1")
    assert answer.status == 405 and answer.body == b"" and "POST" in allowed_methods(answer)
    assert shop.credit(user) == 5


def test_wrong_method_has_no_effect(shop):
    user = shop.create_user(credit=5)
    for method in ("GET", "PUT", "DELETE"):
        assert shop.request(method, f"/payment/add_funds/{user}/1").status == 405
    assert shop.credit(user) == 5


@pytest.mark.parametrize("method", ["BREW", "post", "Get", "CONNECTED", "M-SEARCH", "!#$"])
def test_method_that_http_does_not_know_is_a_wrong_one(shop, method):
    for path, allowed in (("/stock/find/x", {"GET", "HEAD"}), ("/stock/add/x/1", {"POST"})):
        answer = shop.request(method, path)
        expect_problem(answer, 405, "method_not_allowed")
        assert allowed_methods(answer) == allowed
    expect_problem(shop.request(method, "/nothing"), 404, "not_found")


@pytest.mark.parametrize("path", [
    "/nothing", "/stock", "/stock/find", "/stock/find/x/y", "/orders/checkout",
    "/orders/checkout/x/y", "/payment/create_user/x", "/Stock/find/x", "/orders/additem/x/y/1",
    "/stock/item/create", "/stock/add/x", "/stock/batch_init/1/1", "/livez/x", "/favicon.ico",
    "/a" * 500])
def test_unknown_path_is_404(shop, path):
    for method in ("GET", "POST"):
        expect_problem(shop.request(method, path), 404, "not_found")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json"])
def test_head_is_get_without_the_body(shop, path):
    head, get = shop.request("HEAD", path), shop.get(path)
    assert (head.status, head.body) == (200, b"")
    assert head.content_type == get.content_type


def test_head_of_a_find_has_the_length_of_the_get(shop):
    item = shop.create_item(price=2)
    head, get = shop.request("HEAD", f"/stock/find/{item}"), shop.get(f"/stock/find/{item}")
    assert head.status == 200
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.body))


def test_head_of_an_unknown_item_is_400_without_a_body(shop):
    head = shop.request("HEAD", "/stock/find/no-such-item")
    assert (head.status, head.content_type, head.body) == (400, "application/problem+json", b"")


@pytest.mark.parametrize("path", ["//stock/find/x", "/stock//find/x", "/stock/find/x/", "/./livez",
                                  "/stock/../livez", "/stock/find/x?y=1", "/livez;a=b", "/%6civez",
                                  "/stock%2ffind%2fx", "/stock/find/%2e%2e"])
def test_odd_paths_get_an_answer_and_never_a_server_error(shop, path):
    for method in ("GET", "POST"):
        assert shop.request(method, path).status in (200, 400, 404, 405)


def test_root_is_the_dashboard_or_not_found(shop):
    assert shop.get("/").status in (200, 404)


@pytest.mark.parametrize("value", ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                   "00-zz-b7ad6b7169203331-01", "ff-", "", "0" * 500])
def test_any_traceparent_is_harmless(shop, value):
    user = shop.create_user()
    answer = shop.add_funds(user, 1, headers={"traceparent": value})
    assert answer.status == 200 and shop.credit(user) == 1
