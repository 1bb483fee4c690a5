#!/usr/bin/env python3
"""Runs clang-tidy over all that build/release compiles, and what only build/sim does, on each core.

What is compiled together (cmake's unity builds) is looked at together: most of the time goes into
the headers of libraries. A unit that was clean once is not looked at again until it, what it
includes of ours (however deep), its compile command or .clang-tidy changes. With names of sources,
lints only the units that they are in.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "lint"
TIDY = "clang-tidy-16"
UNIT_SECONDS = 120  # at most; they take 2 to 30
TRIES = 3
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def clang_command(entry):
    """The compile command without what only the compiler of the build understands."""
    kept, skip = [], False
    for word in shlex.split(entry["command"]):
        if skip or word == "-Winvalid-pch":
            skip = False
        elif word == "-include":  # precompiled headers: every source includes what it uses
            skip = True
        elif not word.startswith(("-W", "--param")):  # warnings are the build's business
            kept.append(word)
    return kept


def with_headers(source):
    """`source` and every file of ours that it includes."""
    seen, todo = set(), [source]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in INCLUDE.findall(path.read_text(encoding="utf-8")):
            todo += [p for p in (path.parent / name, ROOT / "src" / name) if p.is_file()][:1]
    return sorted(p.resolve() for p in seen)


def sources_of(unit):
    """The sources that are compiled as `unit`: itself, or what cmake made it include."""
    if unit.suffix != ".cxx":
        return [unit]
    return [pathlib.Path(name) for name in INCLUDE.findall(unit.read_text(encoding="utf-8"))]


def digest(unit, command, common):
    state = hashlib.sha256(common + json.dumps(command).encode())
    for path in with_headers(unit):
        state.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return state.hexdigest()


def lint(unit, sources, tries=TRIES):
    """Returns (seconds, report); an empty report is a clean unit. What takes too long is tried again:
    how long clang-tidy follows the paths through a function depends on where its memory is."""
    start = time.monotonic()
    # A test may take what it expects to be there, and stops where it is not.
    is_test = all(s.endswith("_test.cpp") or s.startswith("tests/") for s in sources)
    checks = ["--checks=-bugprone-unchecked-optional-access"] if is_test else []
    try:
        done = subprocess.run([TIDY, "--quiet", "-p", str(WORK), *checks, unit], cwd=ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=UNIT_SECONDS)
    except subprocess.TimeoutExpired:
        if tries > 1:
            return lint(unit, sources, tries - 1)
        return UNIT_SECONDS, (f"not finished after {UNIT_SECONDS} s. Some checks follow all paths "
                              "through a function: look for one with optional values in loops.")
    report = "" if done.returncode == 0 else f"{done.stdout}{done.stderr}exit {done.returncode}"
    return time.monotonic() - start, report


def units_of(preset):
    """The compile commands of a build: (command, names of the sources) by unit."""
    units = {}
    for entry in json.loads((ROOT / "build" / preset / "compile_commands.json").read_text()):
        unit = pathlib.Path(entry["file"])
        if unit.is_file():
            names = tuple(os.path.relpath(source, ROOT) for source in sources_of(unit))
            units[entry["file"]] = (entry, names)
    return units


def main():
    only = {os.path.relpath(pathlib.Path.cwd() / name, ROOT) for name in sys.argv[1:]}
    units = units_of("release")
    seen = {source for _, sources in units.values() for source in sources}
    of_sim = {unit: of for unit, of in units_of("sim").items() if not seen.issuperset(of[1])}
    seen |= {source for _, sources in of_sim.values() for source in sources}
    if not units or not of_sim or only - seen:
        print("nothing to lint, or in neither build:", *sorted(only - seen))
        return 1
    units |= of_sim
    database = [{"directory": e["directory"], "file": e["file"], "arguments": clang_command(e)}
                for e, _ in units.values()]
    clean = WORK / "clean"
    clean.mkdir(parents=True, exist_ok=True)
    (WORK / "compile_commands.json").write_text(json.dumps(database))
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    common = version + pathlib.Path(__file__).read_bytes() + (ROOT / ".clang-tidy").read_bytes()
    marks = {e["file"]: clean / digest(pathlib.Path(e["file"]), e["arguments"], common)
             for e in database}

    todo = [u for u in marks if not marks[u].exists() and (not only or only & set(units[u][1]))]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(lint, u, units[u][1]): u for u in todo}
        for job in concurrent.futures.as_completed(jobs):
            unit = jobs[job]
            seconds, report = job.result()
            verdict = "FAILED" if report else "clean"
            print(f"{verdict} {seconds:6.1f} s ", *units[unit][1], flush=True)
            if report:
                failed += 1
                print(report, flush=True)
            else:
                marks[unit].touch()
    for mark in set(clean.iterdir()) - set(marks.values()):
        mark.unlink()
    print(f"{len(seen)} sources in {len(marks)} units, {len(todo)} looked at, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
