"""What a comparison starts: every process is a child with a log of its own, works below one
temporary directory, and is stopped by its process id, whatever happens."""

import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_SECONDS = 60
STOP_SECONDS = 20
SAMPLE_SECONDS = 0.5
LOG_LINES_SHOWN = 15
# Below the ports that outgoing connections get, so that none of those takes a chosen one.
PORTS = range(20_000, 32_000)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement or a start that is not possible; the text is for people."""


class Process:
    """A child process in a session of its own, so that Ctrl-C reaches it only through us."""

    def __init__(self, name, popen, log_path, stop_signal):
        self.name, self.popen, self.log_path = name, popen, log_path
        self.stop_signal = stop_signal

    def is_running(self):
        return self.popen.poll() is None

    def log(self):
        """The last lines of what it printed."""
        text = self.log_path.read_text(errors="replace")
        return "\n".join(text.splitlines()[-LOG_LINES_SHOWN:])

    def stop(self):
        """Asks it to end, and ends it and its children if it does not."""
        if self.is_running():
            self.popen.send_signal(self.stop_signal)
        try:
            self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            for pid in reversed(family(self.popen.pid)):
                kill(pid)
            self.popen.wait(STOP_SECONDS)


class Workplace:
    """A temporary directory and all that runs in it. Used by one thread, as a context manager."""

    def __init__(self, parent):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="settle-compare-", dir=parent))
        self.directory.chmod(0o711)  # other users find their own directories below
        self.running = []
        self._ports = set()
        self._logs = 0

    def folder(self, name, user=None):
        """A fresh directory, which belongs to `user` if that is named."""
        path = self.directory / name
        path.mkdir(mode=0o755)
        if user:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def free_port(self):
        for _ in range(1000):
            port = random.choice(PORTS)
            if port in self._ports:
                continue
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            self._ports.add(port)
            return port
        raise Failed("no free port was found")

    def start(self, name, command, user=None, stop_signal=signal.SIGTERM, cwd=None,
              environment=None):
        """Starts a program that ends when we do, as `user` if that is named and we are root."""
        # --pdeathsig: also where this process is killed and can stop nothing.
        prefix = ["setpriv", "--pdeathsig", "TERM"]
        if user:
            prefix += ["--reuid", user, "--regid", user, "--clear-groups"]
        self._logs += 1
        log_path = self.directory / f"{self._logs:04}-{name}.log"
        with open(log_path, "wb") as log:
            popen = subprocess.Popen(
                [*prefix, "--", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=cwd or self.directory, start_new_session=True,
                env={**os.environ, **(environment or {})})
        process = Process(name, popen, log_path, stop_signal)
        self.running.append(process)
        return process

    def stop(self, process):
        if process in self.running:
            process.stop()
            self.running.remove(process)

    def clear(self):
        """Stops everything and removes its data; the logs stay until the end."""
        for process in reversed(list(self.running)):  # what was started last needs the others
            self.stop(process)
        for path in self.directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def run(self, name, command, timeout_s, watched=(), accepted=(0,), **how):
        """Runs a program to its end and returns its output and, of the time that it ran, samples
        of what processor time the `watched` processes had used."""
        process = self.start(name, command, **how)
        samples, until = [], time.monotonic() + timeout_s
        try:
            while process.is_running():
                samples.append(Sample.now(watched, process))
                if time.monotonic() > until:
                    raise Failed(f"{name} was stopped after {timeout_s:.0f} s:\n{process.log()}")
                wait(process.popen, SAMPLE_SECONDS)
        finally:
            self.stop(process)
        if process.popen.returncode not in accepted:
            raise Failed(f"{name} ended with {process.popen.returncode}:\n{process.log()}")
        return process.log_path.read_text(errors="replace"), samples

    def wait_for(self, process, url, status=200):
        """Waits until `url` answers with that status."""
        until = time.monotonic() + START_SECONDS
        while True:
            if not process.is_running():
                raise Failed(f"{process.name} ended with {process.popen.returncode} instead of "
                             f"serving:\n{process.log()}")
            if status_of(url) == status:
                return
            if time.monotonic() > until:
                raise Failed(f"{process.name} does not serve after {START_SECONDS} s:\n"
                             f"{process.log()}")
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        ours = {number: signal.signal(number, signal.SIG_IGN)
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            self.clear()
            shutil.rmtree(self.directory, ignore_errors=True)
        finally:
            for number, handler in ours.items():
                signal.signal(number, handler)


class Sample:
    """Processor time so far, in seconds: of the servers, of the load generator, of everything on
    the machine, and what the hypervisor kept for others."""

    def __init__(self, at, servers, load, machine, stolen):
        self.at, self.servers, self.load = at, servers, load
        self.machine, self.stolen = machine, stolen

    @classmethod
    def now(cls, servers, load):
        with open("/proc/stat", encoding="ascii") as stat:
            user, nice, system, _, _, irq, soft, stolen = map(int, stat.readline().split()[1:9])
        return cls(time.monotonic(),
                   sum(processor_seconds(p.popen.pid) for p in servers),
                   processor_seconds(load.popen.pid),
                   (user + nice + system + irq + soft) / TICKS_PER_SECOND,
                   stolen / TICKS_PER_SECOND)


def status_of(url):
    """Of a GET; None: no answer."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return None


def wait(popen, seconds):
    try:
        popen.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def family(pid):
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children", encoding="ascii") as children:
                    found += map(int, children.read().split())
        except OSError:  # it has just ended
            pass
    return found


def processor_seconds(pid):
    """Of a process and its descendants, also of those that have ended and were waited for."""
    ticks = 0
    for each in family(pid):
        try:
            with open(f"/proc/{each}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / TICKS_PER_SECOND
