#!/usr/bin/env python3
"""Plants each mistake of tests/mutants/mutants.toml in the simulator, which must find it.

usage: tests/mutants/run.py [NAME...]     all by default; REQUIRES: build/sim/simulate, exhaust

Prints a line each: the histories it took, the seconds, and what was noticed. Exit code 1 if one
was not found within its time, or if the simulator knows a mistake that the list says nothing of.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIMULATE = ROOT / "build" / "sim" / "simulate"
EXHAUST = ROOT / "build" / "sim" / "exhaust"
SECONDS = 60  # for each, at most
HISTORIES = 100_000  # more than fit in that time


def known():
    listed = subprocess.run([SIMULATE, "--list-mutations"], check=True, capture_output=True,
                            text=True).stdout
    return [line.split()[0] for line in listed.splitlines()]


def plant(name, options):
    if "world" in options:
        return plant_in_world(name, options["world"])
    command = [SIMULATE, "--mutation", name, "--seeds", f"1..{HISTORIES}", "--jobs", "1",
               "--twice", "0"]
    if "scenario" in options:
        command += ["--scenario", ROOT / "tests" / "scenarios" / f"{options['scenario']}.toml"]
    begin = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, SECONDS, "", f"not found in {SECONDS} s"
    seconds = time.monotonic() - begin
    found = re.search(r"found by seed (\d+) after (\d+) histories: (.*)", done.stdout)
    if found:
        return True, seconds, found[2], found[3]
    # A CHECK of ours noticed it first.
    checked = re.search(r"CHECK failed: (.*)", done.stderr)
    seed = re.search(r"the history of seed (\d+) ended the process", done.stderr)
    if checked and seed:
        return True, seconds, seed[1], "CHECK: " + checked[1]
    return False, seconds, "", (done.stderr or done.stdout).strip()[-200:]


def plant_in_world(name, world):
    """Where no random history shows it: every interleaving of a small world does."""
    begin = time.monotonic()
    try:
        done = subprocess.run([EXHAUST, world, "--mutation", name, "--jobs", "1"], text=True,
                              capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False, SECONDS, "", f"not found in {SECONDS} s"
    seconds = time.monotonic() - begin
    what = re.search(r"^violation in \S+, step \d+: (.*)", done.stdout, re.MULTILINE)
    if done.returncode == 0 and what:
        return True, seconds, "all", f"world {world}: {what[1]}"
    return False, seconds, "", (done.stderr or done.stdout).strip()[-200:]


def main():
    with open(pathlib.Path(__file__).with_name("mutants.toml"), "rb") as file:
        mutants = tomllib.load(file)
    names = sys.argv[1:] or [name for name, about in mutants.items() if "open" not in about]
    missing = [name for name in known() if name not in mutants] if not sys.argv[1:] else []
    for name in missing:
        print(f"{name:<28} is not in tests/mutants/mutants.toml")
    for name in [] if sys.argv[1:] else sorted(set(mutants) - set(names)):
        print(f"{name:<28} open: {mutants[name]['open']}")
    survivors = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [(name, pool.submit(plant, name, mutants[name])) for name in names]
        for name, future in running:
            found, seconds, histories, what = future.result()
            survivors += not found
            print(f"{name:<28} {'found' if found else 'NOT FOUND':<9} {histories:>6} histories "
                  f"{seconds:5.1f} s  {what[:120]}", flush=True)
    print(f"{len(names) - survivors} of {len(names)} mistakes were found")
    return 1 if survivors or missing else 0


if __name__ == "__main__":
    sys.exit(main())
