"""The shop as a whole: brokers, store, settle processes of each role, and nginx before the gateways.

The program under test is build/release/settle, or $SETTLE_PROGRAM.
"""

import http.client
import json
import os
import pathlib
import shutil
import time

import kafka
import rabbitmq
import redis
from deployment import Deployment
from processes import START_SECONDS, Failed, accepts

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
ROLES = ("order", "stock", "payment")
TRIES = 16  # of nginx, for one request
LOGS = {"kafka": kafka.Kafka, "rabbitmq": rabbitmq.RabbitMQ}
STORES = {"redis": redis.Standalone, "redis-sentinel": redis.Sentinel,
          "redis-cluster": redis.Cluster}


class Stack(Deployment):
    """Servers have numbers from 1: gateways first, then the workers of each role, in the order of
    ROLES. `brokers` and `store` are deployments with numbers of their own."""

    summary = "Kafka or RabbitMQ, Redis, settle processes of each role, and nginx"

    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--log", choices=LOGS, default="kafka")
        parser.add_argument("--brokers", type=int, choices=(1, 3), default=1)
        parser.add_argument("--store", choices=STORES, default="redis")
        parser.add_argument("--each", type=int, default=1, help="workers of each role")
        parser.add_argument("--gateways", type=int, default=1)
        parser.add_argument("--partitions", type=int, default=4)
        parser.add_argument("--commit", choices=("lua", "watch"), default="lua")
        parser.add_argument("--no-nginx", action="store_true",
                            help="clients talk to the first gateway")
        parser.add_argument("--strict-reads", action="store_true")
        parser.add_argument("--long-run", action="store_true", help="for measurements")

    def __init__(self, workplace, brokers=1, store="redis", each=1, gateways=1, partitions=4,
                 commit="lua", no_nginx=False, strict_reads=False, long_run=False, machines=None,
                 log_options="", log="kafka", **of_store):
        """`log_options` are added to the log's address: "name=value&...". `machines`: for a store with
        Sentinel (machines.py); each has one server of the store, and the gateway and the workers
        with its number."""
        super().__init__(workplace)
        self.machines = machines
        if machines:
            of_store["machines"] = machines
        self.brokers = LOGS[log](workplace, nodes=brokers, long_run=long_run,
                                 host=machines.host if machines else "127.0.0.1")
        self.store = STORES[store](workplace, **of_store)
        self.each, self.partitions, self.commit = each, partitions, commit
        self.log, self.log_options = log, log_options
        self.strict_reads = strict_reads
        self.program = os.path.abspath(
            os.environ.get("SETTLE_PROGRAM", REPOSITORY / "build" / "release" / "settle"))
        self.gateway_ports = [workplace.free_port() for _ in range(gateways)]
        self.port = self.gateway_ports[0] if no_nginx else workplace.free_port()
        self.with_nginx = not no_nginx
        self.nginx = None
        self.began = self.servers_ready = None  # times of time.monotonic()

    def start(self):
        self.began = time.monotonic()
        self.brokers.start()
        self.store.start()
        self.servers_ready = time.monotonic()
        for number, port in enumerate(self.gateway_ports, 1):
            self.add_gateway(number, port)
        for role in ROLES:
            for number in range(1, self.each + 1):
                self.add(role, number, role)
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()
        if self.with_nginx:
            self.nginx = self.make_nginx()
            self.nginx.start()

    def host(self, number):
        """Of the gateway with this number."""
        return self.machines.service_host(number) if self.machines else "127.0.0.1"

    def add(self, kind, number, roles, *flags, ready=None):
        """A settle process that is not started yet."""
        name = f"{kind}-{number}"
        command = [*(self.machines.prefix(number) if self.machines else ()),
                   self.program, "serve", "--log", self.log_url, "--store", self.store.url,
                   "--roles", roles, "--name", name, "--partitions", self.partitions, "--commit",
                   self.commit, "--threads", 1, *flags]
        if self.strict_reads:
            command.append("--strict-reads")
        node = self.workplace.server(name, command, ready or (lambda: True))
        self.nodes.append(node)
        return node

    def add_gateway(self, number, port):
        host = self.host(number)
        return self.add("gateway", number, "gateway", "--listen", f"{host}:{port}",
                        "--trust-request-id", "x-request-id", ready=lambda: is_ready(host, port))

    def make_nginx(self):
        """In front of all gateways, by the configuration that docs/operating tells to use."""
        if not shutil.which("nginx"):
            raise Failed("there is no nginx: install it")
        folder = self.workplace.folder("nginx")
        given = (REPOSITORY / "env" / "nginx.conf").read_text()
        lines = [f"        server {self.host(number)}:{port} max_fails=0;"
                 for number, port in enumerate(self.gateway_ports, 1)]
        begin, end = given.index("        server gateway"), given.index("        # Without it, c")
        tries = max(1, TRIES // len(lines))
        text = given[:begin] + "\n".join(lines * tries) + "\n" + given[end:]
        text = text.replace("listen 8000", f"listen 127.0.0.1:{self.port}")
        (folder / "nginx.conf").write_text(text)
        return self.workplace.server(
            "nginx", ("nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf", "-g",
                      "daemon off; pid nginx.pid;"),
            lambda: accepts(self.port), folder)

    @property
    def log_url(self):
        if not self.log_options:
            return self.brokers.url
        return self.brokers.url + ("&" if "?" in self.brokers.url else "?") + self.log_options

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def check_out(self):
        """Of things that are made for it. Raises Failed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_SECONDS)

        def post(path):
            connection.request("POST", path)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise Failed(f"{path}: {answer.status} {body.decode(errors='replace')}")
            return body

        try:
            user = json.loads(post("/payment/create_user"))["user_id"]
            item = json.loads(post("/stock/item/create/1"))["item_id"]
            order = json.loads(post(f"/orders/create/{user}"))["order_id"]
            for path in (f"/payment/add_funds/{user}/1", f"/stock/add/{item}/1",
                         f"/orders/addItem/{order}/{item}/1", f"/orders/checkout/{order}"):
                post(path)
        finally:
            connection.close()

    def tried(self):
        self.check_out()
        now = time.monotonic()
        return [("first checkout", f"{now - self.servers_ready:.1f} s after its servers were ready, "
                                   f"{now - self.began:.1f} s after the first of them was started")]

    def places(self):
        return [("shop", self.url), *((f"gateway {n}", f"http://{self.host(n)}:{port}")
                                      for n, port in enumerate(self.gateway_ports, 1)),
                ("log", self.log_url), *self.brokers.places(), ("store", self.store.url),
                ("who is there", f"{self.program} status --store '{self.store.url}' --log "
                                 f"'{self.log_url}'")]

    def environment(self):
        return {"SETTLE_TEST_LOG": self.brokers.url, "SETTLE_TEST_STORE": self.store.url}


class DesignB(Stack):
    summary = ("as one Stack: RabbitMQ of 3 nodes, Redis Cluster of 3 masters and 3 replicas, 10 "
               "workers of each role, 2 gateways")
    how = {"log": "rabbitmq", "brokers": 3, "store": "redis-cluster", "each": 10, "gateways": 2,
           "partitions": 10}

    @classmethod
    def arguments(cls, parser):
        pass

    def __init__(self, workplace):
        super().__init__(workplace, **self.how)


class DesignD(DesignB):
    summary = ("as one Stack: RabbitMQ of 3 nodes, Redis with Sentinel, a leader and a follower of "
               "each role, 2 gateways")
    how = {"log": "rabbitmq", "brokers": 3, "store": "redis-sentinel", "each": 2, "gateways": 2,
           "partitions": 1}


def is_ready(host, port):
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except http.client.HTTPException:
        return False
    finally:
        connection.close()
