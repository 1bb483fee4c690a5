"""What the figures were measured on, and what was measured."""

import datetime
import os
import platform
import re
import subprocess

from . import load, naive, postgres
from .processes import Failed


def output(*command):
    """What a command prints, on one line; empty if it cannot be asked."""
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return " ".join(done.stdout.split()) if done.returncode == 0 else ""


def revision():
    git = ["git", "-c", f"safe.directory={load.ROOT}", "-C", load.ROOT]
    name = output(*git, "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = output(*git, "status", "--porcelain", "--", "src", "cmake", "CMakeLists.txt",
                     "bench/bare", "bench/naive", "bench/postgres", "bench/comparison")
    return name + (" with changes" if changed else "")


def describe(scratch):
    """A dictionary of facts; `scratch` is where the data lies."""
    with open("/proc/meminfo", encoding="ascii") as meminfo:
        memory = int(re.search(r"MemTotal:\s+(\d+)", meminfo.read())[1]) / 2**20
    with open("/proc/cpuinfo", encoding="utf-8") as cpuinfo:
        model = re.search(r"model name\s*:\s*(.+)", cpuinfo.read())
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": revision(),
        "cores": os.cpu_count(),
        "processor": model[1].strip() if model else platform.machine(),
        "memory_gib": round(memory, 1),
        "system": f"{system}, Linux {platform.release()}",
        "file_system": output("findmnt", "--noheadings", "--output", "FSTYPE", "--target", scratch),
        "load_average": os.getloadavg()[0],
        "versions": versions(),
    }


def versions():
    """The first number with a point that each program tells."""
    def of(find, *names, flag="--version"):
        try:
            number = re.search(r"\d+(\.\d+)+", output(find(*names), flag))
        except Failed:
            number = None
        return number[0] if number else "not installed"
    return {
        "Settle": of(lambda: load.SETTLE),
        "PostgreSQL": of(postgres.program, "postgres"),
        "Redis": of(naive.program, "redis-server", "redis-server"),
        "nginx": of(naive.program, "nginx", "nginx", flag="-v"),
        "gunicorn": of(naive.program, "gunicorn", "gunicorn"),
        "Python": platform.python_version(),
    }
