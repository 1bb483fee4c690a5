#!/usr/bin/env python3
"""Kills the program (SIGKILL) at random moments under load, restarts it, and checks that every
answer it ever gave is still true:  python3 tests/faults/crash.py --kills 50"""

import argparse
import json
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ledger import Findings, verify  # noqa: E402
from settle_process import SettleProcess  # noqa: E402
from shop import Shop  # noqa: E402
from workload import Workload  # noqa: E402

LIFE_SECONDS = (0.05, 1.0)  # from the first answer to the next kill
KILLED_WHILE_STARTING = 0.2  # share of the kills that are followed by one during recovery
SHOWN_FINDINGS = 10


def crash(kills, seed, threads=8, progress=lambda done: None):
    """Returns the report as a dictionary; `lost` and `contradicted` must be empty."""
    source, findings, restart_ms = random.Random(seed), Findings(), []
    with SettleProcess() as process:
        workload = Workload(process.port, findings, seed, threads)
        workload.start()
        try:
            for done in range(kills):
                time.sleep(source.uniform(*LIFE_SECONDS))
                process.kill9()
                if source.random() < KILLED_WHILE_STARTING:
                    process.launch()
                    time.sleep(source.uniform(0, 0.2))
                    process.kill9()
                process.start()
                restart_ms.append(process.ready_seconds * 1000)
                progress(done + 1)
        finally:
            workload.stopping.set()
        workload.stop()
        process.kill9()
        process.start()
        workload.replay_all()
        verify(lambda: Shop(process.port), workload.ledger, findings)
    return {
        "kills": kills, "seed": seed, "threads": threads,
        "acknowledged": workload.total("acknowledged"),
        "unknown_then_resolved": workload.total("unknown"),
        "checkouts_paid": workload.total("paid"), "checkouts_rejected": workload.total("rejected"),
        "orders": len(workload.ledger.orders), "users": len(workload.ledger.credit),
        "items": len(workload.ledger.stock), "checks": findings.checks,
        "restart_ms_median": round(statistics.median(restart_ms), 1) if restart_ms else None,
        "restart_ms_max": round(max(restart_ms), 1) if restart_ms else None,
        "lost": findings.lost, "contradicted": findings.contradicted}


def table(report):
    rows = [(name.replace("_", " "), len(value) if isinstance(value, list) else value)
            for name, value in report.items()]
    return "\n".join(f"{name:24}{value:>12}" for name, value in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.randrange(2**32)

    def progress(done):
        end = "\r" if sys.stderr.isatty() and done < arguments.kills else "\n"
        if end == "\r" or done % 10 == 0 or done == arguments.kills:
            print(f"{done} of {arguments.kills} kills", end=end, file=sys.stderr, flush=True)

    report = crash(arguments.kills, seed, arguments.threads, progress)
    print(table(report))
    for finding in (report["lost"] + report["contradicted"])[:SHOWN_FINDINGS]:
        print(finding)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(report, indent=2) + "\n")
    return 1 if report["lost"] or report["contradicted"] else 0


if __name__ == "__main__":
    sys.exit(main())
