"""/openapi.json: complete, well-formed, and true: each operation is called, and what comes back
must be documented there."""

import re

import pytest

from json_schema import resolve, validate
from settle_process import SettleProcess
from shop import Shop

CONTRACT = {
    ("post", "/orders/create/{}"), ("post", "/orders/batch_init/{}/{}/{}/{}"),
    ("get", "/orders/find/{}"), ("post", "/orders/addItem/{}/{}/{}"),
    ("post", "/orders/checkout/{}"), ("get", "/orders/history/{}"),
    ("post", "/stock/item/create/{}"), ("post", "/stock/batch_init/{}/{}/{}"),
    ("get", "/stock/find/{}"), ("post", "/stock/add/{}/{}"), ("post", "/stock/subtract/{}/{}"),
    ("post", "/payment/create_user"), ("post", "/payment/batch_init/{}/{}"),
    ("get", "/payment/find_user/{}"), ("post", "/payment/add_funds/{}/{}"),
    ("post", "/payment/pay/{}/{}"),
    ("get", "/livez"), ("get", "/readyz"), ("get", "/orders/health"), ("get", "/stock/health"),
    ("get", "/payment/health"), ("get", "/metrics"), ("get", "/openapi.json")}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def described():
    """A shop of its own (it calls batch_init) and its description."""
    with SettleProcess() as process:
        shop = Shop(process.port)
        answer = shop.get("/openapi.json")
        assert (answer.status, answer.content_type) == (200, "application/json")
        yield shop, answer.json
        shop.close()


def anonymous(template):
    return re.sub(r"\{[^}]*\}", "{}", template)


def operations(document):
    """(method, template, operation, parameters) of each."""
    for template, path in document["paths"].items():
        for method in METHODS & path.keys():
            parameters = [resolve(document, parameter) for parameter in
                          path.get("parameters", []) + path[method].get("parameters", [])]
            yield method, template, path[method], parameters


def responses(document, operation):
    return {status: resolve(document, response)
            for status, response in operation["responses"].items()}


def check_documented(document, operation, answer, where):
    """Status, content type and JSON body of the answer are as described."""
    documented = responses(document, operation)
    response = documented.get(str(answer.status), documented.get("default"))
    assert response is not None, f"{where}: {answer} is not among {sorted(documented)}"
    media = {name.split(";")[0].strip(): value
             for name, value in response.get("content", {}).items()}
    assert answer.content_type in media, f"{where}: {answer} is not among {sorted(media)}"
    if answer.content_type.endswith("json"):
        schema = media[answer.content_type].get("schema")
        assert schema, f"{where}: no schema"
        validate(document, schema, answer.json, where)


def test_structure_is_openapi_3_1(described):
    _, document = described
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"]["title"] and document["info"]["version"]
    identifiers = [operation["operationId"] for _, _, operation, _ in operations(document)
                   if "operationId" in operation]
    assert len(identifiers) == len(set(identifiers))
    for template, path in document["paths"].items():
        assert template.startswith("/")
        assert path.keys() <= METHODS | {"parameters", "summary", "description", "servers"}
    for _, template, operation, _ in operations(document):
        for status, response in responses(document, operation).items():
            assert re.fullmatch(r"[1-5]\d\d|[1-5]XX|default", status), (template, status)
            assert response["description"], (template, status)


def test_references_lead_somewhere(described):
    _, document = described

    def walk(node):
        if isinstance(node, dict):
            resolve(document, node)
        for child in node.values() if isinstance(node, dict) else node:
            if isinstance(child, (dict, list)):
                walk(child)

    walk(document)


def test_path_parameters_are_declared_exactly(described):
    _, document = described
    for method, template, _, parameters in operations(document):
        in_path = {parameter["name"]: parameter for parameter in parameters
                   if parameter["in"] == "path"}
        assert in_path.keys() == set(re.findall(r"\{([^}]*)\}", template)), (method, template)
        assert all(p["required"] is True and p["schema"] for p in in_path.values())


def test_every_route_of_the_contract_is_described(described):
    _, document = described
    found = {(method, anonymous(template)) for method, template, _, _ in operations(document)}
    assert CONTRACT <= found


def test_every_route_documents_its_success_and_its_rejections(described):
    _, document = described
    for method, template, operation, _ in operations(document):
        documented = responses(document, operation)
        assert "200" in documented, (method, template)
        if "{" in template:
            problem = documented["400"]["content"]
            assert list(problem) == ["application/problem+json"], (method, template)


def test_what_is_described_is_what_happens(described):
    shop, document = described
    called = set()
    for method, template, operation, _ in operations(document):
        for path in examples(shop, anonymous(template)):
            answer = shop.request(method.upper(), path)
            check_documented(document, operation, answer, f"{method} {path}")
            called.add((method, anonymous(template)))
    assert CONTRACT <= called


def test_numbers_that_the_description_forbids_are_refused(described):
    shop, document = described
    for method, template, operation, parameters in operations(document):
        for bad in (p for p in parameters if p["in"] == "path"
                    and resolve(document, p["schema"]).get("type") == "integer"):
            path = template.replace("{%s}" % bad["name"], "-1")
            answer = shop.request(method.upper(), re.sub(r"\{[^}]*\}", "1", path))
            assert answer.status == 400, (method, path)
            check_documented(document, operation, answer, f"{method} {path}")


def examples(shop, template):
    """Requests that succeed, and those that each rejection answers."""
    user, poor = shop.create_user(credit=100), shop.create_user()
    item, sold_out = shop.create_item(price=1, stock=100), shop.create_item(price=1)
    order = shop.create_order(user, (item, 1))
    if template == "/orders/history/{}":
        shop.checkout(shop_order := shop.create_order(user, (sold_out, 1)))
        shop.add_stock(sold_out, 1)
        shop.checkout(shop_order)
        return [f"/orders/history/{shop_order}", f"/orders/history/{order}", "/orders/history/none"]
    known = {
        "/orders/create/{}": [user, "%20"],
        "/orders/find/{}": [order, "none"],
        "/orders/addItem/{}/{}/{}": [f"{order}/{item}/1", f"none/{item}/1", f"{order}/none/1",
                                     f"{order}/{item}/0"],
        "/orders/checkout/{}": [order, "none", shop.create_order(poor, (item, 1)),
                                shop.create_order(user, (sold_out, 1))],
        "/orders/batch_init/{}/{}/{}/{}": ["1/1/1/1", "1/1/1/x"],
        "/stock/item/create/{}": ["1", "x"],
        "/stock/batch_init/{}/{}/{}": ["1/1/1", "1/1/x"],
        "/stock/find/{}": [item, "none"],
        "/stock/add/{}/{}": [f"{item}/1", "none/1", f"{item}/0"],
        "/stock/subtract/{}/{}": [f"{item}/1", "none/1", f"{item}/100000"],
        "/payment/batch_init/{}/{}": ["1/1", "1/x"],
        "/payment/find_user/{}": [user, "none"],
        "/payment/add_funds/{}/{}": [f"{user}/1", "none/1", f"{user}/0"],
        "/payment/pay/{}/{}": [f"{user}/1", "none/1", f"{user}/100000"]}
    if template in known:
        prefix = template[:template.index("{")]
        return [prefix + rest for rest in known[template]]
    return [re.sub(r"\{\}", "1", template)]
