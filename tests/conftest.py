"""Fixtures of the black-box tests: `settle` is one process for the whole session, `shop` a
client of it, `start_settle` starts more of them for one test.

    python3 -m pytest tests/api        the HTTP contract
    python3 -m pytest tests/faults     kills, torn files, a full disk
    python3 tests/faults/crash.py --kills 50

SETTLE_PROGRAM names the program, if it is not build/release/settle."""

import os

import pytest

pytest.register_assert_rewrite("expect", "shop", "transfer")

import settle_process  # noqa: E402
from settle_process import SettleProcess  # noqa: E402
from shop import Shop  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def program_exists():
    if not os.access(settle_process.PROGRAM, os.X_OK):
        pytest.exit(f"no program at {settle_process.PROGRAM}: build it, or set SETTLE_PROGRAM", 2)


@pytest.fixture(scope="session")
def shared_process(program_exists):
    with SettleProcess() as process:
        yield process


@pytest.fixture
def settle(shared_process):
    """The shared process; a test that ends it fails, and the next one gets a new start."""
    yield shared_process
    if not shared_process.is_running():
        code = shared_process.process.returncode
        shared_process.start()
        pytest.fail(f"the server ended with {code} during this test")


@pytest.fixture
def shop(settle):
    client = Shop(settle.port)
    yield client
    client.close()


@pytest.fixture
def start_settle():
    """start_settle(*flags, **options) returns a SettleProcess that is ready."""
    processes = []

    def start(*flags, **options):
        processes.append(SettleProcess(*flags, **options))
        return processes[-1].start()

    yield start
    for process in reversed(processes):  # a later one may use the directory of an earlier one
        process.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for process in SettleProcess.started:
            report.sections.append((f"log of settle on port {process.port}", process.log()))
