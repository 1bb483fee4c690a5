"""Where faults happen: the whole shop on real servers, with clients at work (see campaign.py)."""

import pathlib
import random
import shutil
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
SERVERS = HERE.parent / "servers"
sys.path.insert(0, str(HERE.parent))

from ledger import Findings, verify  # noqa: E402
from pauses import Watch, seen  # noqa: E402
from settle_client import NoAnswer  # noqa: E402
from shop import Shop as Client  # noqa: E402
from workload import Workload  # noqa: E402

sys.path.insert(0, str(SERVERS))
from processes import Failed, Workplace  # noqa: E402
from machines import Machines  # noqa: E402
import redis as redis_servers  # noqa: E402
from stack import Stack  # noqa: E402

SETTLING_SECONDS = 1.5  # leases end by then, so the dead are not taken for members
CALM_SECONDS = 1.0     # without anything unusual: service is back
SPLIT_MACHINES = 3
UNTOUCHED_SECONDS = 20  # sentinels need ten to make a former master a replica
CALM_LIMIT_SECONDS = 0.75
CALM_MEASURED_SECONDS = 4
RECOVERY_SECONDS = 120
FIRST_CALM_SECONDS = 120  # from the start
FIRST_CALM_LIMIT_SECONDS = 3.0
REST_SECONDS = 0.04    # of a client, between two acts, at most
PATIENCE_SECONDS = 150
CLIENT_THREADS = 8
POLL_SECONDS = 0.02


class NotRecovered(Failed):
    """Service did not come back."""


