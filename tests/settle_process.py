"""One `settle serve` process under test: started on a free port of 127.0.0.1 with a data
directory of its own, watched, and stopped by its process id.

Every wait is bounded. Whatever a test does, `close()` (or the end of the interpreter) leaves
neither a process nor a directory behind.
"""

import atexit
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from settle_client import Client, NoAnswer, RawConnection

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.path.abspath(
    os.environ.get("SETTLE_PROGRAM", REPOSITORY / "build" / "release" / "settle"))

START_SECONDS = 30
STOP_SECONDS = 30
LOG_LINES_SHOWN = 60


class StartFailed(Exception):
    """The process ended, or was not ready in time; the message holds its log."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SettleProcess:
    """Not thread-safe, except that any number of threads may open clients."""

    started = []  # all that were not closed, for the report of a failed test

    def __init__(self, *flags, data=None, port=None, environment=None, defaults=True):
        """`data`: a directory that the caller owns; else a fresh one that `close` removes.
        `defaults=False` passes neither --listen nor --data, nor 4 partitions and 2 threads."""
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="settle-test-"))
        self.data = pathlib.Path(data) if data else self.scratch / "data"
        self.port = port or free_port()
        self.log_path = self.scratch / "log"
        self.flags = list(flags)
        if defaults:
            self.flags[:0] = ["--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SETTLE_")}
        if defaults:  # what crosses partitions and threads is where faults are
            self.environment.update({"SETTLE_PARTITIONS": "4", "SETTLE_THREADS": "2"})
        self.environment.update(environment or {})
        self.process = None
        self.ready_seconds = None
        SettleProcess.started.append(self)

    def launch(self):
        """Starts the program and does not wait for anything."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", *self.flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.scratch, env=self.environment)
        return self

    def start(self, until="/readyz"):
        """Starts the program and waits until this path answers 200."""
        begin = time.monotonic()
        self.launch()
        while not self._answers(until):
            if self.process.poll() is not None:
                raise StartFailed(f"ended with {self.process.returncode}:\n{self.log()}")
            if time.monotonic() - begin > START_SECONDS:
                self.kill9()
                raise StartFailed(f"not ready after {START_SECONDS} s:\n{self.log()}")
            time.sleep(0.005)
        self.ready_seconds = time.monotonic() - begin
        return self

    def _answers(self, path):
        client = Client(self.port, timeout=2)
        try:
            return client.get(path).status == 200
        except NoAnswer:
            return False
        finally:
            client.close()

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_for_exit(self, seconds=STOP_SECONDS):
        """The exit code; kills what does not end in time and says so."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill9()
            raise AssertionError(f"still running after {seconds} s:\n{self.log()}") from None

    def terminate(self):
        """SIGTERM; returns the exit code."""
        if self.is_running():
            self.process.send_signal(signal.SIGTERM)
        return self.wait_for_exit()

    def kill9(self):
        if self.is_running():
            self.process.kill()
        self.process.wait(STOP_SECONDS)

    def restart(self):
        """Starts again on the same port and directory; ends the old process if it still runs."""
        if self.is_running():
            self.terminate()
        return self.start()

    def close(self):
        if self in SettleProcess.started:
            SettleProcess.started.remove(self)
        try:
            if self.is_running():
                self.process.send_signal(signal.SIGTERM)
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.kill9()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def log(self):
        """The last lines of what the program printed, over all its starts."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-LOG_LINES_SHOWN:])

    def client(self, timeout=35):
        return Client(self.port, timeout)

    def raw(self, timeout=10):
        return RawConnection(self.port, timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()


@atexit.register
def close_all():
    for process in list(SettleProcess.started):
        process.close()
