"""Broken HTTP: a clear error or a closed connection, never a crash, never an effect."""

import random

import pytest

from expect import expect_problem, expect_text
from settle_client import in_parallel

BODY_LIMIT, HEADER_LIMIT, LINE_LIMIT = 65_536, 16_384, 4_096  # bytes, src/base/limits.hpp


class Victim:
    """A user whom the abuse tries to pay, and the checks after it."""

    def __init__(self, settle, shop):
        self.settle, self.shop = settle, shop
        self.user = shop.create_user(credit=7)
        self.path = f"/payment/add_funds/{self.user}/1".encode()

    def post(self, rest=b"\r\n", line_end=b" HTTP/1.1\r\n", host=b"Host: a\r\n"):
        return b"POST " + self.path + line_end + host + rest

    def attack(self, data):
        """The answer, or None when the server just closed the connection."""
        with self.settle.raw() as raw:
            return raw.exchange(data)

    def check_unharmed(self):
        assert self.shop.credit(self.user) == 7
        expect_text(self.shop.add_funds(self.user, 1), f"User: {self.user} credit updated to: 8")


@pytest.fixture
def victim(settle, shop):
    victim = Victim(settle, shop)
    yield victim
    victim.check_unharmed()


@pytest.mark.parametrize("data", [
    b"\0" * 64 + b"\r\n\r\n", b"\xff\xfe\xfd\r\n\r\n", b"hello\r\n\r\n", b"GET\r\n\r\n",
    b"GET /livez\r\n\r\n",
    b"GET  /livez  HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET /livez HTTQ/1.1\r\nHost: a\r\n\r\n", b"GET /li\0vez HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: a\r\nNo colon\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: a\r\nBad name: 1\r\n\r\n",
    b"GET /livez HTTP/1.1\r\nHost: a\r\n: no name\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET livez HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=lambda data: repr(data[:24]))
def test_garbage_is_a_bad_request(victim, data):
    answer = victim.attack(data)
    assert answer is not None and answer.status in (400, 404, 505), answer


def test_random_bytes_never_harm(victim):
    source = random.Random(1)
    for _ in range(50):
        with victim.settle.raw() as raw:
            raw.send(source.randbytes(source.randrange(1, 400)) + b"\r\n\r\n")
            answer = raw.answer()
            assert answer is None or 400 <= answer.status < 600


def test_flipped_bytes_of_a_good_request_never_give_a_server_error(victim):
    source, good = random.Random(2), b"GET /stock/find/none HTTP/1.1\r\nHost: a\r\nX-A: b\r\n"
    for _ in range(150):
        data = bytearray(good)
        data[source.randrange(len(good))] = source.randrange(256)
        with victim.settle.raw() as raw:
            raw.send(bytes(data) + b"\r\n\r\n")
            raw.half_close()
            answer = raw.answer()
            assert answer is None or answer.status in (400, 404, 405, 505), (data, answer)


def test_missing_host_is_a_bad_request(victim):
    expect_problem(victim.attack(victim.post(host=b"")), 400)


def test_two_hosts_are_a_bad_request(victim):
    expect_problem(victim.attack(victim.post(b"Host: b\r\n\r\n")), 400)


@pytest.mark.parametrize("framing", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nbodyx",
    b"Content-Length: 4, 5\r\n\r\nbodyx",
    b"Content-Length: -1\r\n\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: 0x4\r\n\r\nbody",
    b"Content-Length: \r\n\r\n", b"Content-Length: 99999999999999999999999\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n"],
    ids=lambda framing: repr(framing[:40]))
def test_contradictory_framing_is_refused_and_closes(victim, framing):
    with victim.settle.raw() as raw:
        answer = raw.exchange(victim.post(framing))
        assert answer is not None and answer.status in (400, 413), answer
        assert raw.ends_within(5)


def test_nothing_is_smuggled_behind_contradictory_framing(victim):
    hidden = victim.post()
    length = b"Content-Length: %d\r\n" % len(hidden)
    for framing in (length + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    b"Content-Length: 0\r\n" + length + b"\r\n",
                    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"):
        with victim.settle.raw() as raw:
            assert raw.exchange(victim.post(framing) + hidden).status in (400, 413)
            assert raw.ends_within(5)


def test_too_long_body_is_413(victim):
    for rest in (b"Content-Length: 100000000\r\n\r\n",
                 b"Content-Length: %d\r\n\r\n" % (BODY_LIMIT + 1) + b"x" * (BODY_LIMIT + 1),
                 b"Transfer-Encoding: chunked\r\n\r\n" + (b"4000\r\n%s\r\n" % (b"x" * 0x4000)) * 5):
        expect_problem(victim.attack(victim.post(rest)), 413)


def test_too_long_header_is_431(victim):
    for rest in (b"X-Long: " + b"x" * (HEADER_LIMIT + 1) + b"\r\n\r\n",
                 b"".join(b"X-%d: %s\r\n" % (n, b"x" * 50) for n in range(1000)) + b"\r\n"):
        expect_problem(victim.attack(victim.post(rest)), 431)


def test_too_long_request_line_is_414(victim):
    for length in (LINE_LIMIT + 1, HEADER_LIMIT - 100):
        data = b"GET /" + b"x" * length + b" HTTP/1.1\r\nHost: a\r\n\r\n"
        expect_problem(victim.attack(data), 414)
    data = b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    assert victim.attack(data).status in (414, 431)


def test_endless_header_without_a_line_end_is_refused(victim):
    with victim.settle.raw() as raw:
        raw.send(b"x" * 1_000_000)
        answer = raw.answer()
        assert answer is None or answer.status in (400, 414, 431)
        assert raw.ends_within(5)


def test_client_that_leaves_in_mid_request_has_no_effect(victim):
    whole = victim.post(b"Content-Length: 10\r\n\r\n")
    for length in (1, 4, 20, len(whole) - 2, len(whole)):
        for _ in range(5):
            with victim.settle.raw() as raw:
                raw.send(whole[:length])
    with victim.settle.raw() as raw:
        raw.send(whole + b"half")
        raw.half_close()
        answer = raw.answer()
        assert answer is None or answer.status == 400


def test_client_that_leaves_before_its_answer_harms_nobody(settle, shop):
    user = shop.create_user()
    for _ in range(50):
        with settle.raw() as raw:
            raw.send(b"POST /payment/add_funds/%s/1 HTTP/1.1\r\nHost: a\r\n\r\n" % user.encode())
    assert 0 <= shop.credit(user) <= 50
    assert shop.get("/livez").status == 200


def test_client_that_never_reads_harms_nobody(victim):
    with victim.settle.raw() as raw:
        raw.socket.settimeout(1)
        raw.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 3000)
        assert victim.shop.get("/livez").status == 200


def test_storm_of_broken_connections_harms_nobody(victim):
    def attack(number):
        source = random.Random(number)
        for _ in range(10):
            with victim.settle.raw() as raw:
                raw.send(source.choice([b"\r\n\r\n", b"GET / HTTP/1.1\r\n", b"\0",
                                        victim.post()[:30]]))
                if source.random() < 0.5:
                    raw.half_close()

    in_parallel(30, attack)
