"""The process itself: start-up, stop, configuration, its data directory."""

import http.client
import json
import os
import socket
import threading
import time

import pytest

from expect import expect_text
from settle_client import NoAnswer
from settle_process import SettleProcess, free_port
from shop import Shop


@pytest.fixture
def refused():
    """refused(*flags, ...): starts a process that must end by itself; returns what it printed."""
    processes = []

    def start(*flags, **options):
        process = SettleProcess(*flags, **options)
        processes.append(process)
        assert process.launch().wait_for_exit(15) > 0, process.log()
        assert process.log().strip(), "it ended without a word"
        return process.log()

    yield start
    for process in processes:
        process.close()


def test_start_up_line_has_the_url(start_settle):
    process = start_settle()
    assert f"http://127.0.0.1:{process.port}" in process.log()


def test_environment_configures_what_flags_do(tmp_path, start_settle):
    port = free_port()
    process = start_settle(defaults=False, port=port, environment={
        "SETTLE_LISTEN": f"127.0.0.1:{port}", "SETTLE_DATA": str(tmp_path / "here")})
    assert Shop(port).create_user(credit=1)
    assert (tmp_path / "here").is_dir()
    assert not process.data.exists()


def test_flag_wins_over_the_environment(start_settle):
    process = start_settle(environment={"SETTLE_LISTEN": f"127.0.0.1:{free_port()}"})
    assert Shop(process.port).get("/livez").status == 200


def test_state_survives_stop_and_start(start_settle):
    process = start_settle()
    shop = Shop(process.port)
    user, item = shop.create_user(credit=10), shop.create_item(price=3, stock=5)
    paid, open_order = shop.create_order(user, (item, 2)), shop.create_order(user, (item, 1))
    created = shop.post("/payment/create_user", key="a")
    expect_text(shop.checkout(paid), "Checkout successful")
    before = shop.state([user], [item], [paid, open_order])
    assert process.terminate() == 0
    process.restart()
    assert shop.state([user], [item], [paid, open_order]) == before
    assert shop.post("/payment/create_user", key="a").same_as(created)
    expect_text(shop.checkout(paid), "Checkout successful")
    expect_text(shop.checkout(open_order), "Checkout successful")


def test_state_and_keys_survive_a_kill(start_settle):
    process = start_settle()
    shop = Shop(process.port)
    user, item = shop.create_user(credit=10), shop.create_item(price=3)
    order = shop.create_order(user, (item, 1))
    rejected = shop.checkout(order, key="a")
    added = shop.add_stock(item, 1, key="a")
    for _ in range(3):
        process.kill9()
        process.restart()
        assert shop.checkout(order, key="a").same_as(rejected)
        assert shop.add_stock(item, 1, key="a").same_as(added)
    expect_text(shop.checkout(order, key="b"), "Checkout successful")
    process.kill9()
    process.restart()
    expect_text(shop.checkout(order, key="b"), "Checkout successful")
    assert (shop.credit(user), shop.stock(item), shop.order(order)["paid"]) == (7, 0, True)


def test_sigterm_answers_what_is_in_flight(start_settle):
    process, answers = start_settle(), []

    def initialise():
        answers.append(process.client(timeout=60).post("/payment/batch_init/200000/5"))

    thread = threading.Thread(target=initialise)
    thread.start()
    time.sleep(0.1)
    assert process.terminate() == 0
    thread.join(60)
    assert [answer.status for answer in answers] == [200]
    process.restart()
    assert Shop(process.port).credit("199999") == 5


def test_sigterm_under_load_loses_nothing_that_was_answered(start_settle):
    process = start_settle()
    user, threads = Shop(process.port).create_user(), 8
    answered, sent = [0] * threads, [0] * threads

    def add(index):
        client = Shop(process.port)
        try:
            while True:
                sent[index] += 1
                assert client.add_funds(user, 1).status == 200
                answered[index] += 1
        except NoAnswer:
            pass

    workers = [threading.Thread(target=add, args=(index,)) for index in range(threads)]
    for worker in workers:
        worker.start()
    time.sleep(0.5)
    assert process.terminate() == 0
    for worker in workers:
        worker.join(60)
    process.restart()
    assert sum(answered) > 0
    assert sum(answered) <= Shop(process.port).credit(user) <= sum(sent)


def test_sigterm_with_idle_and_half_sent_requests_ends_soon(start_settle):
    process = start_settle()
    raws = [process.raw() for _ in range(50)]
    for raw in raws[::2]:
        raw.send(b"GET /livez HTTP/1.1\r\n")
    begin = time.monotonic()
    assert process.terminate() == 0
    assert time.monotonic() - begin < 15
    for raw in raws:
        raw.close()


def test_sigint_is_a_stop_too(start_settle):
    process = start_settle()
    process.process.send_signal(2)
    assert process.wait_for_exit() in (0, 130, -2)


def test_second_process_on_one_directory_is_refused_and_the_first_goes_on(start_settle, refused):
    first = start_settle()
    log = refused(data=first.data).lower()
    assert any(word in log for word in ("in use", "lock", "already", "another")), log
    assert str(first.data).lower() in log
    assert Shop(first.port).create_user(credit=1)


def test_directory_is_free_again_after_a_kill(start_settle):
    process = start_settle()
    process.kill9()
    assert start_settle(data=process.data).is_running()


@pytest.mark.parametrize("flags,named", [
    (["--no-such-flag"], "no-such-flag"), (["--listen", "nonsense"], "nonsense"),
    (["--listen", "127.0.0.1:99999"], "99999"), (["--listen", "127.0.0.1:-1"], "-1"),
    (["--roles", "gateway,juggler"], "juggler"), (["--log", "ftp://x"], "ftp"),
    (["--store", "ftp://x"], "ftp"), (["--header-timeout", "soon"], "soon"),
    (["--header-timeout"], "header-timeout")], ids=lambda value: " ".join(value))
def test_bad_flag_is_refused_by_name(refused, tmp_path, flags, named):
    rest = [] if flags[0] == "--listen" else ["--listen", f"127.0.0.1:{free_port()}"]
    assert named in refused("--data", str(tmp_path / "data"), *rest, *flags, defaults=False)


def test_bad_environment_is_refused_by_value(refused):
    assert "nonsense" in refused(defaults=False, environment={"SETTLE_LISTEN": "nonsense"})


def test_port_in_use_is_refused_by_its_number(refused, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in refused(port=port, data=tmp_path / "data")


@pytest.mark.parametrize("kind", ["file", "below a file", "not creatable"])
def test_unusable_data_directory_is_refused_by_its_path(refused, tmp_path, kind):
    file = tmp_path / "file"
    file.write_text("")
    data = {"file": file, "below a file": file / "data", "not creatable": "/proc/settle"}[kind]
    assert str(data) in refused(data=data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_data_directory_is_refused_by_its_path(refused, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert str(locked) in refused(data=locked)


def test_listens_on_the_given_address_only(start_settle):
    process = start_settle()
    connection = http.client.HTTPConnection("127.0.0.2", process.port, timeout=2)
    with pytest.raises(OSError):
        connection.request("GET", "/livez")


def test_log_lines_are_structured_or_plain_but_never_hold_raw_control_bytes(start_settle):
    process = start_settle()
    with process.raw() as raw:
        raw.exchange(b"GET /stock/find/%1b[31m\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n")
    process.client().get("/stock/find/%1b%5b31m")
    process.terminate()
    log = process.log_path.read_bytes()
    assert b"\x1b[31m" not in log
    for line in log.decode().splitlines():
        if line.startswith("{"):
            json.loads(line)
