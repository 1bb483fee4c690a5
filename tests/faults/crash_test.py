"""A short run of crash.py; the long one is by hand."""

import os

import crash


def test_killed_under_load_loses_and_contradicts_nothing(program_exists):
    kills = int(os.environ.get("SETTLE_TEST_KILLS", "8"))
    report = crash.crash(kills, seed=int.from_bytes(os.urandom(4), "big"))
    print(crash.table(report))  # with the seed; shown when this fails
    assert report["lost"] == []
    assert report["contradicted"] == []
    assert report["checkouts_paid"] and report["checkouts_rejected"]
    assert report["unknown_then_resolved"]
