#!/usr/bin/env python3
"""The fault campaign: the whole shop on real servers (Kafka or RabbitMQ, Redis, gateways, workers,
nginx) under clients, and one fault after the other, each when service is back to normal after the
last.

    campaign.py run RESULTS --runs 10              appends to RESULTS, one JSON object a line
    campaign.py run RESULTS --log rabbitmq         Kafka if nothing says so
    campaign.py run RESULTS --design B             RabbitMQ as well
    campaign.py run RESULTS --store redis-sentinel --only 'kill, replica held back' --faults 20
    campaign.py report RESULTS                     over everything in it
    campaign.py report RESULTS --into docs/FAULTS.md

A run is one deployment, chosen at random where no flag says otherwise; at its end everything is
read back and compared with every answer that the clients were given. What was started is ended
whatever happens, at the latest when this program is. Runs may be added to RESULTS at any time, also
by several programs at once."""

import argparse
import json
import os
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from catalogue import FAULTS  # noqa: E402
from report import LOGS, report  # noqa: E402
from stage import Stage  # noqa: E402
from machines import enter_own_network  # noqa: E402
from processes import Failed, exit_on_signals  # noqa: E402

STORES = ("redis", "redis-sentinel", "redis-cluster")
CHOICES = {  # of a run's deployment; the first of a pair is what a flag is called
    "store": STORES, "commit": ("lua", "watch"), "each": (1, 2, 2, 3, 4), "brokers": (1, 3, 3),
    "gateways": (2, 2, 3), "strict_reads": (False, True)}
NOT_AT_RANDOM = {"log": "kafka", "partitions": 4}  # what it is if no flag says otherwise
# Of the reference designs (docs/FAULTS.md). A worker without a partition would not be missed.
DESIGNS = {
    "B": {"log": "rabbitmq", "brokers": 3, "store": "redis-cluster", "each": 10, "gateways": 2,
          "partitions": 10},
    "D": {"log": "rabbitmq", "brokers": 3, "store": "redis-sentinel", "each": 2, "gateways": 2}}
SHOWN_FINDINGS = 5
ODD_SECONDS = 6
REPORT_BEGINS, REPORT_ENDS = "<!-- report -->", "<!-- end of report -->"


