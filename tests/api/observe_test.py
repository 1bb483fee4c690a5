"""Health and metrics."""

import re

import pytest

SAMPLE = re.compile(r'(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)'
                    r'(?P<labels>\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*\})?'
                    r' (?P<value>[^ ]+)(?: -?[0-9]+)?')
TYPES = {"counter", "gauge", "histogram", "summary", "untyped"}


def parse_metrics(text):
    """{(name, labels): value}; fails at the first line that Prometheus would not take."""
    assert text.endswith("\n")
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind in TYPES and name not in types, line
            types[name] = kind
        elif line and not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            series = (match["name"], match["labels"] or "")
            assert series not in samples, f"twice: {line}"
            samples[series] = float(match["value"].replace("Inf", "inf").replace("NaN", "nan"))
    for name, _ in samples:
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in types or family in types, f"no TYPE for {name}"
    return samples


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/orders/health", "/stock/health",
                                  "/payment/health"])
def test_healthy_process_says_so(shop, path):
    answer = shop.get(path)
    assert answer.status == 200
    assert answer.content_type in ("text/plain", "application/json")


def test_metrics_are_prometheus_text(shop):
    answer = shop.get("/metrics")
    assert answer.status == 200 and answer.content_type == "text/plain"
    assert parse_metrics(answer.text)


def test_some_metric_counts_requests(shop):
    before = parse_metrics(shop.get("/metrics").text)
    for _ in range(5):
        shop.create_user()
    after = parse_metrics(shop.get("/metrics").text)
    grown = [series for series, value in after.items() if value - before.get(series, 0) >= 5]
    assert grown


def test_metrics_survive_names_from_clients(shop):
    for path in ("/stock/find/%22%0a", "/%22%0aevil%201", "/stock/find/" + "x" * 64):
        shop.get(path)
    parse_metrics(shop.get("/metrics").text)
