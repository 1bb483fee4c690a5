#!/usr/bin/env python3
"""Runs clang-tidy over every source of build/release, and those that only build/sim has, one on
each core.

A source that was clean once is not looked at again until it, a header of ours that it includes
(however deep), its compile command or .clang-tidy changes. With names, lints only those files.
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
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def clang_command(entry):
    """The compile command without what only the compiler of the build understands."""
    kept, skip = [], False
    for word in shlex.split(entry["command"]):
        if skip or word == "-Winvalid-pch":
            skip = False
        elif word == "-include":  # precompiled headers: every source includes what it uses
            skip = True
        elif not word.startswith("-W"):  # warnings are the build's business
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


def digest(source, command, common):
    state = hashlib.sha256(common + json.dumps(command).encode())
    for path in with_headers(source):
        state.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return state.hexdigest()


def lint(source):
    """Returns (seconds, report); an empty report is a clean source."""
    start = time.monotonic()
    # A test may take what it expects to be there, and stops where it is not.
    is_test = source.endswith("_test.cpp") or source.startswith(f"{ROOT}/tests/")
    checks = ["--checks=-bugprone-unchecked-optional-access"] if is_test else []
    done = subprocess.run([TIDY, "--quiet", "-p", str(WORK), *checks, source], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    report = "" if done.returncode == 0 else f"{done.stdout}{done.stderr}exit {done.returncode}"
    return time.monotonic() - start, report


def entries_of(preset):
    """The compile commands of a build, by source."""
    entries = json.loads((ROOT / "build" / preset / "compile_commands.json").read_text())
    return {e["file"]: e for e in entries if e["file"].endswith(".cpp")
            and pathlib.Path(e["file"]).is_file()}


def main():
    only = {str((pathlib.Path.cwd() / name).resolve()) for name in sys.argv[1:]}
    entries = entries_of("release")
    of_sim = {f: e for f, e in entries_of("sim").items()
              if f not in entries and not f.startswith(f"{ROOT}/build/")}
    if not entries or not of_sim or only - {*entries, *of_sim}:
        print("nothing to lint, or in neither build:", *sorted(only - {*entries, *of_sim}))
        return 1
    entries |= of_sim
    database = [{"directory": e["directory"], "file": e["file"], "arguments": clang_command(e)}
                for e in entries.values()]
    clean = WORK / "clean"
    clean.mkdir(parents=True, exist_ok=True)
    (WORK / "compile_commands.json").write_text(json.dumps(database))
    version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
    common = version + pathlib.Path(__file__).read_bytes() + (ROOT / ".clang-tidy").read_bytes()
    marks = {e["file"]: clean / digest(pathlib.Path(e["file"]), e["arguments"], common)
             for e in database}

    todo = [f for f in marks if not marks[f].exists() and (not only or f in only)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(lint, f): f for f in todo}
        for job in concurrent.futures.as_completed(jobs):
            file = jobs[job]
            seconds, report = job.result()
            verdict = "FAILED" if report else "clean"
            print(f"{verdict} {seconds:6.1f} s  {os.path.relpath(file, ROOT)}", flush=True)
            if report:
                failed += 1
                print(report, flush=True)
            else:
                marks[file].touch()
    for mark in set(clean.iterdir()) - set(marks.values()):
        mark.unlink()
    print(f"{len(marks)} sources, {len(todo)} looked at, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
