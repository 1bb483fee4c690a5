"""What an answer must look like, for all black-box tests."""

import re

LARGEST = 2**53 - 1  # of any balance, price, total or amount


def expect_text(answer, text):
    assert (answer.status, answer.text) == (200, text)
    assert answer.content_type == "text/plain"


def expect_json(answer, value):
    assert (answer.status, answer.json) == (200, value)
    assert answer.content_type == "application/json"


def expect_problem(answer, status, code=None, detail=None):
    """An RFC 9457 body that agrees with the status line. `code`: one, or a tuple of them."""
    assert answer is not None, "the connection ended without an answer"
    assert answer.status == status, answer
    assert answer.content_type == "application/problem+json", answer
    problem = answer.json
    assert problem["status"] == status
    for member in ("type", "title", "detail", "code"):
        assert isinstance(problem[member], str) and problem[member], (member, problem)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", problem["code"]), problem
    if code is not None:
        assert problem["code"] in ((code,) if isinstance(code, str) else code), problem
    if detail is not None:
        assert problem["detail"] == detail
