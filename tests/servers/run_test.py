"""The runner of real servers: what it tells the program, and that nothing is left behind."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from processes import Failed, Workplace  # noqa: E402
from rabbitmq import RabbitMQ  # noqa: E402

# Two servers that listen, print where they are, and end only when they are killed.
DEPLOYMENT = f"""
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, {str(HERE)!r})
import run
from deployment import Deployment
from processes import accepts

class Listeners(Deployment):
    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--broken", action="store_true")
    def __init__(self, workplace, broken=False):
        super().__init__(workplace)
        self.code = "print('out of order', flush=True); exit(3)" if broken else (
            "import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1])));"
            "time.sleep(600)")
    def start(self):
        for number in (1, 2):
            port = self.workplace.free_port()
            self.nodes.append(self.workplace.server(
                f"listener-{{number}}", (sys.executable, "-c", self.code, port),
                lambda port=port: accepts(port)))
            self.nodes[-1].start()
    @property
    def url(self):
        return "listeners://" + ",".join(str(n.popen.pid) for n in self.nodes)

run.DEPLOYMENTS["listeners"] = ("deployments", "Listeners")
sys.modules["deployments"] = sys.modules["__main__"]
sys.exit(run.main())
"""

# Asks for each of its arguments and prints the answers.
PROGRAM = """
import os, socket, sys
print(os.environ["SETTLE_TEST_URL"], flush=True)
control = socket.socket(socket.AF_UNIX)
control.connect(os.environ["SETTLE_TEST_CONTROL"])
lines = control.makefile("rw")
for line in sys.argv[1:]:
    print(line, file=lines, flush=True)
    print(lines.readline().strip(), flush=True)
