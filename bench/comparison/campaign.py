"""Which system is measured when: every run begins with another one, so that what changes slowly
on the machine does not favour anybody. Results are written after each measurement."""

import json
import os
import signal
import time

from . import machine, postgres
from .bare import BareHttp, Fdatasync
from .naive import Naive
from .postgres import PostgresDirect, PostgresHttp
from .processes import Failed, Workplace
from .settle import Settle

SYSTEMS = {each.key: each for each in
           (Settle, PostgresHttp, PostgresDirect, Naive, BareHttp, Fdatasync)}


class Campaign:
    """REQUIRES: `names` are keys of SYSTEMS. `results` may be read at any time."""

    def __init__(self, names, settings, runs, connections, quick, command, say):
        self.names, self.settings, self.runs = names, settings, runs
        self.connections, self.say = connections, say
        self.failures = 0
        self.results = {
            "command": command, "quick": quick, "runs": runs,
            "settings": vars(settings), "connections": list(connections),
            "machine": {}, "tuning": {}, "measurements": [],
            "systems": {name: {"title": SYSTEMS[name].title, "about": SYSTEMS[name].about}
                        for name in names}}
        self._done = self._total = 0

    def run(self, scratch, save, tune):
        """Measures everything; `save(results)` is called after each step."""
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, interrupt)
        with Workplace(scratch) as workplace:
            self.results["machine"] = machine.describe(workplace.directory)
            if tune and any(name.startswith("postgres") for name in self.names):
                self.say("trying how many connections suit PostgreSQL (some two minutes)")
                self.results["tuning"] = postgres.tune(workplace, self.settings, self.say)
                save(self.results)
            systems = [SYSTEMS[name](self.settings, self.results["tuning"])
                       for name in self.names]
            self._total = self.runs * sum(len(self._workloads(s)) for s in systems)
            self._began = time.monotonic()
            for run in range(self.runs):
                first = run % len(systems)
                for system in systems[first:] + systems[:first]:
                    self._measure_system(workplace, system, run, save)

    def _workloads(self, system):
        return system.workloads(self.connections)

    def _measure_system(self, workplace, system, run, save):
        workloads = self._workloads(system)
        os.sync()
        try:
            try:
                system.start(workplace)
            except (Failed, OSError) as why:
                for workload in workloads:
                    self._note(system, workload, run, {"failed": f"did not start: {why}"}, save)
                return
            for workload in workloads:
                try:
                    found = system.measure(workload)
                except (Failed, OSError, ValueError) as why:
                    found = {"failed": str(why)}
                self._note(system, workload, run, found, save)
        finally:
            workplace.clear()

    def _note(self, system, workload, run, found, save):
        self._done += 1
        self.results["measurements"].append(
            {"system": system.key, "workload": workload.key, "kind": workload.kind,
             "connections": workload.connections, "run": run, **found})
        save(self.results)
        passed = time.monotonic() - self._began
        left = passed / self._done * (self._total - self._done)
        head = f"run {run + 1}/{self.runs}  {system.key:<15}  {workload.key:<11}"
        if "failed" in found:
            self.failures += 1
            self.say(f"{head}  FAILED: {found['failed']}")
            return
        notes = "".join(f"  ({remark})" for remark in found["remarks"])
        self.say(f"{head}  {outcome(found)}  about {left / 60:.0f} min left{notes}")


def outcome(found):
    if "differences" in found:
        return f"{found['differences']:,} differences in {found['checkouts']:,} checkouts"
    latency = found["latency_us"]
    return (f"{found['rate_per_s']:>9,.0f}/s  p50 {latency['p50'] / 1000:8.2f} ms  "
            f"p99 {latency['p99'] / 1000:8.2f} ms")


def interrupt(number, _frame):
    raise KeyboardInterrupt(signal.Signals(number).name)


def read(file):
    with open(file, encoding="utf-8") as text:
        return json.load(text)


def write(file, results):
    """In one step, so that a stop in the middle leaves the older figures."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    part.replace(file)
