"""One PostgreSQL with the whole checkout in one function: driven by pgbench, and over HTTP."""

import dataclasses
import os
import pathlib
import pwd
import re
import signal
import time

from . import load
from .load import Workload
from .processes import START_SECONDS, Failed

HERE = load.ROOT / "bench" / "postgres"
LOG = "pgbench-log"
LONGEST_HOME = 107 - len("/.s.PGSQL.12345")  # what the name of a Unix socket may have
POOLS = (8, 16, 32, 64)
CLIENTS = (16, 32, 64, 128)

CONFIGURATION = {
    "listen_addresses": "",  # a Unix socket costs less than TCP
    "max_connections": "400",
    "shared_buffers": "1GB",
    "huge_pages": "try",
    "wal_buffers": "64MB",
    "max_wal_size": "16GB",  # no checkpoint falls into a measurement
    "min_wal_size": "4GB",  # segments are recycled, not created
    "checkpoint_timeout": "1h",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "update_process_title": "off",
}


def program(name):
    """Debian keeps the server's programs out of the path, by version."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                   key=lambda p: int(p.parts[4]))
    if not found:
        raise Failed(f"there is no {name} below /usr/lib/postgresql: install postgresql")
    return found[-1]


def unprivileged():
    """PostgreSQL refuses to run as root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """A PostgreSQL on fresh data, with the shop's tables and functions in it."""

    def __init__(self, workplace):
        self.workplace = workplace
        user = unprivileged()
        self.home = workplace.folder("postgres", user)
        self.port = workplace.free_port()
        if len(str(self.home)) > LONGEST_HOME:
            raise Failed(f"{self.home} is too long a path for a Unix socket: choose a shorter "
                         "--scratch")
        data = self.home / "data"
        workplace.run("initdb", [
            program("initdb"), "--pgdata", data, "--username", "shop", "--auth", "trust",
            "--locale", "C", "--encoding", "UTF8", "--no-instructions"], 120, user=user,
            cwd=self.home)
        lines = [f"{name} = '{value}'" for name, value in CONFIGURATION.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{self.home}'"]
        with open(data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        self.process = workplace.start("postgres", [program("postgres"), "-D", data], user=user,
                                       cwd=self.home, stop_signal=signal.SIGINT)
        self._wait()
        self.sql("--file", HERE / "shop.sql")

    def arguments(self):
        return ["--host", self.home, "--port", self.port, "--username", "shop"]

    def where(self):
        return f"host={self.home} port={self.port} user=shop dbname=postgres"

    def sql(self, *arguments, timeout_s=load.SETUP_SECONDS):
        """Runs psql; its output."""
        return self.workplace.run("psql", [
            program("psql"), *self.arguments(), "--dbname", "postgres", "--no-psqlrc", "--quiet",
            "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1", *arguments], timeout_s)[0]

    def checkpoint(self):
        """The next data is then written after the last checkpoint, so that its pages need not be
        logged whole again when they are changed; and old segments of the log are recycled."""
        self.sql("--command", "CHECKPOINT")

    def _wait(self):
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.workplace.run("pg_isready", [program("pg_isready"), "--quiet",
                                                  *self.arguments()], 10)
                return
            except Failed:
                if not self.process.is_running() or time.monotonic() > until:
                    raise Failed(f"PostgreSQL does not start:\n{self.process.log()}") from None
                time.sleep(0.1)


ABOUT_SERVER = (
    "Debian's PostgreSQL, fresh data directory, the whole checkout one PL/pgSQL function "
    "(bench/postgres/shop.sql), hence one transaction; rows locked in one order, the items last "
    "and by id; primary keys are all its indexes; `VACUUM (ANALYZE)` after filling, `CHECKPOINT` "
    "before it. Settings that are not the default: " +
    ", ".join(f"`{name}={value or chr(39) * 2}`" for name, value in CONFIGURATION.items()) + ".")


class PostgresHttp:
    key = "postgres-http"
    title = "PostgreSQL behind HTTP"
    about = (
        "The PostgreSQL below, behind a front of one thread (bench/postgres/front.cpp) that has "
        "the HTTP server, routes and answers of Settle and calls the functions by prepared "
        "statements over asynchronous libpq on a Unix socket; as many connections to the database "
        "as measured best in a short trial. What the front costs is the difference to pgbench, "
        "and its own `/livez` is measured too.")

    def __init__(self, settings, tuned):
        self.settings = settings
        self.pool = tuned.get("pool", 64)

    def workloads(self, connections):
        return load.shop_workloads(connections, noop=(max(connections),), rates=(200, 2000))

    def start(self, workplace):
        self.workplace = workplace
        self.server = Server(workplace)
        port = workplace.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.front = workplace.start("postgres-front", [
            load.BUILD / "bench" / "postgres_front", "--listen", f"127.0.0.1:{port}",
            "--database", self.server.where(), "--connections", self.pool])
        workplace.wait_for(self.front, self.url + "/livez")

    def measure(self, workload):
        if workload == load.VERIFY:
            return load.verify(self.workplace, self.settings, self.url)
        self.server.checkpoint()
        s = self.settings
        return load.checkout_load(self.workplace, s, self.url, workload,
                                  [self.front, self.server.process],
                                  s.peer_zipf_orders if workload.kind == "zipf" else s.orders)


class PostgresDirect:
    key = "postgres-direct"
    title = "PostgreSQL, pgbench"
    about = ABOUT_SERVER + (
        " Driven by pgbench with prepared statements over a Unix socket, one thread, no order "
        "twice. It is measured with as many clients as measured best in a short trial, too.")

    def __init__(self, settings, tuned):
        self.settings = settings
        self.best = tuned.get("clients")

    def workloads(self, connections):
        best = {self.best} if self.best else set()
        return ([Workload("uniform", n) for n in sorted({*connections, *best}, reverse=True)] +
                [Workload("hot", n) for n in sorted({max(connections), *best}, reverse=True)])

    def start(self, workplace):
        self.workplace = workplace
        self.server = Server(workplace)

    def measure(self, workload):
        began = time.monotonic()
        self._fill(1 if workload.kind == "hot" else self.settings.items)
        setup_s = time.monotonic() - began
        text, samples = self._pgbench(workload.connections)
        took = self._window()
        rate = len(took) / self.settings.duration_s
        failed = int(re.search(r"^number of failed transactions: (\d+)", text, re.MULTILINE)[1])
        return {"rate_per_s": rate, "latency_us": quantiles(took), "setup_s": setup_s,
                "measured_s": self.settings.duration_s, "orders": self.settings.orders,
                **load.processor_use(samples, self.settings.duration_s, rate),
                "remarks": [f"{failed} transactions failed"] if failed else []}

    def _fill(self, items):
        s = self.settings
        self.server.checkpoint()
        self.server.sql("--command", f"SELECT init_items({items}, 1000000000, 1)",
                        "--command", f"SELECT init_users({s.users}, 1000000000)",
                        "--command", f"SELECT init_orders({s.orders}, {items}, {s.users}, 1)",
                        "--command", "VACUUM (ANALYZE) orders, order_lines, items, users")

    def _pgbench(self, clients):
        """Its clock may run while it connects: hence some more seconds."""
        seconds = round(self.settings.warmup_s + self.settings.duration_s + 1 + clients / 50)
        for log in self.workplace.directory.glob(LOG + "*"):
            log.unlink()
        return self.workplace.run("pgbench", [
            program("pgbench"), *self.server.arguments(), "--no-vacuum", "--protocol", "prepared",
            "--client", clients, "--time", seconds, "--define", f"clients={clients}",
            "--define", "next=0", "--file", HERE / "checkout.pgbench", "--log",
            "--log-prefix", LOG, "postgres"], seconds + 120, watched=[self.server.process])

    def _window(self):
        """What the transactions of the measured window took, in microseconds: the window is the
        end of the run, so that connections and plans are there."""
        done = []
        for log in self.workplace.directory.glob(LOG + "*"):
            for line in log.read_text().splitlines():
                _, _, took, _, seconds, microseconds = map(int, line.split())
                done.append((seconds + microseconds / 1e6, took))
        end = max(done, default=(0, 0))[0]
        begin = end - self.settings.duration_s
        if not done or min(done)[0] > begin:
            raise Failed(f"pgbench logged no {self.settings.duration_s:g} s of transactions")
        return [took for at, took in done if at > begin]


def quantiles(values):
    ordered = sorted(values)
    return {name: ordered[int(fraction * (len(ordered) - 1))] for name, fraction in
            (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1))}


def tune(workplace, settings, say):
    """Short trials: how many connections suit PostgreSQL best here, direct and over HTTP."""
    settings = dataclasses.replace(settings, duration_s=min(4, settings.duration_s), warmup_s=1,
                                   orders=min(200_000, settings.orders))
    direct = [(clients, _trial(PostgresDirect(settings, {}), workplace,
                               Workload("uniform", clients))) for clients in CLIENTS]
    say("pgbench: " + _listed(direct, "clients"))
    pools = [(pool, _trial(PostgresHttp(settings, {"pool": pool}), workplace,
                           Workload("uniform", 256))) for pool in POOLS]
    say("front: " + _listed(pools, "connections"))
    return {"clients": max(direct, key=lambda trial: trial[1])[0],
            "pool": max(pools, key=lambda trial: trial[1])[0],
            "clients_trials": direct, "pool_trials": pools}


def _trial(system, workplace, workload):
    try:
        system.start(workplace)
        return system.measure(workload)["rate_per_s"]
    finally:
        workplace.clear()


def _listed(trials, noun):
    return ", ".join(f"{value} {noun} {rate:,.0f}/s" for value, rate in trials)
