"""The whole shop over a broker and Redis: the same answers as in one process, with any number of
instances; and who works on what."""

import json
import os
import pathlib
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from processes import Workplace  # noqa: E402
from stack import LOGS, ROLES, Stack  # noqa: E402

TAKEN_SECONDS = 2.0     # a new instance has its share by then
REPLACED_SECONDS = 1.5  # and a killed one is replaced
VERIFY_SECONDS = 120


@pytest.fixture
def start():
    """Starts a shop with these flags."""
    places = []

    def make(**flags):
        place = Workplace()
        places.append(place)
        shop = Stack(place, **flags)
        shop.start()
        return shop

    yield make
    for place in places:
        place.close()


def settle(shop, *words, expect=0):
    done = subprocess.run([shop.program, *map(str, words)], capture_output=True, text=True,
                          timeout=VERIFY_SECONDS, check=False,
                          env={**os.environ, "SETTLE_STORE": shop.store.url,
                               "SETTLE_LOG": shop.brokers.url})
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def status(shop):
    done = subprocess.run([shop.program, "status", "--store", shop.store.url, "--json"],
                          capture_output=True, text=True, timeout=30, check=False)
    return json.loads(done.stdout) if done.returncode in (0, 1) else None


def owners(shop, role):
    """How many partitions of the role each name holds."""
    held = {}
    for partition in status(shop)["partitions"]:
        if partition["partition"].startswith(role):
            name = partition.get("owner")
            held[name] = held.get(name, 0) + 1
    return held


def seconds_until(holds, patience=20):
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < patience, "it does not come about"
        time.sleep(0.02)
    return time.monotonic() - begin


@pytest.mark.parametrize("flags", [
    {"store": "redis", "commit": "lua", "each": 1, "gateways": 1, "no_nginx": True},
    {"store": "redis", "commit": "watch", "each": 4, "gateways": 2},
    {"store": "redis-sentinel", "commit": "lua", "each": 4, "gateways": 4},
    {"store": "redis-cluster", "commit": "watch", "each": 1, "gateways": 1, "partitions": 7},
    {"store": "redis-cluster", "commit": "lua", "each": 2, "gateways": 2, "strict_reads": True},
    {"log": "rabbitmq", "store": "redis", "each": 1, "gateways": 1, "no_nginx": True},
    {"log": "rabbitmq", "brokers": 3, "store": "redis-cluster", "each": 10, "gateways": 2},
], ids=lambda f: f"{f.get('log', 'kafka')}-{f['store']}-{f['each']}")
def test_verify_finds_no_difference(start, flags):
    shop = start(**flags)
    told = settle(shop, "verify", shop.url)
    assert "\n0 differences in 1 round" in told, told


def test_instances_come_and_go(start):
    shop = start(each=2, gateways=1, no_nginx=True)
    for role in ROLES:
        seconds_until(lambda role=role: owners(shop, role) == {f"{role}-1": 2, f"{role}-2": 2})

    third = shop.add("stock", 3, "stock")
    third.start()
    seconds_until(lambda: any(m["name"] == "stock-3" for m in status(shop)["members"]))
    assert seconds_until(lambda: owners(shop, "stock").get("stock-3")) < TAKEN_SECONDS

    third.end()
    assert third.popen.returncode == 0
    assert set(owners(shop, "stock")) <= {"stock-1", "stock-2", None}
    seconds_until(lambda: set(owners(shop, "stock")) == {"stock-1", "stock-2"})

    shop.nodes[1].kill()  # order-1
    gone = seconds_until(lambda: owners(shop, "order") == {"order-2": 4})
    assert gone < REPLACED_SECONDS + 0.5, "the half second is for asking"
    settle(shop, "verify", shop.url)


def ask(shop, path):
    request = urllib.request.Request(shop.url + path, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=35) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.read().decode()


def events(shop, order):
    """Of each attempt, oldest first: who sent what, by its first word."""
    told = json.loads(settle(shop, "inspect", "order", order, "--json"))
    return [[(e["process"], e["what"].split(" at ")[0].split(" ")[0]) for e in a["events"]]
            for a in told["attempts"]]