"""


@pytest.fixture
def runner(tmp_path):
    script = tmp_path / "runner.py"
    script.write_text(textwrap.dedent(DEPLOYMENT))
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def start(*arguments):
        return subprocess.Popen(
            [sys.executable, script, "listeners", *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(scratch)})
    start.scratch = scratch
    return start


def servers(line):
    return [int(pid) for pid in line.removeprefix("listeners://").split(",")]


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pids, seconds=10):
    until = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        assert time.monotonic() < until, f"{pids} are still there"
        time.sleep(0.02)


def test_exit_code_is_the_programs_and_everything_is_gone(runner):
    process = runner("--", sys.executable, "-c",
                     "import os; print(os.environ['SETTLE_TEST_URL']); raise SystemExit(7)")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 7
    assert len(servers(out)) == 2
    wait_until_gone(servers(out))
    assert not list(runner.scratch.iterdir())


def test_program_may_ask_for_faults(runner):
    process = runner("--", sys.executable, "-c", PROGRAM, "count", "kill 1", "kill 1", "start 1",
                     "start 1", "stop 2", "cont 2", "end 2", "stop 2", "burn 1", "kill 3", "kill", "")
    out, _ = process.communicate(timeout=60)
    answers = out.splitlines()[1:]
    assert process.returncode == 0
    assert [a.split()[0] for a in answers] == (
        ["ok"] * 4 + ["error"] + ["ok"] * 3 + ["error"] * 5)
    assert answers[0] == "ok 2"
    assert "is running" in answers[4]
    assert "no verb 'burn'" in answers[9]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_signal_to_the_runner_ends_program_and_servers(runner, number):
    process = runner("--", sys.executable, "-c",
                     "import os, time; print(os.environ['SETTLE_TEST_URL'], os.getpid(), "
                     "flush=True); time.sleep(600)")
    url, program = process.stdout.readline().split()
    process.send_signal(number)
    process.communicate(timeout=30)
    wait_until_gone([*servers(url), int(program)])
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert not list(runner.scratch.iterdir())


def test_server_that_does_not_start_is_shown(runner):
    process = runner("--broken", "--", "true")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 99
    assert "listener-1 ended with 3" in err and "out of order" in err
    assert not list(runner.scratch.iterdir())


@pytest.fixture
def workplace():
    with Workplace() as place:
        yield place
    assert not working_in(place.directory)


def working_in(directory):
    """The processes that still do."""
    until = time.monotonic() + 10
    while True:
        found = [link.parent.name for link in pathlib.Path("/proc").glob("[0-9]*/cwd")
                 if target(link).startswith(str(directory))]
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.02)


def target(link):
    try:
        return os.readlink(link)
    except OSError:
        return ""


def publish(broker, queue, count):
    for _ in range(count):
        told = broker.ask(1, "POST", "exchanges/%2F/amq.default/publish", {
            "routing_key": queue, "properties": {}, "payload": "x" * 500,
            "payload_encoding": "string"})
        assert told["routed"]


def declare(broker, queue):
    broker.ask(1, "PUT", f"queues/%2F/{queue}", {"durable": True, "arguments": {
        "x-queue-type": "stream", "x-stream-max-segment-size-bytes": 2000}})


def test_rabbitmq_of_three_nodes_follows_orders(workplace):
    broker = RabbitMQ(workplace, nodes=3)
    broker.start()
    assert broker.control("count", []) == "3"
    declare(broker, "events")
    publish(broker, "events", 20)
    broker.wait_for("all in step", broker.in_step)

    trimmed_to_the_segment_of_an_offset(broker)
    a_killed_leader_is_replaced_and_comes_back(broker)

    broker.control("alarm", ["on"])
    with pytest.raises(OSError, match="503"):
        broker.ask(2, "GET", "health/checks/alarms")
    broker.control("alarm", ["off"])
    broker.ask(2, "GET", "health/checks/alarms")
    broker.control("delete", ["events"])
    assert broker.control("leader", ["events"]) == "0"


def trimmed_to_the_segment_of_an_offset(broker):
    stream = broker.stream("events")
    before = [first for first, _ in broker.segments(2, stream)]
    assert before[0] == 0 and len(before) > 4
    assert broker.control("trim", ["events", str(before[3] + 1)]) == str(before[3])
    for number in (1, 2, 3):
        assert [first for first, _ in broker.segments(number, stream)] == before[3:]
    with pytest.raises(Failed, match="begins after"):
        broker.control("trim", ["events", "0"])


def a_killed_leader_is_replaced_and_comes_back(broker):
    leader = broker.control("leader", ["events"])
    assert broker.busiest() == int(leader)  # there is no other stream
    assert broker.coordinator() in broker.numbers()
    assert broker.connections(1) == 0
    broker.control("kill", [leader])
    assert not broker.in_step()
    broker.wait_for("another leader",
                    lambda: broker.leader_number("events") not in (None, int(leader)))
    broker.control("start", [leader])
    broker.wait_for("all in step again", broker.in_step)


# The methods of AMQP that a server answers to these passwords with; it ends the connection in
# silence where the password is wrong.
LOGIN = """
import os, socket, ssl, struct, urllib.parse
url = urllib.parse.urlsplit(os.environ["SETTLE_TEST_URL"])
trusted = ssl.create_default_context(cafile=urllib.parse.parse_qs(url.query)["ca"][0])

def read(stream):
    head = stream.read(7)
    return stream.read(struct.unpack(">BHI", head)[2] + 1) if len(head) == 7 else b""

for name, password in (("settle", "se:cret"), ("guest", "guest")):
    plain = socket.create_connection((url.hostname, url.port), timeout=20)
    stream = trusted.wrap_socket(plain, server_hostname=url.hostname).makefile("rwb")
    stream.write(b"AMQP\\0\\0\\x09\\1")
    stream.flush()
    read(stream)
    login = f"\\0{name}\\0{password}".encode()
    body = (struct.pack(">HHIB", 10, 11, 0, 5) + b"PLAIN" + struct.pack(">I", len(login)) + login
            + b"\\5en_US")
    stream.write(struct.pack(">BHI", 1, 0, len(body)) + body + b"\\xce")
    stream.flush()
    print(name, *struct.unpack(">HH", read(stream)[:4].rjust(4, b"\\0")))
"""


def test_secure_rabbitmq_wants_tls_and_a_password(tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / "run.py", "rabbitmq", "--secure", "--",
         sys.executable, "-c", LOGIN], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)})
    assert done.stdout.splitlines() == ["settle 10 30", "guest 0 0"], done.stderr
    assert not list(tmp_path.iterdir())
    assert not working_in(tmp_path)
