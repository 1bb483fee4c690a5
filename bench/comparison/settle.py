"""Settle: one process, one engine thread, the embedded store."""

from . import load


class Settle:
    key = "settle"
    title = "Settle"
    about = ("`settle serve --threads 1`: gateway, order, stock and payment in one process, 1 "
             "partition each, embedded store; every answer after `fdatasync`. Else defaults.")

    def __init__(self, settings, _tuned):
        self.settings = settings

    def workloads(self, connections):
        found = load.shop_workloads(connections, noop=connections, rates=(200, 2000))
        return [*found[:-1], load.Workload("users", self.settings.thinking), found[-1]]

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
