"""What `tools/instructions` makes of counts; nothing is counted here."""

import importlib.machinery
import importlib.util

import pytest

from settle_process import REPOSITORY


@pytest.fixture(scope="module")
def instructions():
    path = REPOSITORY / "tools" / "instructions"
    loader = importlib.machinery.SourceFileLoader("instructions", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("found, what, code", [
    (1000, "ok", 0),
    (1030, "ok", 0),
    (1031, "MORE", 1),
    (970, "ok", 0),
    (969, "less: record it", 0),
])
def test_only_growth_beyond_the_tolerance_fails(instructions, found, what, code):
    lines = instructions.compare({"one": found}, {"one": 1000}, 3)
    assert [(line.name, line.allowed, line.verdict) for line in lines] == [("one", 1030, what)]
    assert instructions.conclusion(lines, 3)[1] == code


@pytest.mark.parametrize("found, recorded", [({"one": 1000}, {}), ({}, {"one": 1000})])
def test_workload_without_its_counterpart_fails(instructions, found, recorded):
    lines = instructions.compare(found, recorded, 3)
    assert [line.failed for line in lines] == [True]
    assert instructions.conclusion(lines, 3)[1] == 1
    assert "one" in instructions.table(lines)


def test_failure_names_the_workload_its_profile_and_how_to_record(instructions):
    lines = instructions.compare({"fast": 900, "slow": 1100}, {"fast": 900, "slow": 1000}, 3)
    said, _ = instructions.conclusion(lines, 3)
    assert said.startswith("slow: ")
    assert "callgrind_annotate build/instructions/slow.callgrind" in said
    assert "tools/instructions --record" in said
    assert "+10.00 %" in instructions.table(lines)


def test_fall_says_how_to_record(instructions):
    lines = instructions.compare({"one": 500}, {"one": 1000}, 3)
    assert "tools/instructions --record" in instructions.conclusion(lines, 3)[0]


def test_every_workload_is_recorded(instructions):
    record = instructions.json.loads(instructions.RECORD.read_text())
    assert set(record["instructions_per_request"]) == set(instructions.WORKLOADS)
