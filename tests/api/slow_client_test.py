"""Clients that are slow or silent: they are cut off, and nobody else notices."""

import time

import pytest

from settle_process import SettleProcess
from shop import Shop

HEADER_TIMEOUT = 2  # seconds, by flag
SLACK = 3


@pytest.fixture(scope="module")
def impatient():
    with SettleProcess("--header-timeout", str(HEADER_TIMEOUT)) as process:
        yield process


def seconds_until_cut(raw, trickle):
    """Sends one byte of `trickle` each 0.2 s until the server closes or refuses; fails late."""
    begin = time.monotonic()
    for position in range(10**6):
        if raw.ends_within(0.2):
            return time.monotonic() - begin
        raw.send(trickle[position % len(trickle):][:1])
        if time.monotonic() - begin > HEADER_TIMEOUT + SLACK:
            pytest.fail("a slow client was not cut")


def test_slow_header_is_cut_within_the_header_timeout(impatient):
    with impatient.raw() as raw:
        raw.send(b"POST /payment/create_user HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        assert seconds_until_cut(raw, b"x") > HEADER_TIMEOUT / 2


def test_slow_request_line_is_cut_within_the_header_timeout(impatient):
    with impatient.raw() as raw:
        raw.send(b"G")
        seconds_until_cut(raw, b"E")


def test_each_new_header_line_buys_no_more_time(impatient):
    with impatient.raw() as raw:
        raw.send(b"GET /livez HTTP/1.1\r\nHost: a\r\n")
        seconds_until_cut(raw, b"X: y\r\n")


def test_slow_second_request_of_a_connection_is_cut_too(impatient):
    with impatient.raw() as raw:
        assert raw.exchange(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
        raw.send(b"GET /livez HTTP/1.1\r\n")
        seconds_until_cut(raw, b"x")


def test_half_a_request_that_stops_is_cut_and_has_no_effect(impatient):
    shop = Shop(impatient.port)
    user = shop.create_user()
    with impatient.raw() as raw:
        raw.send(b"POST /payment/add_funds/%s/1 HTTP/1.1\r\nHost: a\r\n" % user.encode())
        assert raw.ends_within(HEADER_TIMEOUT + SLACK)
    assert shop.credit(user) == 0


def test_500_idle_connections_do_not_keep_others_waiting(impatient):
    idle = [impatient.raw() for _ in range(500)]
    try:
        for raw in idle[::2]:
            raw.send(b"GET /livez HTTP/1.1\r\n")
        shop = Shop(impatient.port, timeout=5)
        begin = time.monotonic()
        user = shop.create_user()
        for _ in range(20):
            assert shop.add_funds(user, 1).status == 200
        assert shop.credit(user) == 20
        assert time.monotonic() - begin < 5
    finally:
        for raw in idle:
            raw.close()


def test_idle_connections_that_leave_free_their_place(impatient):
    for _ in range(5):
        for raw in [impatient.raw() for _ in range(300)]:
            raw.close()
    assert Shop(impatient.port).get("/livez").status == 200
