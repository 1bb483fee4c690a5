"""`settle bench` in each of its modes, shortly, against a real shop, and against stubs where the
shop must be slow or lack something."""

import json
import subprocess

import pytest

from bench_stub import StubShop
from settle_process import PROGRAM, SettleProcess
from shop import Shop

SMALL = ["--orders", "20000", "--items", "1000", "--user-rows", "1000"]
FEW = ["--orders", "4000", "--items", "1000", "--user-rows", "1000"]
BRIEF = ["--duration", "1.5", "--warmup", "0.5"]


@pytest.fixture(scope="module")
def target():
    """A process of its own: bench overwrites what is there."""
    with SettleProcess("--threads", "1") as process:
        yield process


def bench(*arguments):
    return subprocess.run([PROGRAM, "bench", *arguments], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=120, check=False)


def measure(port, *arguments):
    done = bench("checkout", f"http://127.0.0.1:{port}", "--json", "-", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def measure_calmly(*arguments):
    """Again, where a busy machine has kept the load from being the one that was asked for."""
    for _ in range(4):
        run = measure(*arguments)
        load = run["load"]
        if not load["generator_was_late"] and not load.get("fell_behind"):
            break
    return run


def sold(shop, items):
    """How many pieces of items 0, 1, ... are gone."""
    return [1_000_000_000 - shop.get(f"/stock/find/{item}").json["stock"] for item in range(items)]


def test_connections_measure_checkouts_second_by_second(target):
    run = measure(target.port, "--connections", "8", "--orders", "200000", "--items", "1000",
                  "--user-rows", "1000", "--duration", "2", "--warmup", "1")
    assert run["rate_per_s"] > 50
    assert set(run["answers"]) == {"200"}
    assert run["errors"] == {}
    assert run["load"] == {"mode": "connections"}
    assert run["workload"]["orders_by"] == "batch_init"
    latency = run["latency_us"]
    assert 0 < latency["min"] <= latency["p50"] <= latency["p99"] <= latency["max"]
    assert [step["t_s"] for step in run["series"]] == [-1, 0, 1]
    measured = [step for step in run["series"] if step["t_s"] >= 0]
    assert sum(step["rate_per_s"] * step["seconds"] for step in measured) == pytest.approx(
        run["rate_per_s"] * run["measured_s"], abs=1)
    fractions = [fraction for fraction, _ in run["distribution_us"]]
    values = [value for _, value in run["distribution_us"]]
    assert fractions[0] == 0 and fractions[-1] == 1 and fractions == sorted(fractions)
    assert values == sorted(values) and values[-1] == latency["max"]


@pytest.mark.parametrize("spacing", [[], ["--exponential"], ["--threads", "2"]])
def test_rate_is_kept(target, spacing):
    run = measure_calmly(target.port, "--rate", "500", "--duration", "3", "--warmup", "0.5",
                         *SMALL, *spacing)
    # A Poisson process of 1,500 events: five standard deviations.
    assert run["rate_per_s"] == pytest.approx(500, rel=0.13 if "--exponential" in spacing else 0.05)
    assert run["load"]["intended_rate_per_s"] == 500
    assert not run["load"]["fell_behind"]
    assert run["load"]["not_sent"] < 50  # what 0.1 s behind may leave
    assert set(run["answers"]) == {"200"}


def test_users_send_as_often_as_they_think(target):
    run = measure_calmly(target.port, "--users", "200", "--think", "0.5", "--duration", "2",
                         "--warmup", "0.5", *SMALL)
    expected = 200 / (0.5 + run["latency_us"]["mean"] / 1e6)
    assert run["rate_per_s"] == pytest.approx(expected, rel=0.05)
    assert run["load"]["intended_rate_per_s"] == pytest.approx(expected)
    assert run["connections"] == 200
    assert run["warmup_s"] >= 0.5


def test_many_users_with_one_generator_thread(target):
    run = measure_calmly(target.port, "--users", "3000", "--think", "2", "--duration", "2", *SMALL)
    assert run["errors"] == {}
    assert run["rate_per_s"] == pytest.approx(run["load"]["intended_rate_per_s"], rel=0.15)


@pytest.mark.parametrize("lack", ["credit", "stock"])
@pytest.mark.parametrize("orders", [[], ["--items-per-order", "3"]])
def test_failing_share_comes_out(target, lack, orders):
    run = measure(target.port, *FEW, *BRIEF, "--failing", "0.2", "--failing-for", lack,
                  "--rate", "1000", *orders)
    exact = bool(orders)
    assert run["workload"]["orders_by"] == ("create" if exact else "batch_init")
    refused = run["answers"]["400"] / sum(run["answers"].values())
    # Random orders: five standard deviations of 1,500 of them.
    assert refused == pytest.approx(0.2, abs=0.005 if exact else 0.052)
    assert run["workload"]["failing_found"] == pytest.approx(refused)
    assert sum(step["refused"] for step in run["series"]) >= run["answers"]["400"]


def all_checked_out(port, *arguments):
    """Runs until each of 600 orders was checked out once."""
    run = measure(port, "--orders", "600", "--items", "20", "--user-rows", "100", "--warmup", "0",
                  "--duration", "60", "--connections", "4", *arguments)
    assert run["ran_out_of_orders"]
    assert run["answers"] == {"200": 600}
    return run


def test_uniform_orders_buy_every_item(target):
    all_checked_out(target.port)
    pieces = sold(Shop(target.port), 20)
    assert sum(pieces) == 1200
    assert min(pieces) > 20


def test_zipf_orders_have_their_lines_and_prefer_the_first_items(target):
    run = all_checked_out(target.port, "--zipf", "1", "--items-per-order", "3")
    assert run["workload"]["orders_by"] == "create"
    pieces = sold(Shop(target.port), 20)
    assert sum(pieces) == 1800
    weights = [1 / (rank + 1) for rank in range(20)]
    for rank in range(20):
        expected = 1800 * weights[rank] / sum(weights)
        assert pieces[rank] == pytest.approx(expected, abs=5 * expected ** 0.5)


@pytest.mark.parametrize("lines", [2, 3])
def test_hot_orders_buy_one_item_only(target, lines):
    run = all_checked_out(target.port, "--hot", "--items-per-order", str(lines))
    assert run["workload"]["orders_by"] == ("batch_init" if lines == 2 else "create")
    assert sold(Shop(target.port), 20) == [600 * lines] + [0] * 19


def test_no_order_is_checked_out_twice_unless_it_is_asked_for(target):
    run = measure(target.port, "--orders", "10", "--items", "10", "--user-rows", "10", "--repeat",
                  *BRIEF, "--connections", "2")
    assert not run["ran_out_of_orders"]
    assert run["answers"]["200"] > 10


def test_target_that_is_too_slow_shows_in_the_backlog_and_in_the_latencies():
    with StubShop(delay=0.05) as stub:
        done = bench("checkout", f"http://127.0.0.1:{stub.port}", "--path", "/", "--rate", "1000",
                     "--connections", "10", "--duration", "2", "--warmup", "0")
        run = measure(stub.port, "--path", "/", "--rate", "1000", "--connections", "10",
                      "--duration", "2", "--warmup", "0")
    assert "did not keep up" in done.stdout
    assert run["load"]["fell_behind"]
    # Ten connections carry 200 requests a second, so some 1,600 of 2,000 are left.
    assert run["rate_per_s"] < 220
    sent = sum(run["answers"].values())
    assert run["load"]["not_sent"] + sent == pytest.approx(2000, abs=25)
    assert sent < 450
    assert run["load"]["most_behind_s"] > 1
    # Not 50 ms: those who waited for a connection are counted from when they were due.
    assert run["latency_us"]["p50"] > 400_000


def test_slow_target_is_measured_from_the_sending_where_nothing_else_is_intended():
    with StubShop(delay=0.05) as stub:
        run = measure(stub.port, "--path", "/", "--connections", "10", *BRIEF)
    assert 45_000 < run["latency_us"]["p50"] < 300_000


def test_ids_are_those_that_create_returned():
    with StubShop(answers={"/orders/create/": (200, '{"order_id": 77}')}) as stub:
        measure(stub.port, "--items-per-order", "1", "--orders", "3", "--repeat", *BRIEF)
    assert stub.paths.count("/orders/checkout/77") > 3
    assert len([path for path in stub.paths if path.startswith("/orders/addItem/77/")]) == 3


@pytest.mark.parametrize("answers, advice", [
    ({"/stock/batch_init": (404, "nothing here")}, "--no-setup"),
    ({"/orders/batch_init": (500, "too many")}, "--orders"),
])
def test_shop_that_cannot_be_filled_is_an_error_that_says_how_to_go_on(answers, advice):
    with StubShop(answers=answers) as stub:
        done = bench("checkout", f"http://127.0.0.1:{stub.port}", *BRIEF)
    (_, (status, body)), = answers.items()
    assert done.returncode == 2
    assert f"answered {status}: {body}" in done.stderr
    assert advice in done.stderr


def test_orders_that_cannot_be_made_are_an_error():
    with StubShop(answers={"/orders/addItem": (400, "no such item")}) as stub:
        done = bench("checkout", f"http://127.0.0.1:{stub.port}", "--zipf", "1", *BRIEF)
    assert done.returncode == 2
    assert "no order_id" in done.stderr


def test_unreachable_target_is_an_error(target):
    done = bench("checkout", "http://127.0.0.1:1", *BRIEF)
    assert done.returncode == 2
    assert "cannot reach http://127.0.0.1:1" in done.stderr


@pytest.mark.parametrize("arguments", [
    ["--users", "3", "--rate", "5"], ["--users", "3", "--connections", "5"], ["--think", "1"],
    ["--hot", "--zipf", "1"], ["--no-setup", "--zipf", "1"], ["--failing-for", "stock"],
    ["--exponential"], ["--path", "/", "--hot"]])
def test_flags_that_say_nothing_together_are_refused(arguments):
    done = bench("checkout", "http://127.0.0.1:1", *arguments)
    assert done.returncode == 2
    assert "cannot be combined" in done.stderr or "needs" in done.stderr


def test_report_puts_runs_side_by_side(target, tmp_path):
    for name in ("one", "two"):
        done = bench("checkout", f"http://127.0.0.1:{target.port}", "--path", "/livez", *BRIEF,
                     "--json", str(tmp_path / f"{name}.json"), "--label", f"run {name}",
                     "--report", str(tmp_path / f"{name}.html"))
        assert done.returncode == 0, done.stderr
        assert f"run {name}" in (tmp_path / f"{name}.html").read_text()
    both = tmp_path / "both.html"
    done = bench("report", str(tmp_path / "one.json"), str(tmp_path / "two.json"),
                 "--label", "</script>", "--html", str(both))
    assert done.returncode == 0, done.stderr
    page = both.read_text()
    assert "run two" in page and "run one" not in page
    assert page.count("</script>") == 2


def test_report_of_what_is_no_run_is_an_error(tmp_path):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    for name in (wrong, tmp_path / "missing.json"):
        done = bench("report", str(name), "--html", str(tmp_path / "page.html"))
        assert done.returncode == 2
        assert name.name in done.stderr
