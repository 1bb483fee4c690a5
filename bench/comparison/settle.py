"""Settle: one process, one engine thread, the embedded store."""

from . import load
from .load import Workload


class Settle:
    key = "settle"
    title = "Settle"
    about = ("`settle serve --threads 1`: gateway, order, stock and payment in one process, 4 "
             "partitions each, embedded store; every answer after `fdatasync`. All else is default.")

    def __init__(self, settings, _tuned):
        self.settings = settings

    def workloads(self, connections, zipf):
        kinds = ["noop", "uniform"]
        most = max(connections)
        return ([Workload(kind, n) for kind in kinds for n in connections] +
                [Workload("hot", most)] + ([Workload("zipf", most)] if zipf else []) +
                [load.VERIFY])

    def start(self, workplace):
        self.workplace = workplace
        port = workplace.free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.process = workplace.start("settle", [
            load.SETTLE, "serve", "--data", workplace.directory / "settle",
            "--listen", f"127.0.0.1:{port}", "--threads", 1])
        workplace.wait_for(self.process, self.url + "/readyz")

    def measure(self, workload):
        if workload == load.VERIFY:
            return load.verify(self.workplace, self.settings, self.url)
        return load.checkout_load(self.workplace, self.settings, self.url, workload,
                                  [self.process], self.settings.orders)