@pytest.mark.parametrize("log", LOGS)
def test_inspect_tells_who_did_each_step_and_who_went_on(start, log):
    shop = start(log=log, each=1, gateways=1, no_nginx=True)
    for path in ("/stock/batch_init/1/10/5", "/payment/batch_init/1/7",
                 "/orders/batch_init/1/1/1/5"):
        ask(shop, path)
    assert "out of credit" in ask(shop, "/orders/checkout/0")
    ask(shop, "/payment/add_funds/0/70")
    shop.nodes[2].suspend()  # stock-1: the saga gets no further than reserve
    client = threading.Thread(target=ask, args=(shop, "/orders/checkout/0"))
    client.start()
    seconds_until(lambda: ("order-1", "reserve") in events(shop, "0")[-1])
    shop.nodes[1].kill()  # order-1
    shop.add("order", 2, "order").start()
    shop.nodes[2].resume()
    client.join()

    first, second = events(shop, "0")
    assert first == [("gateway-1", "checkout"), ("order-1", "charge"), ("payment-1", "charge")]
    assert [e for e in second if e[0] != "gateway-1"][:3] == [
        ("order-1", "charge"), ("payment-1", "charged"), ("order-1", "reserve")]
    assert ("order-2", "reserve") in second, "its successor sends it again"
    assert ("stock-1", "reserved") in second
    text = settle(shop, "inspect", "order", "0")
    assert "paid" in text.splitlines()[0] and "rejected: user out of credit" in text
    assert "there is no order" in settle(shop, "inspect", "order", "nobody", expect=2)


@pytest.mark.parametrize("log", LOGS)
def test_status_tells_the_lag_and_exits_with_1_without_an_owner(start, log):
    shop = start(log=log, each=1, gateways=1, no_nginx=True)
    text = settle(shop, "status")
    assert "order:0" in text and "payment-1" in text and "gateway-1" in text
    shop.nodes[2].kill()  # stock-1
    seconds_until(lambda: owners(shop, "stock") == {None: 4})
    assert "nobody" in settle(shop, "status", expect=1)


def test_partition_that_lags_by_half_of_the_log_s_age_is_appended_to_no_more(start):
    shop = start(log="rabbitmq", log_options="retention=4s", each=1, gateways=1, partitions=1,
                 no_nginx=True)
    ask(shop, "/payment/batch_init/1/7")

    def dropped():
        with urllib.request.urlopen(shop.url + "/metrics", timeout=5) as answer:
            line = next(line for line in answer.read().decode().splitlines()
                        if line.startswith("settle_log_dropped_total"))
        return int(line.split()[1])

    assert dropped() == 0
    shop.nodes[3].suspend()  # payment-1
    client = threading.Thread(target=ask, args=(shop, "/payment/add_funds/0/70"))
    client.start()
    # The gateway asks again each second.
    assert seconds_until(lambda: dropped() > 0) > 1.5
    shop.nodes[3].resume()
    client.join()
    assert "event=log_held partition=payment:0" in shop.nodes[0].log()
    seconds_until(lambda: "event=log_released partition=payment:0" in shop.nodes[0].log())
    with urllib.request.urlopen(shop.url + "/payment/find_user/0", timeout=5) as answer:
        assert json.load(answer)["credit"] == 77


def test_records_in_kafka_go_when_they_are_old_and_in_the_store(start):
    shop = start(log="kafka", log_options="retention=2s", each=1, gateways=1, partitions=1,
                 no_nginx=True)
    ask(shop, "/payment/batch_init/1/7")

    def payment_log():
        told = json.loads(settle(shop, "status", "--json"))
        row = next(p for p in told["partitions"] if p["partition"] == "payment:0")
        return row["log_first"], row["watermark"]

    for _ in range(3):
        ask(shop, "/payment/add_funds/0/10")
    first, watermark = payment_log()
    assert first < watermark
    seconds_until(lambda: payment_log()[0] >= watermark)
    first, watermark = payment_log()
    assert first <= watermark, "the record that the checkpoint ends with stays"
    shop.nodes[3].kill()  # payment-1
    shop.nodes[3].start()
    ask(shop, "/payment/add_funds/0/10")
    with urllib.request.urlopen(shop.url + "/payment/find_user/0", timeout=5) as answer:
        assert json.load(answer)["credit"] == 47


@pytest.mark.parametrize("words, told", [
    (("--store", "redis://127.0.0.1:1"), "the embedded log and the embedded store go with each"),
    (("--log", "kafka://127.0.0.1:1"), "the embedded log and the embedded store go with each"),
    (("--log", "amqp://127.0.0.1:1"), "the embedded log and the embedded store go with each"),
    (("--log", "nats://x"), "is neither"),
    (("--store", "mongo://x"), "is neither"),
    (("--roles", "gateway"), "need all four roles"),
    (("--roles", "chef"), "must be some of"),
])
def test_what_does_not_go_together_is_refused(words, told):
    program = os.environ.get("SETTLE_PROGRAM", "build/release/settle")
    done = subprocess.run([program, "serve", *words], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 2
    assert told in done.stderr
