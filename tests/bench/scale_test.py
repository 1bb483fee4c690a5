"""`bench/scale`: measures what it says, names what failed, and leaves nothing running."""

import json
import os
import pathlib
import subprocess

from settle_process import REPOSITORY

SCALE = REPOSITORY / "bench" / "scale"
PATIENCE_SECONDS = 240


FAULTS = [
    {"type": "run", "run": "1"},
    {"type": "fault", "run": "1", "component": "broker", "fault": "kill", "pause_s": 2.5},
    {"type": "end", "run": "1"},
    {"type": "run", "run": "2", "log": "rabbitmq"},
    {"type": "fault", "run": "2", "component": "broker", "fault": "kill", "pause_s": 1.25},
    {"type": "fault", "run": "2", "component": "gateway", "fault": "kill", "pause_s": 0.5},
    {"type": "end", "run": "2"},
    {"type": "run", "run": "3"},
    {"type": "fault", "run": "3", "component": "broker", "fault": "kill", "pause_s": 99},
]


def scale(tmp_path, *arguments, **environment):
    faults = tmp_path / "faults.jsonl"
    faults.write_text("".join(f"{json.dumps(line)}\n" for line in FAULTS))
    return subprocess.run(
        [SCALE, "--quick", "--output", tmp_path / "out", "--faults", faults, *arguments], cwd=tmp_path,
        capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), **environment})


def working_below(folder):
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(f"{folder}/settle-scale"):
                found.append(process.name)
        except OSError:  # it has just ended
            pass
    return found


def test_every_process_is_measured_and_none_is_left(tmp_path):
    done = scale(tmp_path, "--only", "2-nginx")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results" / "scale.json").read_text())
    found = {m["workload"]: m for m in results["measurements"]}
    assert set(found) == {"uniform-256", "hot-256", "uniform-1"}
    for each in found.values():
        assert each["rate_per_s"] > 0
        assert not each["errors"]
        assert set(each["cpu_us"]) == {"gateway", "order", "stock", "payment", "Kafka", "Redis",
                                       "nginx"}
        assert min(each["cpu_us"].values()) > 0
    page = (tmp_path / "out" / "SCALE.md").read_text()
    assert "## Where the time goes" in page and "results/scale/cpu.svg" in page
    assert (tmp_path / "out" / "results" / "scale" / "cpu.svg").exists()
    assert working_below(tmp_path) == []


def test_rabbitmq_and_one_process_are_compared(tmp_path):
    done = scale(tmp_path, "--only", "embedded,rabbitmq")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results" / "scale.json").read_text())
    groups = {m["deployment"]: set(m["cpu_us"]) for m in results["measurements"] if "cpu_us" in m}
    assert groups == {"embedded": {"settle"},
                      "rabbitmq": {"gateway", "order", "stock", "payment", "RabbitMQ", "Redis"}}
    assert [m["ready_s"] > 0 for m in results["measurements"] if m["workload"] == "killed"] == [True]
    for plot in ("rate", "latency", "cpu", "pauses"):
        assert (tmp_path / "out" / "results" / "scale" / f"{plot}.svg").exists()
    rows = [line for line in (tmp_path / "out" / "SCALE.md").read_text().splitlines()
            if ": kill |" in line]
    assert rows == ["| broker: kill | 2.50, 2.50, 2.50 (1) | 1.25, 1.25, 1.25 (1) |",
                    "| gateway: kill | – | 0.50, 0.50, 0.50 (1) |"], "the third run had no check"
    assert working_below(tmp_path) == []


def test_deployment_that_does_not_start_is_named(tmp_path):
    done = scale(tmp_path, "--only", "1", SETTLE_PROGRAM="/bin/false")
    assert done.returncode == 1
    assert "## Failed" in (tmp_path / "out" / "SCALE.md").read_text()
    assert working_below(tmp_path) == []
