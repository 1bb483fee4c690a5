"""A short run of campaign.py, and what it chooses and tells; the long runs are by hand."""

import os
import random

import pytest

import campaign
from campaign import Results
from report import NO_ERRORS, report

SEED = int(os.environ.get("SETTLE_TEST_SEED", "1"))
FLAGS = {"store": "redis-sentinel", "commit": "lua", "each": 2, "brokers": 1, "gateways": 2,
         "strict_reads": False, "splits": False, "log": "kafka", "partitions": 4}
FAULTS = {
    "kafka": (
        "worker: kill", "gateway: kill", "redis master (Sentinel): kill, replica held back",
        "worker: kill", "gateway: stop", "only broker: kill", "worker: stop", "worker: kill",
        "redis master (Sentinel): kill", "gateway: kill"),
    "rabbitmq": ("worker: kill", "brokers: connections lost", "gateway: kill", "brokers: blocked"),
}
LONGEST_STOP_SECONDS = 3


@pytest.fixture(scope="module", params=FAULTS)
def ended(request, program_exists, tmp_path_factory):
    flags, titles = {**FLAGS, "log": request.param}, FAULTS[request.param]
    by_title = {fault.title: fault for fault in campaign.fitting(flags, None)}
    results = Results(tmp_path_factory.mktemp("campaign") / "results")
    return {"titles": titles,
            **campaign.run(flags, SEED, (by_title[title] for title in titles), results,
                           longest_stop=LONGEST_STOP_SECONDS)}


def test_service_comes_back_after_each_fault(ended):
    assert "stuck" not in ended, ended["stuck"]
    assert len(ended["faults"]) == len(ended["titles"])


def test_every_answer_stays_true(ended):
    assert ended["checkouts_paid"] and ended["checkouts_rejected"]
    for wrong in ("lost", "contradicted", "oversold", "double_charged"):
        assert ended[wrong] == [], wrong


def test_clients_behind_a_load_balancer_see_no_error_when_workers_and_gateways_are_killed(ended):
    killed = [fault for fault in ended["faults"]
              if (fault["component"], fault["fault"]) in NO_ERRORS]
    assert len(killed) == sum(title in ("worker: kill", "gateway: kill")
                              for title in ended["titles"])
    assert [fault for fault in killed if fault["errors"] or fault["undefined"]] == []


def test_no_process_calls_for_a_human(ended):
    assert ended["complaints"] == []


def chosen(**given):
    return campaign.choose_flags(random.Random(SEED), {"splits": False, **given})


def test_the_log_is_kafka_unless_a_flag_says_otherwise():
    assert chosen()["log"] == chosen(log=None, design=None)["log"] == "kafka"
    assert chosen(log="rabbitmq") == {**chosen(), "log": "rabbitmq"}


def test_a_design_says_what_is_started_and_a_flag_goes_before_it():
    design = chosen(design="B")
    assert design.items() >= campaign.DESIGNS["B"].items()
    assert chosen(design="B", each=3, log=None) == {**design, "each": 3}
    assert chosen(design="D")["store"] == "redis-sentinel"


def faults_of_brokers(**flags):
    return {fault.title for fault in campaign.fitting({**FLAGS, **flags}, None)
            if "broker" in fault.component}


def test_faults_of_brokers_are_those_of_the_log():
    only = {"only broker: kill", "only broker: stop"}
    assert faults_of_brokers() == only
    assert faults_of_brokers(log="rabbitmq") == only | {
        "brokers: connections lost", "brokers: blocked"}
    assert "broker, active controller: kill" in faults_of_brokers(brokers=3)
    several = faults_of_brokers(brokers=3, log="rabbitmq")
    assert "broker, leads most streams: kill" in several
    assert "broker, active controller: kill" not in several
    assert not several & only


def a_run(name, pause, **flags):
    """Its records, of one killed broker. Flags as in older results if none says otherwise."""
    flags = {**{key: FLAGS[key] for key in campaign.CHOICES}, "brokers": 3, **flags}
    seen = {"requests": 1, "pause_s": pause, "slowest": "", "errors": {}, "undefined": 0}
    return [{"type": "run", "run": name, **flags},
            {"type": "fault", "run": name, "component": "broker", "fault": "kill", **seen},
            {"type": "end", "run": name, "acknowledged": 1, "checkouts_paid": 1, "checks": 1,
             "lost": [], "contradicted": [], "oversold": [], "double_charged": [],
             "complaints": []}]


def test_the_report_has_a_table_for_each_log_with_its_own_bounds():
    text, good = report(a_run("1", 4.5) + a_run("2", 4.25, log="rabbitmq"))
    assert good
    kafka, rabbitmq = text.split("### Over RabbitMQ")
    assert kafka.startswith("### Over Kafka")
    assert "| broker | kill | 1 | 4.50 |" in kafka and "3.0: NOT met" in kafka
    assert "| broker | kill | 1 | 4.25 |" in rabbitmq and "5.0: met" in rabbitmq


def test_the_report_is_bad_if_one_run_over_either_log_is():
    rabbitmq = a_run("2", 1, log="rabbitmq")
    rabbitmq[-1]["lost"] = ["an order"]
    assert not report(a_run("1", 1) + rabbitmq)[1]
    assert "Kafka" not in report(rabbitmq)[0]