class Results:
    """Appends a line at a time, so that nothing is lost when a run is ended."""

    def __init__(self, path):
        self.path = path

    def add(self, record):
        line = (json.dumps(record, separators=(",", ":")) + "\n").encode()
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def tell(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def told(flags):
    return " ".join(f"{name}={value}" for name, value in flags.items())


# Between Redis servers; a gateway and workers on each side. Reads that are not strict may be behind
# while a store is split.
SPLITS = {"splits": True, "store": "redis-sentinel", "gateways": 3, "strict_reads": True}


def choose_flags(source, given):
    given = {**DESIGNS.get(given.get("design"), {}),
             **{name: value for name, value in given.items() if value is not None}}
    flags = {name: given[name] if name in given else source.choice(choices)
             for name, choices in CHOICES.items()}
    flags.update({name: given.get(name, usual) for name, usual in NOT_AT_RANDOM.items()})
    if not given["splits"]:
        return {**flags, "splits": False}
    return {**flags, **SPLITS, "each": min(flags["each"], SPLITS["gateways"])}


def fitting(flags, only):
    found = [fault for fault in FAULTS if fault.fits(flags)
             and (not only or any(word in fault.title for word in only))]
    if not found:
        titles = [fault.title for fault in FAULTS if fault.fits(flags)]
        raise Failed(f"no fault that fits {told(flags)} has {' or '.join(only or ())} in its name; "
                     f"there are: {', '.join(titles)}")
    return found


def random_faults(source, flags, only):
    choices = fitting(flags, only)
    weights = [fault.weight for fault in choices]
    while True:
        yield source.choices(choices, weights)[0]


def run(flags, seed, faults, results, faults_at_most=1000, seconds=600.0, longest_stop=60.0,
        keep=None):
    """One run: `faults` is an iterator. Returns the record of its end, with `faults` in it."""
    run_id = f"{int(time.time())}-{seed}"
    results.add({"type": "run", "run": run_id, "seed": seed, **flags})
    tell(f"run {run_id}: {told(flags)}")
    until, records, ended, fault = time.monotonic() + seconds, [], None, None
    with Stage(flags, seed, longest_stop, tell) as stage:
        calm = stage.calm()
        results.add({"type": "calm", "run": run_id, "machine_load": os.getloadavg()[0], **calm})
        tell(f"  serves; {calm['requests']} requests, {show(calm)}")
        try:
            for number, fault in enumerate(faults, 1):
                if number > faults_at_most or time.monotonic() > until:
                    break
                record = {"type": "fault", "run": run_id, **stage.run(fault)}
                results.add(record)
                records.append(record)
                tell(f"  {number} {fault.title}: {show(record)}")
                if stage.found_anything():
                    break
            stage.check()
        except Failed as failure:
            ended = {"stuck": f"{fault.title if fault else ''}: {failure}"}
        ended = {"type": "end", "run": run_id, **stage.end_record(), **(ended or {}),
                 "complaints": stage.complaints()}
        results.add(ended)
        tell(f"  end: {end_text(ended)}")
        for finding in (ended["lost"] + ended["contradicted"])[:SHOWN_FINDINGS]:
            tell(f"    {finding[:400]}")
        if keep and (stage.found_anything() or "stuck" in ended or ended["complaints"]
                     or any(map(is_odd, records))):
            stage.keep_logs(keep / run_id)
    return {**ended, "faults": records}


def is_odd(record):
    """Clients waited much longer than the fault explains."""
    explained = record.get("replaced_s", 0) + record.get("lasted_s", 0)
    return (record["pause_s"] or 0) > explained + ODD_SECONDS


def show(record):
    parts = [f"pause {record['pause_s']} s"]
    if "replaced_s" in record:
        parts.append(f"replaced after {record['replaced_s']} s")
    if "lasted_s" in record:
        parts.append(f"lasted {record['lasted_s']} s")
    if "back_s" in record:
        parts.append(f"back after {record['back_s']} s")
    if record["errors"]:
        parts.append(f"errors {record['errors']}")
    if record.get("who"):
        parts.append(record["who"])
    return ", ".join(parts)


def end_text(ended):
    return (f"{ended['acknowledged']} answers, {ended['checkouts_paid']} paid, "
            f"{ended['checks']} checks, "
            + ", ".join(f"{len(ended[name])} {name.replace('_', ' ')}"
                        for name in ("lost", "contradicted", "oversold", "double_charged"))
            + (f"; STUCK: {ended['stuck'][:600]}" if "stuck" in ended else "")
            + (f"; {len(ended['complaints'])} complaints" if ended["complaints"] else ""))


def run_all(arguments):
    source = random.Random(arguments.seed)
    given = vars(arguments)
    until, bad = time.monotonic() + arguments.minutes * 60, 0
    for _ in range(arguments.runs):
        left = until - time.monotonic()
        if left < 30:
            break
        seed = source.randrange(2**32)
        choices = random.Random(seed)
        flags = choose_flags(choices, given)
        try:
            fitting(flags, arguments.only)  # before anything is started
            ended = run(flags, seed, random_faults(choices, flags, arguments.only),
                        Results(arguments.results), arguments.faults, min(arguments.seconds, left),
                        arguments.longest_stop, arguments.keep)
            bad += bool(ended["lost"] or ended["contradicted"] or "stuck" in ended)
        except Failed as failure:  # at the start, where nothing was asked yet
            tell(f"  {failure}")
            bad += 1
    return 1 if bad else 0


def put_into(path, text):
    before, rest = path.read_text().split(REPORT_BEGINS)
    after = rest.split(REPORT_ENDS)[1]
    path.write_text(f"{before}{REPORT_BEGINS}\n{text}\n{REPORT_ENDS}{after}")


def parse():
    parser = argparse.ArgumentParser(
        prog="tests/faults/campaign.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("run", help="make runs")
    runs.add_argument("results", type=pathlib.Path)
    runs.add_argument("--runs", type=int, default=1)
    runs.add_argument("--faults", type=int, default=40, help="of a run, at most")
    runs.add_argument("--seconds", type=float, default=600, help="of a run's faults, at most")
    runs.add_argument("--minutes", type=float, default=600, help="of all runs, at most")
    runs.add_argument("--seed", type=int, default=None)
    runs.add_argument("--only", action="append", metavar="TEXT",
                      help="faults that have this in their name, as in the report; repeatable")
    runs.add_argument("--longest-stop", type=float, default=60, metavar="SECONDS")
    runs.add_argument("--keep", type=pathlib.Path, metavar="DIRECTORY",
                      help="where logs are kept if anything was found, or a pause was odd")
    runs.add_argument("--design", choices=DESIGNS,
                      help="what is started, as in this reference design, but for what other flags "
                           "say: " + "; ".join(f"{name}: {told(flags)}"
                                               for name, flags in DESIGNS.items()))
    runs.add_argument("--log", choices=LOGS,
                      help=f"{NOT_AT_RANDOM['log']} if neither this nor --design says")
    runs.add_argument("--store", choices=STORES)
    runs.add_argument("--commit", choices=CHOICES["commit"])
    runs.add_argument("--each", type=int, help="workers of each role")
    runs.add_argument("--gateways", type=int)
    runs.add_argument("--brokers", type=int, choices=(1, 3))
    runs.add_argument("--partitions", type=int,
                      help=f"of each role; {NOT_AT_RANDOM['partitions']} if neither this nor "
                           "--design says")
    runs.add_argument("--strict-reads", action=argparse.BooleanOptionalAction)
    runs.add_argument("--splits", action="store_true",
                      help="with splits of the network, in namespaces of its own: takes root; "
                           "always Sentinel, 3 gateways and strict reads")
    reports = verbs.add_parser("report", help="tell what is in the results")
    reports.add_argument("results", type=pathlib.Path, nargs="+")
    reports.add_argument("--into", type=pathlib.Path, metavar="FILE",
                         help="replaces what is there between the lines of the report")
    arguments = parser.parse_args()
    if arguments.verb == "run" and arguments.splits and arguments.design:
        parser.error("--splits has a design of its own")
    return arguments


def main():
    arguments = parse()
    if arguments.verb == "report":
        lines = [line for path in arguments.results for line in path.read_text().splitlines()]
        text, good = report([json.loads(line) for line in lines if line])
        if arguments.into:
            put_into(arguments.into, text)
        else:
            print(text)
        return 0 if good else 1
    if arguments.splits:
        enter_own_network()
    exit_on_signals()
    if arguments.seed is None:
        arguments.seed = random.randrange(2**32)
    tell(f"seed {arguments.seed}")
    try:
        return run_all(arguments)
    except Failed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 99


if __name__ == "__main__":
    sys.exit(main())
