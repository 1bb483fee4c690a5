"""Correct but unusual HTTP: each gets correct service."""

import pytest

from expect import expect_problem, expect_text
from settle_client import in_parallel

HOST = b"Host: 127.0.0.1\r\n"


def get(path, headers=b"", body=b""):
    return b"GET " + path.encode() + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def post(path, headers=b"", body=b""):
    return b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body


def test_pipelined_requests_are_answered_in_order(settle, shop):
    user, count = shop.create_user(), 200
    with settle.raw() as raw:
        raw.send(post(f"/payment/add_funds/{user}/1") * count)
        for credit in range(1, count + 1):
            expect_text(raw.answer(), f"User: {user} credit updated to: {credit}")
    assert shop.credit(user) == count


def test_pipelined_reads_see_the_writes_before_them(settle, shop):
    user = shop.create_user()
    with settle.raw() as raw:
        raw.send(b"".join(post(f"/payment/add_funds/{user}/1") + get(f"/payment/find_user/{user}")
                          for _ in range(50)))
        for credit in range(1, 51):
            assert raw.answer().status == 200
            assert raw.answer().json["credit"] == credit


def test_pipelined_errors_do_not_disturb_their_neighbours(settle, shop):
    user = shop.create_user()
    requests = [post(f"/payment/add_funds/{user}/1"), get("/nothing"), post("/stock/add/none/1"),
                get(f"/payment/add_funds/{user}/1"), post(f"/payment/add_funds/{user}/1")]
    with settle.raw() as raw:
        raw.send(b"".join(requests))
        assert [raw.answer().status for _ in requests] == [200, 404, 400, 405, 200]
    assert shop.credit(user) == 2


def test_request_in_single_bytes_is_understood(settle, shop):
    user = shop.create_user()
    with settle.raw() as raw:
        for byte in post(f"/payment/add_funds/{user}/3", b"Content-Length: 2\r\n", b"{}"):
            raw.send(bytes([byte]))
        expect_text(raw.answer(), f"User: {user} credit updated to: 3")


def test_http_1_0_ends_after_one_answer(settle):
    with settle.raw() as raw:
        answer = raw.exchange(b"GET /livez HTTP/1.0\r\n\r\n")
        assert answer.status == 200
        assert (answer.headers["Connection"] or "close").lower() == "close"
        assert raw.ends_within(2)


def test_http_1_0_answer_is_never_chunked(settle):
    with settle.raw() as raw:
        answer = raw.exchange(b"GET /openapi.json HTTP/1.0\r\n\r\n")
        assert answer.json and answer.headers["Transfer-Encoding"] is None


def test_http_1_0_with_keep_alive_stays_open(settle):
    with settle.raw() as raw:
        for _ in range(3):
            answer = raw.exchange(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert answer.status == 200
            assert answer.headers["Connection"].lower() == "keep-alive"
        assert not raw.ends_within(0.2)


def test_http_1_1_stays_open_and_ends_on_demand(settle):
    with settle.raw() as raw:
        for _ in range(3):
            assert raw.exchange(get("/livez")).status == 200
        answer = raw.exchange(get("/livez", b"Connection: close\r\n"))
        assert (answer.status, answer.headers["Connection"].lower()) == (200, "close")
        assert raw.ends_within(2)


@pytest.mark.parametrize("path,status", [("/livez", 200), ("/stock/find/none", 400),
                                         ("/nothing", 404)])
def test_head_is_followed_by_the_next_answer(settle, path, status):
    with settle.raw() as raw:
        raw.send(f"HEAD {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n" + get("/livez"))
        assert raw.answer(has_body=False).status == status
        assert raw.answer().status == 200


def test_expect_100_continue_is_answered_before_the_body(settle, shop):
    user = shop.create_user()
    with settle.raw() as raw:
        raw.send(post(f"/payment/add_funds/{user}/2",
                      b"Expect: 100-continue\r\nContent-Length: 4\r\n"))
        first = raw.answer()
        assert first.status in (100, 200)
        raw.send(b"body")
        if first.status == 100:
            first = raw.answer()
        expect_text(first, f"User: {user} credit updated to: 2")
    assert shop.credit(user) == 2


def test_unknown_expectation_is_refused_or_ignored(settle):
    with settle.raw() as raw:
        assert raw.exchange(get("/livez", b"Expect: the-unexpected\r\n")).status in (200, 417)


@pytest.mark.parametrize("chunks", [b"0\r\n\r\n", b"4\r\nbody\r\n0\r\n\r\n",
                                    b"1;name=value\r\nx\r\n2\r\nyz\r\n0\r\nTrailer: a\r\n\r\n"],
                         ids=lambda chunks: repr(chunks[:12]))
def test_chunked_body_is_read_and_ignored(settle, shop, chunks):
    user = shop.create_user()
    with settle.raw() as raw:
        raw.send(post(f"/payment/add_funds/{user}/2", b"Transfer-Encoding: chunked\r\n", chunks))
        raw.send(get("/livez"))
        expect_text(raw.answer(), f"User: {user} credit updated to: 2")
        assert raw.answer().status == 200


@pytest.mark.parametrize("body", [b"", b"{}", b"\0" * 100, b"GET /nothing HTTP/1.1\r\n\r\n",
                                  b"x" * 16_000], ids=lambda body: repr(body[:20]))
def test_body_is_read_and_ignored(settle, shop, body):
    user = shop.create_user()
    length = b"Content-Length: %d\r\n" % len(body)
    with settle.raw() as raw:
        raw.send(post(f"/payment/add_funds/{user}/2", length, body) + get("/livez"))
        expect_text(raw.answer(), f"User: {user} credit updated to: 2")
        assert raw.answer().status == 200
        raw.send(get("/livez", length, body) + get("/stock/find/none"))
        assert (raw.answer().status, raw.answer().status) == (200, 400)


def test_absolute_form_of_the_target_is_understood(settle, shop):
    user = shop.create_user()
    with settle.raw() as raw:
        target = f"http://127.0.0.1:{settle.port}/payment/add_funds/{user}/2"
        expect_text(raw.exchange(post(target)), f"User: {user} credit updated to: 2")
        assert raw.exchange(get(f"http://127.0.0.1:{settle.port}/livez")).status == 200


def test_header_names_are_case_insensitive_and_values_are_trimmed(settle):
    with settle.raw() as raw:
        answer = raw.exchange(b"GET /livez HTTP/1.1\r\nhOsT:a\r\ncONNECTION: \t close \t\r\n\r\n")
        assert answer.status == 200 and raw.ends_within(2)


def test_many_headers_are_fine(settle):
    headers = b"".join(b"X-Header-%d: value\r\n" % n for n in range(80))
    with settle.raw() as raw:
        assert raw.exchange(get("/livez", headers)).status == 200


def test_client_that_closes_its_side_still_gets_its_answer(settle, shop):
    user = shop.create_user()
    with settle.raw() as raw:
        raw.send(post(f"/payment/add_funds/{user}/2"))
        raw.half_close()
        expect_text(raw.answer(), f"User: {user} credit updated to: 2")
        assert raw.ends_within(2)


def test_problems_keep_the_connection(settle):
    with settle.raw() as raw:
        for _ in range(5):
            expect_problem(raw.exchange(get("/stock/find/none")), 400, "item_not_found")


def test_many_connections_at_once_are_served(settle, shop):
    user = shop.create_user()

    def act(_):
        with settle.raw() as raw:
            return [raw.exchange(post(f"/payment/add_funds/{user}/1")).status for _ in range(3)]

    assert in_parallel(100, act) == [[200] * 3] * 100
    assert shop.credit(user) == 300
