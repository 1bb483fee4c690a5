"""One measurement: a workload at one system, and what came out of it."""

import dataclasses
import json
import os
import pathlib
import subprocess

from .processes import Failed

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
SETTLE = pathlib.Path(os.environ.get("SETTLE_PROGRAM", BUILD / "settle")).absolute()
SETUP_SECONDS = 600  # at most
KEPT = ("rate_per_s", "latency_us", "answers", "errors", "orders", "measured_s", "setup_s",
        "ran_out_of_orders", "generator_cores", "generator_is_the_bottleneck")
VERIFY_SECONDS = 600  # at most
ZIPF_THETA = 1.1
THINK_SECONDS = 1
CONNECTING_SECONDS = 4  # besides the warm-up, for all of the users


@dataclasses.dataclass(frozen=True)
class Workload:
    """`kind`: `noop` (a GET that needs no data), `uniform` (two random items an order), `hot`
    (there is one item, and everybody buys it), `zipf` (few items are bought often), `paced`
    (uniform, but `rate` are sent a second, whatever the answers do), `users` (uniform, by as many
    users as there are connections, who think between their requests), `sync` (a record that the
    disk keeps) or `verify` (no load: whether the answers are true)."""
    kind: str
    connections: int
    rate: int = 0

    @property
    def key(self):
        return f"{self.kind}-{self.rate or self.connections}"


VERIFY = Workload("verify", 64)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What holds for a whole comparison."""
    duration_s: float
    warmup_s: float
    orders: int
    peer_zipf_orders: int  # which are created one by one in PostgreSQL
    slow_orders: int  # of the naive shop
    slow_zipf_orders: int
    items: int
    users: int
    thinking: int  # users who think
    verified: int  # orders, and users, of each scenario of `settle verify`


def shop_workloads(connections, noop, rates):
    """What a shop is measured with: `noop` connections without data, and so on."""
    most = max(connections)
    all_of_them = [Workload("noop", n) for n in noop]
    all_of_them += [Workload("uniform", n) for n in connections] + [Workload("hot", most)]
    all_of_them.append(Workload("zipf", most))
    all_of_them += [Workload("paced", most, rate) for rate in rates]
    return all_of_them + [VERIFY]


def checkout_load(workplace, settings, url, workload, servers, orders=0):
    """Runs `settle bench checkout` against `url`; the dictionary goes to the results as it is."""
    file = workplace.directory / "load.json"
    file.unlink(missing_ok=True)
    warmup_s = settings.warmup_s
    if workload.kind == "users":
        warmup_s += CONNECTING_SECONDS
        users = ["--users", workload.connections, "--think", THINK_SECONDS]
    else:
        users = ["--connections", workload.connections]
    command = [SETTLE, "bench", "checkout", url, "--json", file, *users,
               "--duration", settings.duration_s, "--warmup", warmup_s]
    if workload.kind == "noop":
        command += ["--path", "/livez"]
    else:
        command += ["--orders", orders, "--user-rows", settings.users,
                    "--items", 1 if workload.kind == "hot" else settings.items]
    if workload.rate:
        command += ["--rate", workload.rate]
    if workload.kind == "zipf":
        command += ["--zipf", ZIPF_THETA]
    timeout_s = SETUP_SECONDS + warmup_s + settings.duration_s + 120
    _, samples = workplace.run("load", command, timeout_s, watched=servers)
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError) as failure:
        raise Failed(f"the load generator left no figures: {failure}") from failure
    return {**{name: found[name] for name in KEPT},
            **processor_use(samples, settings.duration_s, found["rate_per_s"]),
            "remarks": remarks(found)}


def verify(workplace, settings, url):
    """Runs `settle verify`: checkouts at the same time, then everything is read back."""
    file = workplace.directory / "verify.json"
    file.unlink(missing_ok=True)
    workplace.run("verify", [
        SETTLE, "verify", url, "--no-keys", "--connections", VERIFY.connections,
        "--orders", settings.verified, "--users", settings.verified, "--json", file],
        VERIFY_SECONDS, accepted=(0, 1))
    found = json.loads(file.read_text())
    return {"differences": found["difference_count"], "unknown": found["unknown"],
            "checkouts": sum(each["checkouts"] for each in found["scenarios"]),
            "seed": found["seed"], "remarks": []}


def processor_use(samples, duration_s, rate_per_s):
    """Cores that were busy in the measured window, which is the end of what was sampled."""
    if not samples:
        return {}
    last = samples[-1]
    window = [s for s in samples if s.at >= last.at - duration_s]
    first = window[0]
    seconds = last.at - first.at
    if seconds < min(1.0, duration_s / 2):
        return {}
    servers = (last.servers - first.servers) / seconds
    load = (last.load - first.load) / seconds
    machine = (last.machine - first.machine) / seconds
    return {"server_cores": servers, "load_cores": load,
            "other_cores": max(0.0, machine - servers - load),
            "stolen_cores": (last.stolen - first.stolen) / seconds,
            "server_us_per_request": servers * 1e6 / rate_per_s if rate_per_s else None}


def remarks(found):
    """What a reader must know of a measurement besides its figures."""
    said = []
    refused = {status: n for status, n in found["answers"].items() if status != "200"}
    if refused:
        said.append("answers that were not 200: " +
                    ", ".join(f"{n} x {status}" for status, n in sorted(refused.items())))
    if found["errors"]:
        said.append("requests without an answer: " +
                    ", ".join(f"{n} x {why}" for why, n in sorted(found["errors"].items())))
    if found.get("ran_out_of_orders"):
        said.append(f"all orders were checked out after {found['measured_s']:.1f} s of measuring")
    if found.get("generator_is_the_bottleneck"):
        said.append("the load generator is the bottleneck")
    return said
