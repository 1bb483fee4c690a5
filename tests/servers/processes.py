"""Server processes of a test: each is a child in a session of its own, works below one temporary
directory, and is ended by its process id, whatever happens to the test.

Not thread-safe, and to be used from one thread alone: the kernel ends a server when the thread that
started it ends (that is how nothing is left behind when this process is killed).
"""

import atexit
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS = 60
END_SECONDS = 20
LOG_LINES_SHOWN = 40
# Below the ports that outgoing connections get, so that none of those takes a chosen one while its
# server is down. Each of several programs at a time has some to itself.
PORTS = range(20_000, 32_000)
PORTS_OF_ONE = 500


class Failed(Exception):
    """Something could not be started or was asked for wrongly; the text is for people."""


class Server:
    """One program of a deployment, which may be killed and started again on the same data."""

    def __init__(self, name, command, directory, ready, environment=None):
        """`ready()` tells whether it serves; it may raise OSError for no."""
        self.name, self.command, self.directory = name, list(map(str, command)), directory
        self.ready, self.environment = ready, environment or {}
        self.log_path = directory / f"{name}.log"
        self.popen = None

    def launch(self):
        """Starts it and waits for nothing."""
        if self.is_running():
            raise Failed(f"{self.name} is running")
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, cwd=self.directory, start_new_session=True,
                env={**os.environ, **self.environment})

    def wait_until_ready(self, seconds=START_SECONDS):
        until = time.monotonic() + seconds
        while True:
            if not self.is_running():
                raise Failed(f"{self.name} ended with {self.popen.returncode}:\n{self.log()}")
            try:
                if self.ready():
                    return
            except OSError:
                pass
            if time.monotonic() > until:
                raise Failed(f"{self.name} does not serve after {seconds} s:\n{self.log()}")
            time.sleep(0.02)

    def start(self):
        self.launch()
        self.wait_until_ready()

    def is_running(self):
        return self.popen is not None and self.popen.poll() is None

    def log(self):
        """The last lines of what it printed, over all its starts."""
        if not self.log_path.exists():
            return ""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def kill(self):
        """SIGKILL, also to what it has started; returns when it is gone."""
        if self.popen is None:
            return
        if self.is_running():
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(END_SECONDS)

    def end(self):
        """SIGTERM; kills it if that does not help in time."""
        if not self.is_running():
            return
        self.popen.terminate()
        try:
            self.popen.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def suspend(self):
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        if not self.is_running():
            raise Failed(f"{self.name} is not running")
        self.popen.send_signal(number)


class Workplace:
    """A temporary directory and the servers that work in it; a context manager, and closed at the
    end of the interpreter in any case."""

    def __init__(self, prefix="settle-servers-"):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self.servers = []
        self._range, self._range_mark = own_ports()
        self._ports = set()
        atexit.register(self.close)

    def folder(self, name):
        path = self.directory / name
        path.mkdir()
        return path

    def free_port(self):
        for _ in range(1000):
            port = random.choice(self._range)
            if port not in self._ports and not is_taken(port):
                self._ports.add(port)
                return port
        raise Failed("no free port was found")

    def server(self, name, command, ready, directory=None, environment=None):
        """A server that is not started yet."""
        made = Server(name, command, directory or self.folder(name), ready, environment)
        self.servers.append(made)
        return made

    def run(self, command, directory=None, seconds=START_SECONDS, environment=None):
        """Runs a program to its end; returns what it printed. Raises Failed with that if it fails
        or does not end in time."""
        try:
            done = subprocess.run(
                ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                cwd=directory or self.directory, timeout=seconds, check=False, text=True,
                errors="replace", env={**os.environ, **(environment or {})})
        except subprocess.TimeoutExpired as late:
            raise Failed(f"{command[0]} was ended after {seconds} s:\n{late.output}") from None
        if done.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}\nended with {done.returncode}:\n"
                         f"{done.stdout}")
        return done.stdout

    def close(self):
        """Kills all servers and removes the directory: nobody needs the data any more."""
        for server in self.servers:
            server.kill()
        self.servers.clear()
        shutil.rmtree(self.directory, ignore_errors=True)
        self._range_mark.close()
        atexit.unregister(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with uninterrupted():
            self.close()


class uninterrupted:
    """Signals that end programs are ignored meanwhile."""

    def __enter__(self):
        self.before = {number: signal.signal(number, signal.SIG_IGN)
                       for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    def __exit__(self, *_):
        for number, handler in self.before.items():
            signal.signal(number, handler)


def exit_on_signals():
    """Makes the signals that end a program raise SystemExit, so that everything is cleaned up."""
    def leave(number, _):
        sys.exit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


def own_ports():
    """Ports that no other workplace uses, and what keeps them until it is closed: an abstract socket,
    of which nothing remains."""
    for first in range(PORTS.start, PORTS.stop, PORTS_OF_ONE):
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0settle-ports-{first}")
            return range(first, first + PORTS_OF_ONE), mark
        except OSError:
            mark.close()
    raise Failed(f"{len(PORTS) // PORTS_OF_ONE} others use all ports from {PORTS.start}")


def is_taken(port):
    with socket.socket() as probe:
        # A server may listen where connections of its earlier life have not timed out.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def accepts(port, host="127.0.0.1"):
    """Whether somebody listens; raises OSError where nobody does."""
    with socket.create_connection((host, port), timeout=1):
        return True


def cache(name):
    """A directory for what is fetched once and for all."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    path = pathlib.Path(base) / "settle" / name
    path.mkdir(parents=True, exist_ok=True)
    return path
