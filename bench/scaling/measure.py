"""Deployments of several processes under load: rate, latency, and what each process costs."""

import dataclasses
import json
import subprocess
import time

from comparison.load import SETTLE
from comparison.processes import processor_seconds
from processes import Failed, Workplace
from stack import ROLES, Stack, is_ready

SAMPLE_SECONDS = 0.25
READY_SECONDS = 60  # at most
USERS = 100_000
ITEMS = 100_000


@dataclasses.dataclass(frozen=True)
class Deployment:
    title: str
    how: dict | None  # of tests/servers/stack.py; None: OneProcess
    workloads: tuple = ("uniform-256", "hot-256", "uniform-1")
    waiting_orders: int = 0  # how many the store has when the services start
    orders_factor: int = 1  # so that they last


# All but the first: one broker, one Redis, one process a role. Few partitions, since a record costs
# Kafka a request; docs/kafka.md.
RABBITMQ = {"log": "rabbitmq", "partitions": 2}
DEPLOYMENTS = {
    "embedded": Deployment("one process, embedded store", None, orders_factor=3),
    "1": Deployment("Kafka, 1 partition", {"partitions": 1}),
    "2": Deployment("Kafka, 2 partitions (default)", {"partitions": 2}),
    "2-watch": Deployment("Kafka, 2 partitions, `--commit watch`",
                          {"partitions": 2, "commit": "watch"}),
    "2-nginx": Deployment("Kafka, 2 partitions, behind nginx",
                          {"partitions": 2, "no_nginx": False}),
    "4": Deployment("Kafka, 4 partitions", {"partitions": 4}),
    "100": Deployment("Kafka, 100 partitions", {"partitions": 100}),
    "100-wait": Deployment("Kafka, 100 partitions, fetches wait 10 ms", {
        "partitions": 100, "log_options": "fetch.min.bytes=20000&fetch.wait.max.ms=10"}),
    "rabbitmq-1": Deployment("RabbitMQ, 1 partition", {**RABBITMQ, "partitions": 1}),
    "rabbitmq": Deployment("RabbitMQ, 2 partitions (default)", RABBITMQ),
    "rabbitmq-watch": Deployment("RabbitMQ, 2 partitions, `--commit watch`",
                                 {**RABBITMQ, "commit": "watch"}),
    "rabbitmq-nginx": Deployment("RabbitMQ, 2 partitions, behind nginx",
                                 {**RABBITMQ, "no_nginx": False}),
    "ready": Deployment("Kafka, 2 partitions, 1,000,000 orders in Redis", {"partitions": 2}, (),
                        1_000_000),
}
BROKERS = {"kafka": "Kafka", "rabbitmq": "RabbitMQ"}  # as people call them


@dataclasses.dataclass(frozen=True)
class Settings:
    duration_s: float
    warmup_s: float  # of each measurement
    first_warmup_s: float  # of a fresh Kafka, which compiles what it does often
    orders: int


class Campaign:
    """Every run measures each deployment once; `results` may be written at any time."""

    def __init__(self, names, settings, runs, about, save, say):
        self.names, self.settings, self.runs = names, settings, runs
        self.save, self.say = save, say
        self.results = {**about, "runs": runs, "settings": vars(settings), "measurements": [],
                        "deployments": {name: DEPLOYMENTS[name].title for name in names}}
        self.failures = 0

    def run(self):
        for run in range(self.runs):
            first = run % len(self.names)
            for name in self.names[first:] + self.names[:first]:
                try:
                    self._measure(name, run)
                except (Failed, OSError, ValueError) as why:
                    self._note(name, "-", run, {"failed": str(why)})

    def _measure(self, name, run):
        wanted = DEPLOYMENTS[name]
        with Workplace("settle-scale-") as workplace:
            if wanted.how is None:
                stack = OneProcess(workplace)
            else:
                stack = Stack(workplace, long_run=True, **{"no_nginx": True, **wanted.how})
            stack.start()
            if wanted.waiting_orders:
                self._note(name, "ready", run, self._time_start(stack, wanted.waiting_orders))
            orders = wanted.orders_factor * self.settings.orders
            if wanted.workloads and stack.log == "kafka":
                load(stack, wanted.workloads[0], self.settings.first_warmup_s, 1, orders)
            for workload in wanted.workloads:
                found = load(stack, workload, self.settings.warmup_s, self.settings.duration_s,
                             orders)
                self._note(name, workload, run, found)
            if wanted.how is None:
                stack.nodes[0].kill()
                self._note(name, "killed", run, {"ready_s": time_start(stack)})

    def _time_start(self, stack, orders):
        """All services end and start again; the servers stay."""
        load(stack, "uniform-64", 1, 1, orders)
        for node in stack.nodes:
            node.end()
        return {"ready_s": time_start(stack)}

    def _note(self, name, workload, run, found):
        self.results["measurements"].append(
            {"deployment": name, "workload": workload, "run": run, **found})
        self.save(self.results)
        head = f"run {run + 1}/{self.runs}  {DEPLOYMENTS[name].title:<40}  {workload:<12}"
        if "failed" in found:
            self.failures += 1
            self.say(f"{head}  FAILED: {found['failed']}")
        elif "ready_s" in found:
            self.say(f"{head}  ready after {found['ready_s']:.2f} s")
        else:
            self.say(f"{head}  {found['rate_per_s']:>7,.0f}/s  p50 {found['p50_ms']:7.2f} ms  "
                     f"p99 {found['p99_ms']:7.2f} ms  {sum(found['cpu_us'].values()):5.0f} us")


