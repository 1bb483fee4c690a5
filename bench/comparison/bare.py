"""The bare limits of the machine: HTTP that does nothing, and a record that is kept."""

import json

from . import load
from .load import Workload


class BareHttp:
    key = "bare-http"
    title = "HTTP server that does nothing"
    about = ("bench/bare/http.cpp: one thread, epoll, answers every request with `ok` and looks "
             "only for the empty line at its end.")

    def __init__(self, settings, _tuned):
        self.settings = settings

    def workloads(self, connections):
        return [Workload("noop", n) for n in connections]

    def start(self, workplace):
        self.workplace = workplace
        port = workplace.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = workplace.start("bare-http", [load.BUILD / "bench" / "bare_http", port])
        workplace.wait_for(self.process, self.url)

    def measure(self, workload):
        return load.checkout_load(self.workplace, self.settings, self.url, workload,
                                  [self.process])


class Fdatasync:
    key = "fdatasync"
    title = "fdatasync"
    about = ("bench/bare/fdatasync.cpp: records of 4 KiB, one after the other, each with an "
             "`fdatasync`, in the directory that also holds the data of the others.")

    def __init__(self, settings, _tuned):
        self.settings = settings

    def workloads(self, connections):
        del connections
        return [Workload("sync", 1)]

    def start(self, workplace):
        self.workplace = workplace

    def measure(self, workload):
        del workload
        seconds = min(self.settings.duration_s, 5)
        text, _ = self.workplace.run(
            "fdatasync", [load.BUILD / "bench" / "bare_fdatasync", self.workplace.directory,
                          seconds], seconds * 2 + 120)
        found = json.loads(text)
        growing = found["growing"]
        return {**found, "rate_per_s": growing["count"] / seconds,
                "latency_us": {name: growing[name] for name in ("p50", "p90", "p99", "max")},
                "remarks": []}
