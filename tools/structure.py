#!/usr/bin/env python3
"""Checks what the tree promises: dependencies point one way, files fit a head.

Prints one line a finding, `file:line: what`, and exits with 1 if there is any.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# A folder of src/ may include from itself and from folders of a lower rank.
RANK = {
    "base": 0,
    "core": 1,
    "ports": 2,
    "telemetry": 2,
    "adapters": 3,
    "engine": 4,
    "gateway": 5,
    "cli": 6,
    "sim": 6,
}
# What adapters of one kind share.
SHARED = ("adapters", "broker")
SOURCE_LINES = 500
HEADER_LINES = 150
COLUMNS = 100
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
# The lambda is gone when the coroutine resumes, and what it captured with it.
CAPTURING_COROUTINE = re.compile(r"\[[^\[\]]+\]\s*\([^()]*\)[^;{}]*->\s*[\w:]*awaitable\b")


def part(path):
    """The folder whose arrows count: each adapter is one of its own."""
    return path.parts[:2] if path.parts[0] == "adapters" and len(path.parts) > 2 else path.parts[:1]


def wrong_arrow(source, included):
    """Why `source` may not include `included` (both relative to src/), or None."""
    ours, theirs = part(source), part(included)
    if ours == theirs or (theirs == SHARED and ours[0] == "adapters"):
        return None
    if source.stem.endswith("_test") and ours[0] == theirs[0]:
        return None
    if RANK[theirs[0]] < RANK[ours[0]]:
        return None
    return f"{'/'.join(ours)} must not depend on {'/'.join(theirs)}"


def check(path):
    """Yields (line, what) for each finding in one file."""
    whole = (ROOT / path).read_text(encoding="utf-8")
    text = whole.splitlines()
    is_test = path.parts[0] == "tests" or path.stem.endswith("_test")
    limit = HEADER_LINES if path.suffix == ".hpp" else SOURCE_LINES
    if not is_test and len(text) > limit:
        yield len(text), f"{len(text)} lines, at most {limit}"
    for match in CAPTURING_COROUTINE.finditer(whole):
        if "&" in match[0].split("]")[0] or "this" in match[0].split("]")[0]:
            line = whole.count("\n", 0, match.start()) + 1
            yield line, "a coroutine lambda captures a reference: pass it as an argument"
    in_src = path.parts[0] == "src" and len(path.parts) > 2
    if in_src and path.parts[1] not in RANK:
        yield 1, f"src/{path.parts[1]} has no rank in tools/structure.py"
        return
    for number, line in enumerate(text, 1):
        if len(line) > COLUMNS:
            yield number, f"{len(line)} columns, at most {COLUMNS}"
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        included = pathlib.PurePosixPath(name)
        ours = (ROOT / "src" / included).is_file() and included.parts[0] in RANK
        if quote == '"' and not ours and path.parts[0] == "src":
            yield number, f'"{name}" is not a path below src/'
        elif ours and quote == "<":
            yield number, f'<{name}> is ours: write "{name}"'
        elif ours and in_src:
            why = wrong_arrow(path.relative_to("src"), included)
            if why:
                yield number, why


def main():
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-co", "--exclude-standard", "-z",
         "*.hpp", "*.cpp"],
        cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [pathlib.PurePosixPath(p) for p in listed.split("\0") if p and (ROOT / p).is_file()]
    findings = [f"{p}:{line}: {what}" for p in sorted(set(paths)) for line, what in check(p)]
    print("\n".join(findings) or f"{len(set(paths))} files, no finding")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
