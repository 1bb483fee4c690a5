"""A short run of campaign.py; the long ones are by hand."""

import os

import pytest

import campaign
from campaign import Results
from report import NO_ERRORS

SEED = int(os.environ.get("SETTLE_TEST_SEED", "1"))
FLAGS = {"store": "redis-sentinel", "commit": "lua", "each": 2, "brokers": 1, "gateways": 2,
         "strict_reads": False, "splits": False}
FAULTS = (
    "worker: kill", "gateway: kill", "redis master (Sentinel): kill, replica held back",
    "worker: kill", "gateway: stop", "only broker: kill", "worker: stop", "worker: kill",
    "redis master (Sentinel): kill", "gateway: kill")
LONGEST_STOP_SECONDS = 3


@pytest.fixture(scope="module")
def ended(program_exists, tmp_path_factory):
    by_title = {fault.title: fault for fault in campaign.fitting(FLAGS, None)}
    results = Results(tmp_path_factory.mktemp("campaign") / "results")
    return campaign.run(FLAGS, SEED, (by_title[title] for title in FAULTS), results,
                        longest_stop=LONGEST_STOP_SECONDS)


def test_service_comes_back_after_each_fault(ended):
    assert "stuck" not in ended, ended["stuck"]
    assert len(ended["faults"]) == len(FAULTS)


def test_every_answer_stays_true(ended):
    assert ended["checkouts_paid"] and ended["checkouts_rejected"]
    for wrong in ("lost", "contradicted", "oversold", "double_charged"):
        assert ended[wrong] == [], wrong


def test_clients_behind_a_load_balancer_see_no_error_when_workers_and_gateways_are_killed(ended):
    killed = [fault for fault in ended["faults"]
              if (fault["component"], fault["fault"]) in NO_ERRORS]
    assert len(killed) == 5
    assert [fault for fault in killed if fault["errors"] or fault["undefined"]] == []


def test_no_process_calls_for_a_human(ended):
    assert ended["complaints"] == []
