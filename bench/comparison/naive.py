"""The naive way: three services in Python with a Redis each, behind nginx (bench/naive/)."""

import shutil
import signal

from . import load
from .processes import Failed

HERE = load.ROOT / "bench" / "naive"
SERVICES = {"order": "/orders/", "stock": "/stock/", "payment": "/payment/"}
WORKERS = 2  # of each service

NGINX = """
daemon off;
pid {home}/nginx.pid;
error_log {home}/error.log;
worker_processes auto;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port};
{locations}
  }}
}}
"""


def program(name, package):
    """In /usr/sbin, too, which not everybody has in the path."""
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if not found:
        raise Failed(f"there is no {name}: install {package}")
    return found


class Naive:
    key = "naive"
    title = "Three Python services, three Redis"
    about = (
        f"bench/naive: order, stock and payment as Flask applications, each under gunicorn with "
        f"{WORKERS} synchronous workers and with a Redis of its own, behind Debian's nginx "
        "(one worker a core). The order service calls the others over HTTP through nginx, one "
        "item after the other, and gives back what it took when a call refuses. All settings are "
        "the defaults of Debian's packages: no `appendonly`, so a killed Redis loses what came "
        "after its last snapshot, and nothing waits for the disk. Changes of one row at the same "
        "time can be lost. None of its answers is durable.")

    def __init__(self, settings, _tuned):
        self.settings = settings

    def workloads(self, connections):
        return load.shop_workloads(connections, noop=(), rates=(200,))

    def start(self, workplace):
        self.workplace = workplace
        self.home = workplace.folder("naive")
        gateway = workplace.free_port()
        self.url = f"http://127.0.0.1:{gateway}"
        self.processes, ports = [], {}
        for service in SERVICES:
            ports[service] = workplace.free_port()
            self._start_service(service, ports[service])
        self._start_nginx(gateway, ports)
        for service, process in zip(SERVICES, self.processes[1::2]):
            path = {"order": "/find/none", "stock": "/find/none", "payment": "/find_user/none"}
            self._wait_until_served(process, SERVICES[service].rstrip("/") + path[service])

    def measure(self, workload):
        if workload == load.VERIFY:
            return load.verify(self.workplace, self.settings, self.url)
        s = self.settings
        return load.checkout_load(
            self.workplace, s, self.url, workload, self.processes,
            s.slow_zipf_orders if workload.kind == "zipf" else s.slow_orders)

    def _start_service(self, service, port):
        redis_port = self.workplace.free_port()
        folder = self.home / service
        folder.mkdir()
        self.processes.append(self.workplace.start(f"redis-{service}", [
            program("redis-server", "redis-server"), "--port", redis_port, "--bind", "127.0.0.1",
            "--dir", folder], cwd=folder))
        self.processes.append(self.workplace.start(f"{service}-service", [
            program("gunicorn", "gunicorn"), "--bind", f"127.0.0.1:{port}", "--workers", WORKERS,
            "--timeout", 120, "--chdir", HERE, f"{service}:app"],
            environment={"REDIS_PORT": str(redis_port), "GATEWAY_URL": self.url,
                         "PYTHONDONTWRITEBYTECODE": "1"}))

    def _start_nginx(self, port, ports):
        folder = self.home / "nginx"
        folder.mkdir()
        locations = "\n".join(
            f"    location {prefix} {{ proxy_pass http://127.0.0.1:{ports[service]}/; }}"
            for service, prefix in SERVICES.items())
        file = folder / "nginx.conf"
        file.write_text(NGINX.format(home=folder, port=port, locations=locations))
        self.processes.append(self.workplace.start(
            "nginx", [program("nginx", "nginx"), "-c", file, "-p", folder,
                      "-e", folder / "error.log"], stop_signal=signal.SIGQUIT))

    def _wait_until_served(self, process, path):
        """An order that nobody made is a 400, and shows that service and Redis are there."""
        self.workplace.wait_for(process, self.url + path, status=400)
