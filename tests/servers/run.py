#!/usr/bin/env python3
"""Starts real servers, runs a program against them, and stops them: see --help.

The program finds in its environment
  SETTLE_TEST_URL      where the servers are, as settle takes it
  SETTLE_TEST_CONTROL  a Unix socket, on which it may ask for faults: one line in, one line out,
                       `ok`, `ok WORDS` or `error WORDS`; any number of lines on a connection
and what the deployment adds (tests/servers/deployment.py names the lines that all know). For
example `kill 2`, `start 2`, `stop 2` (SIGSTOP), `cont 2`.

Without a program it says where the servers are and keeps them until it is interrupted.
"""

import argparse
import importlib
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from processes import END_SECONDS, Failed, Workplace, exit_on_signals, uninterrupted  # noqa: E402

# By name: the module, and the class in it. Imported when it is asked for, so that each of them may
# need what the others do not.
DEPLOYMENTS = {
    "design-b": ("stack", "DesignB"),
    "design-d": ("stack", "DesignD"),
    "kafka": ("kafka", "Kafka"),
    "rabbitmq": ("rabbitmq", "RabbitMQ"),
    "redis": ("redis", "Standalone"),
    "redis-cluster": ("redis", "Cluster"),
    "redis-sentinel": ("redis", "Sentinel"),
    "stack": ("stack", "Stack"),
}


def deployment_class(name):
    module, attribute = DEPLOYMENTS[name]
    return getattr(importlib.import_module(module), attribute)


class Control:
    """The Unix socket. Everything happens in `serve`, on the caller's thread."""

    def __init__(self, path, deployment):
        self.path, self.deployment = path, deployment
        self.events = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.events.register(self.listener, selectors.EVENT_READ, self._accept)

    def serve(self, program):
        """Answers until the program ends; returns its exit code."""
        ended = os.pidfd_open(program.pid)
        try:
            self.events.register(ended, selectors.EVENT_READ, None)
            while program.poll() is None:
                for key, _ in self.events.select():
                    if key.data:
                        key.data(key.fileobj)
            return program.returncode
        finally:
            self.events.unregister(ended)
            os.close(ended)

    def _accept(self, listener):
        connection, _ = listener.accept()
        pending = bytearray()
        self.events.register(connection, selectors.EVENT_READ,
                             lambda ready: self._read(ready, pending))

    def _read(self, connection, pending):
        try:
            received = connection.recv(4096)
            pending += received
            while b"\n" in pending:
                line, _, rest = bytes(pending).partition(b"\n")
                pending[:] = rest
                connection.sendall(self.answer(line.decode(errors="replace")).encode() + b"\n")
        except OSError:
            received = b""
        if not received:
            self.events.unregister(connection)
            connection.close()

    def answer(self, line):
        """One line, for one line."""
        words = line.split()
        try:
            told = self.deployment.control(words[0] if words else "", words[1:])
        except (Failed, ValueError, IndexError, TypeError) as failure:
            return " ".join(f"error {failure}".split())
        return f"ok {told}" if told else "ok"


def run_program(command, workplace, deployment):
    """Its exit code, as a shell has it."""
    control = Control(workplace.directory / "control", deployment)
    variables = {**os.environ, "SETTLE_TEST_URL": deployment.url,
                 "SETTLE_TEST_CONTROL": str(control.path), **deployment.environment()}
    # In a session of its own, so that signals from a terminal reach it only through us.
    program = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command], stdin=subprocess.DEVNULL,
        env=variables, start_new_session=True)
    try:
        code = control.serve(program)
        return code if code >= 0 else 128 - code
    finally:
        with uninterrupted():
            if program.poll() is None:
                program.terminate()
                try:
                    program.wait(END_SECONDS)
                except subprocess.TimeoutExpired:
                    os.killpg(program.pid, signal.SIGKILL)
                    program.wait()


def keep(deployment):
    """Until a signal comes, for people who look around."""
    for name, place in [*deployment.tried(), *deployment.places()]:
        print(f"{name:<21} {place}")
    print("interrupt to end all of it", flush=True)
    while True:
        signal.pause()


def parse(arguments):
    if "--" not in arguments:
        command = None
    else:
        at = arguments.index("--")
        arguments, command = arguments[:at], arguments[at + 1:]
    parser = argparse.ArgumentParser(
        prog="tests/servers/run.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s DEPLOYMENT [FLAGS] [-- PROGRAM [ARGUMENTS]]")
    each = parser.add_subparsers(dest="deployment", metavar="DEPLOYMENT", required=True)
    for name in DEPLOYMENTS:
        made = deployment_class(name)
        made.arguments(each.add_parser(name, help=made.summary))
    given = vars(parser.parse_args(arguments))
    if command == []:
        parser.error("after --, the program to run")
    return given.pop("deployment"), given, command


def main():
    exit_on_signals()
    name, flags, command = parse(sys.argv[1:])
    try:
        with Workplace() as workplace:
            deployment = deployment_class(name)(workplace, **flags)
            deployment.start()
            if command is None:
                return keep(deployment)
            return run_program(command, workplace, deployment)
    except Failed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 99


if __name__ == "__main__":
    sys.exit(main())
