"""`bench/compare --quick`: all systems are measured, and nothing is left behind, also after a stop
in the middle. Skipped where a package of tools/packages/bench.txt is missing."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from settle_process import REPOSITORY

COMPARE = REPOSITORY / "bench" / "compare"
MISSING = ". tools/packages.sh; missing_packages tools/packages/bench.txt"
PATIENCE_SECONDS = 540


@pytest.fixture(scope="module", autouse=True)
def packages():
    missing = subprocess.run(["bash", "-c", MISSING], cwd=REPOSITORY, capture_output=True,
                             text=True, env={**os.environ, "root": str(REPOSITORY)}, check=True)
    names = [line.split()[0] for line in missing.stdout.splitlines()]
    if names:
        pytest.skip("not installed: " + ", ".join(names))


@pytest.fixture
def scratch():
    """Where the comparison works, and what it leaves empty. A short path that other users can
    reach, which tmp_path is not."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="compare-test-", dir="/var/tmp"))
    path.chmod(0o755)
    yield path
    try:
        assert list(path.iterdir()) == []
        assert processes_of(path) == []
    finally:
        shutil.rmtree(path)


def processes_of(scratch):
    """Command lines of running processes that name the directory, or work below it."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            works_in = os.readlink(process / "cwd")
        except OSError:  # it has just ended
            continue
        if str(scratch) in words or works_in.startswith(f"{scratch}/"):
            found.append(words)
    return found


@pytest.fixture
def compare(scratch, tmp_path):
    """compare(*arguments) is a command line whose page goes to tmp_path."""
    def line(*arguments):
        return [str(COMPARE), "--scratch", str(scratch), "--output", str(tmp_path), *arguments]
    return line


def test_quick_comparison_measures_every_system_and_writes_page_and_plots(compare, tmp_path):
    done = subprocess.run(compare("--quick"), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr

    page = tmp_path
    results = json.loads((page / "results" / "comparison.json").read_text())
    measured = {}
    for each in results["measurements"]:
        assert "failed" not in each
        assert each.get("rate_per_s", 1) > 0
        assert set(each.get("answers", {})) <= {"200"}, each
        assert not each.get("errors"), each
        measured.setdefault(each["system"], {})[each["kind"]] = each
    assert set(measured) == {"settle", "postgres-http", "postgres-direct", "naive", "bare-http",
                             "fdatasync"}
    for system in ("settle", "postgres-http", "naive"):
        assert {"uniform", "hot", "verify"} <= set(measured[system])
    for system in ("settle", "postgres-http"):
        assert measured[system]["verify"]["differences"] == 0
    text = (page / "RESULTS.md").read_text()
    assert "A quick trial" in text
    for plot in ("rate-uniform", "latency-uniform", "rate-hot", "latency-hot", "connections"):
        assert f"results/{plot}.svg" in text
        assert (page / "results" / f"{plot}.svg").read_text().rstrip().endswith("</svg>")

    before = {file: file.read_bytes() for file in page.rglob("*") if file.is_file()}
    subprocess.run(compare("--render"), check=True, capture_output=True, timeout=60)
    assert {file: file.read_bytes() for file in page.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("system", ["settle", "postgres-http", "postgres-direct", "naive"])
def test_stopped_in_the_middle_leaves_nothing_behind(compare, scratch, how, system):
    running = subprocess.Popen(
        compare("--quick", "--no-build", "--only", system), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + 60
        while not any(scratch.glob("*/*-load.log")) and not any(scratch.glob("*/*-pgbench.log")):
            assert running.poll() is None, running.stdout.read()
            assert time.monotonic() < until
            time.sleep(0.1)
        assert processes_of(scratch)
        running.send_signal(how)
        said, _ = running.communicate(timeout=60)
        assert running.returncode == 130, said
    finally:
        running.kill()
        running.wait()


def test_unknown_system_is_refused(compare):
    done = subprocess.run(compare("--only", "oracle"), capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2
    assert "no system is called oracle" in done.stderr