def time_start(stack):
    """Seconds until all services are ready; none of them runs."""
    began = time.monotonic()
    for node in stack.nodes:
        node.launch()
    for node in stack.nodes:
        node.wait_until_ready(READY_SECONDS)
    return time.monotonic() - began


class OneProcess:
    """As Stack, so far as it is measured: all services in one process, with the embedded store."""

    log = nginx = None

    def __init__(self, workplace):
        self.workplace = workplace
        port = workplace.free_port()
        self.url = f"http://127.0.0.1:{port}"
        folder = workplace.folder("settle-1")
        self.nodes = [workplace.server(
            "settle-1", (SETTLE, "serve", "--store", f"embedded:{folder / 'data'}", "--listen",
                         f"127.0.0.1:{port}"), lambda: is_ready("127.0.0.1", port), folder)]

    def start(self):
        self.nodes[0].start()


def groups_of(stack):
    """Process ids by what they are."""
    if isinstance(stack, OneProcess):
        return {"settle": [stack.nodes[0].popen.pid]}
    groups = {role: [] for role in ("gateway", *ROLES)}
    for node in stack.nodes:
        groups[node.name.rpartition("-")[0]].append(node.popen.pid)
    groups[BROKERS[stack.log]] = [node.popen.pid for node in stack.brokers.nodes]
    groups["Redis"] = [node.popen.pid for node in stack.store.nodes]
    if stack.nginx:
        groups["nginx"] = [stack.nginx.popen.pid]
    return groups


def load(stack, workload, warmup_s, duration_s, orders):
    """One run of `settle bench checkout`. `cpu_us`: microseconds of processor time a checkout, by
    kind of process; the generator's own are not among them."""
    kind, _, connections = workload.rpartition("-")
    file = stack.workplace.directory / "load.json"
    file.unlink(missing_ok=True)
    command = [SETTLE, "bench", "checkout", stack.url, "--json", file,
               "--connections", connections, "--duration", duration_s, "--warmup", warmup_s,
               "--orders", orders, "--user-rows", USERS, "--items", 1 if kind == "hot" else ITEMS]
    groups = groups_of(stack)
    samples = []
    log_path = stack.workplace.directory / "load.log"
    with open(log_path, "wb") as log:
        generator = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log)
        try:
            while generator.poll() is None:
                samples.append((time.monotonic(), {
                    name: sum(map(processor_seconds, pids)) for name, pids in groups.items()}))
                try:
                    generator.wait(SAMPLE_SECONDS)
                except subprocess.TimeoutExpired:
                    pass
        finally:
            generator.kill()
            generator.wait()
    if generator.returncode != 0:
        raise Failed(f"the load generator ended with {generator.returncode}:\n"
                     f"{log_path.read_text(errors='replace')[-2000:]}")
    found = json.loads(file.read_text())
    return {"rate_per_s": found["rate_per_s"], "p50_ms": found["latency_us"]["p50"] / 1e3,
            "p99_ms": found["latency_us"]["p99"] / 1e3, "answers": found["answers"],
            "errors": found["errors"], "cpu_us": costs(samples, found)}


def costs(samples, found):
    """The window that was measured is the end of what was sampled."""
    last = samples[-1]
    first = next(s for s in samples if s[0] >= last[0] - found["measured_s"])
    checkouts = found["rate_per_s"] * (last[0] - first[0])
    if checkouts <= 0:
        return {}
    return {name: 1e6 * (used - first[1][name]) / checkouts for name, used in last[1].items()}