class Stage:
    """A context manager. To be used from one thread (processes.py says why)."""

    def __init__(self, flags, seed, longest_stop, tell=lambda text: None):
        """`flags`: of tests/servers/stack.py, and `splits`: whether networks may be split."""
        self.random, self.seed, self.tell = random.Random(seed), seed, tell
        self.workplace = Workplace("settle-campaign-")
        self.machines = Machines(self.workplace, SPLIT_MACHINES) if flags["splits"] else None
        self.deployment = Stack(
            self.workplace, machines=self.machines,
            **{name: value for name, value in flags.items() if name != "splits"})
        self.store, self.brokers = self.deployment.store, self.deployment.brokers
        self.kind = flags["store"]
        self.watch, self.findings, self.workload = Watch(), Findings(), None
        self.struck, self.replaced = time.monotonic(), None
        self.untouched_seconds = 0
        self.calm_limit = FIRST_CALM_LIMIT_SECONDS
        self.longest_stop = longest_stop

    def __enter__(self):
        try:
            self.deployment.start()
            self.workload = Workload(
                self.deployment.port, self.findings, self.seed, CLIENT_THREADS, self.watch,
                proxied=True, rest_seconds=REST_SECONDS, patience_seconds=PATIENCE_SECONDS,
                strict_reads=self.deployment.strict_reads)
            self.workload.start()
            self.await_service(FIRST_CALM_SECONDS)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.workload:
            self.workload.stopping.set()
        self.workplace.__exit__()

    # The cast.

    def gateways(self):
        return [node for node in self.deployment.nodes if node.name.startswith("gateway")]

    def workers(self, role):
        return [node for node in self.deployment.nodes if node.name.startswith(role)]

    def server(self, number):
        """Of the store."""
        return self.store.nodes[number - 1]

    # A fault's course.

    def strike(self, act):
        """The fault itself; measured from just before it."""
        self.replaced = None
        self.untouched_seconds = self.random.choice((0, 0, UNTOUCHED_SECONDS))
        self.struck = time.monotonic()
        act()

    def pause(self, low, high):
        time.sleep(self.random.uniform(low, high))

    def calm(self):
        """What clients see without a fault."""
        begun = time.monotonic()
        time.sleep(CALM_MEASURED_SECONDS)
        calm = seen(self.watch.since(begun))
        # On a machine that is too busy for the usual limit.
        self.calm_limit = max(CALM_LIMIT_SECONDS, 1.5 * (calm["pause_s"] or 0))
        return calm

    def answer(self, ask):
        """What a server answers to it, when it does."""
        answers = []
        redis_servers.wait_for("an answer", lambda: answers.append(ask()) or True)
        return answers[0]

    def await_replacement(self, holds, seconds=RECOVERY_SECONDS):
        """Notes how long the servers needed for it."""
        redis_servers.wait_for("what takes the place of it", holds, seconds)
        self.replaced = time.monotonic() - self.struck

    def note_replacement(self, holds, until):
        """The same, if it happens by then."""
        try:
            self.await_replacement(holds, until - time.monotonic())
        except Failed:
            pass

    def start(self, node):
        if not node.is_running():
            node.launch()

    def run(self, fault):
        """Lets it happen, and waits until all is as before; returns what is to be recorded."""
        detail = fault.act(self) or {}
        time.sleep(SETTLING_SECONDS)
        self.await_service(RECOVERY_SECONDS)
        back = time.monotonic()
        record = {"component": fault.component, "fault": fault.name,
                  "back_s": round(back - self.struck, 3), **seen(self.watch.since(self.struck))}
        if self.replaced is not None:
            record["replaced_s"] = round(self.replaced, 3)
        return {**record, **detail}

    # Whether service is as it should be.

    def await_service(self, seconds):
        until, why = time.monotonic() + seconds, ""
        while True:
            why = self.missing()
            if not why:
                return
            if time.monotonic() > until:
                raise NotRecovered(f"after {seconds} s: {why}")
            time.sleep(POLL_SECONDS * 5)

    def missing(self):
        """What is not as it should be, or nothing."""
        ended = [node for node in self.deployment.nodes if not node.is_running()]
        if ended:
            raise NotRecovered(f"{ended[0].name} ended:\n{ended[0].log()}")
        try:
            for node in self.deployment.nodes:
                if not node.ready():
                    return f"{node.name} is not ready"
            missing = {node.name for node in self.deployment.nodes} - self.members()
            if missing:
                return f"no members: {sorted(missing)}"
            if not self.store_is_whole():
                return "the store is not whole"
            if not self.brokers.in_step():
                return "the brokers are not in step"
        except (OSError, redis_servers.Refused, Failed) as failure:
            return str(failure)
        if not self.watch.is_calm(CALM_SECONDS, self.calm_limit):
            return "clients wait"
        return ""

    def members(self):
        """Names of the processes that renew what they are (docs/redis.md)."""
        key = "settle:{members}"
        if self.kind == "redis":
            number = 1
        elif self.kind == "redis-sentinel":
            number = self.store.master()
        else:
            number = self.store.owner(self.store.slot(key), self.store.running()[0])
        told, now = self.store.ask(number, "HVALS", key), time.time() * 1000
        rows = [row.split(" ", 3) for row in told]
        return {row[2] for row in rows if len(row) > 2 and float(row[0]) > now}

    def store_is_whole(self):
        if self.kind == "redis-sentinel":
            if time.monotonic() > self.struck + self.untouched_seconds:
                self.store.demote()
            return self.store.has_replicas() and self.store.know_all()
        if self.kind == "redis-cluster":
            return all(self.store.is_whole(number) for number in range(1, self.store.count + 1))
        return self.store.serves(1)

    # The end.

    def check(self):
        """Stops the clients, and compares everything that they were told with what is there."""
        self.workload.stop()
        self.workload.replay_all()
        verify(lambda: Client(self.deployment.port), self.workload.ledger, self.findings)

    def end_record(self):
        load, found = self.workload, self.findings
        return {
            "acknowledged": load.total("acknowledged"), "unknown": load.total("unknown"),
            "checkouts_paid": load.total("paid"), "checkouts_rejected": load.total("rejected"),
            "orders": len(load.ledger.orders), "users": len(load.ledger.credit),
            "items": len(load.ledger.stock), "checks": found.checks, "lost": found.lost,
            "contradicted": found.contradicted, "oversold": found.oversold,
            "double_charged": found.double_charged}

    def found_anything(self):
        return bool(self.findings.lost or self.findings.contradicted)

    def keep_logs(self, where):
        """Copies what all processes printed."""
        where.mkdir(parents=True, exist_ok=True)
        for path in self.workplace.directory.glob("*/*.log"):
            shutil.copy(path, where / path.name)
        self.tell(f"logs are in {where}")

    def complaints(self):
        """Lines of settle processes that call for a human, whom no fault of ours may need."""
        found = []
        for node in self.deployment.nodes:
            if node.log_path.exists():
                found += [f"{node.name}: {line}"
                          for line in node.log_path.read_text(errors="replace").splitlines()
                          if "level=critical" in line]
        return found
