"""Redis: one server; a master with two replicas and three sentinels; a cluster of three masters,
each with a replica."""

import json
import pathlib
import re
import shlex
import shutil
import socket
import time

from deployment import Deployment
from processes import Failed

SECONDS = 30
PASSWORD = "se:cret/@"
URL_PASSWORD = "se%3Acret%2F%40"
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "redis.md"


def documented_rights():
    """What a user needs: the tests show that it is enough."""
    found = re.search(r"^The user needs `([^`]+)`", DOCUMENT.read_text(), re.MULTILINE)
    if not found:
        raise Failed(f"{DOCUMENT} does not say what a user needs")
    return " ".join(found[1].split())


class Refused(Exception):
    """An error reply."""


def ask(port, *words, tls=None, password=None, timeout=5, host="127.0.0.1"):
    """Sends one command; returns its reply as Python has it. Raises OSError, Refused."""
    with socket.create_connection((host, port), timeout=timeout) as plain:
        connection = tls.wrap_socket(plain, server_hostname=host) if tls else plain
        stream = connection.makefile("rwb")
        if password:
            write(stream, "AUTH", password)
            read(stream)
        write(stream, *words)
        return read(stream)


def write(stream, *words):
    encoded = [str(word).encode() for word in words]
    stream.write(b"*%d\r\n" % len(encoded))
    for word in encoded:
        stream.write(b"$%d\r\n%s\r\n" % (len(word), word))
    stream.flush()


def read(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the connection ended")
    kind, rest = line[:1], line[1:-2].decode()
    if kind == b"-":
        raise Refused(rest)
    if kind == b"+":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else stream.read(int(rest) + 2)[:-2].decode(errors="replace")
    return None if rest == "-1" else [read(stream) for _ in range(int(rest))]


def wait_for(what, holds, seconds=SECONDS):
    """Until holds() is true; an error of the server counts as not yet."""
    until = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except (OSError, Refused):
            pass
        if time.monotonic() > until:
            raise Failed(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def server_program(workplace):
    """Debian's redis-server would start a service of its own when it is installed. Its program is
    in redis-tools, too, by the name of a tool; it goes by the name that it is called by."""
    found = shutil.which("redis-server")
    if found:
        return found
    tool = shutil.which("redis-check-rdb")
    if not tool:
        raise Failed("there is no redis-server: install redis-tools")
    link = workplace.directory / "redis-server"
    if not link.exists():
        link.symlink_to(tool)
    return str(link)


class Redis(Deployment):
    """What all kinds share: starting servers, and the verbs

    config NUMBER NAME VALUE  of the server with this number
    ask NUMBER WORDS...       a command to it; the reply as JSON
    port NUMBER               where it listens
    password NUMBER [WORD]    clients need it from now on, or none
    wipe NUMBER               kills it, removes its data, starts it
    """

    count = 1

    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--fsync", choices=("everysec", "always"), default="everysec")
        parser.add_argument("--dead-after", type=int, default=1000, metavar="MS",
                            help="how long a server is silent before another takes its place")
        parser.add_argument("--password", action="store_true", help="the servers want one")

    def __init__(self, workplace, fsync="everysec", dead_after=1000, password=False):
        super().__init__(workplace)
        self.dead_after = dead_after
        self.fsync = fsync
        self.program = server_program(workplace)
        self.ports = [workplace.free_port() for _ in range(self.count)]
        self.password = PASSWORD if password else None
        self.login = f":{URL_PASSWORD}@" if password else ""
        self.stopped = set()

    def settings(self, number):  # pylint: disable=unused-argument
        """More lines of the configuration of one server."""
        return []

    def ask(self, number, *words):
        return ask(self.ports[number - 1], *words, password=self.password, host=self.host(number))

    def host(self, number):  # pylint: disable=unused-argument
        """Where the server with this number is."""
        return "127.0.0.1"

    def command(self, number, *words):  # pylint: disable=unused-argument
        """That runs there."""
        return (self.program, *words)

    def configuration(self, number):
        return "\n".join([
            f"port {self.ports[number - 1]}", f"bind {self.host(number)}", "protected-mode no", "daemonize no", "save \"\"",
            "appendonly yes", f"appendfsync {self.fsync}", "maxmemory-policy noeviction",
            "enable-debug-command yes", "repl-diskless-sync-delay 0", "repl-timeout 5",
            *([f'requirepass "{PASSWORD}"', f'masterauth "{PASSWORD}"'] if self.login else []),
            *self.settings(number), ""])

    def start_servers(self):
        for number in range(1, self.count + 1):
            folder = self.workplace.folder(f"redis-{number}")
            (folder / "redis.conf").write_text(self.configuration(number))
            self.nodes.append(self.workplace.server(
                f"redis-{number}", self.command(number, "redis.conf"),
                lambda number=number: self.serves(number), folder))
        for node in self.nodes:
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()

    def serves(self, number):
        try:
            return self.ask(number, "PING") == "PONG"
        except Refused:
            return False

    def start(self):
        self.start_servers()

    def number(self, port):
        return self.ports.index(int(port)) + 1

    def control(self, verb, words):
        try:
            return self.do(verb, words)
        except (Refused, OSError) as failure:
            raise Failed(failure) from None

    def do(self, verb, words):
        """As `control`; may raise Refused and OSError, too."""
        if verb == "config":
            return self.ask(int(words[0]), "CONFIG", "SET", words[1], " ".join(words[2:]))
        if verb == "ask":
            return json.dumps(self.ask(int(words[0]), *shlex.split(" ".join(words[1:]))))
        if verb == "port":
            return str(self.ports[int(words[0]) - 1])
        if verb == "password":
            self.ask(int(words[0]), "CONFIG", "SET", "requirepass", " ".join(words[1:]))
            self.password = " ".join(words[1:]) or None
            return None
        if verb == "wipe":
            self.wipe(int(words[0]))
            return None
        if verb == "stop":
            self.stopped.add(int(words[0]))
        elif verb in ("cont", "kill"):
            self.stopped.discard(int(words[0]))
        return super().control(verb, words)

    def cut(self, number):
        """No replica gets anything from this server any more. Sentinels and nodes of a cluster see
        nothing of it. A replica that is only stopped would still find in its socket what was sent
        to it."""
        self.ask(number, "ACL", "SETUSER", "default", "-psync", "-sync")
        self.ask(number, "CLIENT", "KILL", "TYPE", "replica")

    def mend(self, number):
        """Undoes `cut`."""
        self.ask(number, "ACL", "SETUSER", "default", "+@all")

    def wipe(self, number):
        node = self.nodes[number - 1]
        node.kill()
        shutil.rmtree(node.directory / "appendonlydir", ignore_errors=True)
        node.start()


class Standalone(Redis):
    summary = "one Redis"

    @classmethod
    def arguments(cls, parser):
        super().arguments(parser)
        parser.add_argument("--secure", action="store_true",
                            help="clients need TLS, a name and a password")

    def __init__(self, workplace, secure=False, **flags):
        super().__init__(workplace, **flags)
        self.secure = secure
        self.plain_port = workplace.free_port()

    def settings(self, number):
        if not self.secure:
            return []
        # The plain port is for us.
        return [f"tls-port {self.ports[0]}", f"port {self.plain_port}", "tls-auth-clients no",
                f"tls-cert-file {self.file('server.crt')}", f"tls-key-file {self.file('server.key')}",
                f"tls-ca-cert-file {self.file('ca.crt')}", f'requirepass "{PASSWORD}"',
                f'user settle on ">{PASSWORD}" {documented_rights()}']

    def file(self, name):
        return self.workplace.directory / name

    def ask(self, number, *words):
        if self.secure:
            return ask(self.plain_port, *words, password=PASSWORD)
        return super().ask(number, *words)

    def start(self):
        if self.secure:
            make_certificates(self.workplace)
        super().start()

    @property
    def url(self):
        if self.secure:
            return (f"rediss://settle:{URL_PASSWORD}@127.0.0.1:{self.ports[0]}"
                    f"?ca={self.file('ca.crt')}")
        return f"redis://{self.login}127.0.0.1:{self.ports[0]}"


def make_certificates(workplace, names="IP:127.0.0.1"):
    """ca.crt and, signed by it for these names, server.crt with server.key."""
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    workplace.run(("openssl", "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt",
                   "-days", "2", "-subj", "/CN=test authority"))
    workplace.run(("openssl", "req", *key, "-keyout", "server.key", "-out", "server.csr",
                   "-subj", "/CN=redis"))
    (workplace.directory / "server.ext").write_text(f"subjectAltName={names}\n")
    workplace.run(("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey",
                   "ca.key", "-CAcreateserial", "-out", "server.crt", "-days", "2", "-extfile",
                   "server.ext"))


class Sentinel(Redis):
    """Servers 1 to 3, of which 1 begins as the master; 4 to 6 are the sentinels. More verbs:

    master              the number of the master, as the sentinels have it
    hold                cuts the replicas off from the master: what it acknowledges from now on is
                        missing after a promotion
    await-master NUMBER waits until most sentinels name another master than this one; its number
    failover            asks for another master, without a fault
    await-replicas      waits until the master has two replicas that are in step; makes replicas of
                        former masters, with which sentinels take ten seconds
    """

    summary = "Redis: 1 master, 2 replicas, 3 sentinels"
    count = 3
    name = "mymaster"

    def __init__(self, workplace, machines=None, **flags):
        """`machines`: each has one server and one sentinel (machines.py)."""
        super().__init__(workplace, **flags)
        self.machines = machines
        self.sentinel_ports = [workplace.free_port() for _ in range(3)]

    def host(self, number):
        return self.machines.store_host(number) if self.machines else super().host(number)

    def command(self, number, *words):
        return (*(self.machines.prefix(number) if self.machines else ()), self.program, *words)

    def ask_sentinel(self, number, *words):
        # One that is cut off must not hold up the others.
        return ask(self.sentinel_ports[number - 1], *words, host=self.host(number), timeout=0.5)

    def settings(self, number):
        return [f"replicaof {self.host(1)} {self.ports[0]}"] if number > 1 else []

    def start(self):
        self.start_servers()
        for number, port in enumerate(self.sentinel_ports, 1):
            folder = self.workplace.folder(f"sentinel-{number}")
            (folder / "sentinel.conf").write_text("\n".join([
                f"port {port}", f"bind {self.host(number)}", "protected-mode no",
                f"sentinel monitor {self.name} {self.host(1)} {self.ports[0]} 2",
                f"sentinel down-after-milliseconds {self.name} {self.dead_after}",
                f"sentinel failover-timeout {self.name} 5000",
                f"sentinel parallel-syncs {self.name} 2",
                *([f'sentinel auth-pass {self.name} "{PASSWORD}"'] if self.login else []), ""]))
            node = self.workplace.server(
                f"sentinel-{number}", self.command(number, "sentinel.conf", "--sentinel"),
                lambda number=number: self.ask_sentinel(number, "PING") == "PONG", folder)
            self.nodes.append(node)
            node.start()
        wait_for("the sentinels know everybody", self.know_all)

    def know_all(self):
        return all(self.knows_all(number) for number in (1, 2, 3))

    def knows_all(self, number):
        told = self.ask_sentinel(number, "SENTINEL", "MASTER", self.name)
        told = dict(zip(told[::2], told[1::2]))
        return told["num-slaves"] == "2" and told["num-other-sentinels"] == "2"

    def master(self):
        """Its number, as most sentinels that answer have it."""
        told = []
        for number in (1, 2, 3):
            try:
                told.append(
                    self.ask_sentinel(number, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name)[1])
            except OSError:
                pass
        if not told:
            raise ConnectionError("no sentinel answers")
        return self.number(max(set(told), key=told.count))

    def do(self, verb, words):
        if verb == "master":
            return str(self.master())
        if verb == "await-master":
            former = int(words[0])
            wait_for("another master", lambda: self.master() != former)
            return str(self.master())
        if verb == "await-replicas":
            wait_for("two replicas that are in step", self.in_step, 60)
            return None
        if verb == "failover":
            # An earlier one may still be busy with the replicas.
            wait_for("a failover",
                     lambda: self.ask_sentinel(1, "SENTINEL", "FAILOVER", self.name) == "OK")
            return None
        if verb == "hold":
            self.hold()
            return None
        return super().do(verb, words)

    def in_step(self):
        self.demote()
        return self.has_replicas()

    def demote(self):
        master = self.master()
        for number in range(1, self.count + 1):
            if number != master and self.ask(number, "ROLE")[0] == "master":
                self.ask(number, "REPLICAOF", self.host(master), self.ports[master - 1])

    def has_replicas(self):
        """Two that are in step."""
        told = self.ask(self.master(), "INFO", "replication")
        return len(re.findall(r"^slave\d:.*state=online.*,lag=[01]\r?$", told, re.MULTILINE)) == 2

    def hold(self):
        self.cut(self.master())

    @property
    def url(self):
        servers = ",".join(f"{self.host(number)}:{port}"
                           for number, port in enumerate(self.sentinel_ports, 1))
        return f"redis+sentinel://{self.login}{servers}/{self.name}"


class Cluster(Redis):
    """Servers 1 to 6. More verbs:

    owner KEY             the number of the master that has this key's slot
    await-owner KEY NUMBER waits until all that run say that another one than NUMBER has it
    await-whole           waits until all servers know of three masters and three replicas
    open KEY NUMBER       the slot begins to move to this server; keys stay for now
    move KEY              the key moves, while the slot is between the two
    close KEY NUMBER      the slot is the other server's now
    """

    summary = "Redis Cluster: 3 masters, each with a replica"
    count = 6

    def __init__(self, workplace, **flags):
        super().__init__(workplace, **flags)
        # The usual port + 10000 is among those that outgoing connections get.
        self.bus_ports = [workplace.free_port() for _ in self.ports]
        self.moving = None  # of the slot that is open: from, to

    def settings(self, number):
        return ["cluster-enabled yes", f"cluster-port {self.bus_ports[number - 1]}",
                f"cluster-node-timeout {self.dead_after}", "cluster-require-full-coverage no"]

    def start(self):
        self.start_servers()
        servers = [f"127.0.0.1:{port}" for port in self.ports]
        login = ("-a", PASSWORD, "--no-auth-warning") if self.login else ()
        self.workplace.run(("redis-cli", *login, "--cluster", "create", *servers,
                            "--cluster-replicas", "1", "--cluster-yes"))
        self.await_whole()

    def await_whole(self):
        for number in range(1, self.count + 1):
            wait_for("the cluster is whole", lambda number=number: self.is_whole(number))

    def is_whole(self, number):
        flags = [node["flags"] for node in self.table(number)]
        replicas = [one for one in flags if "slave" in one]
        failed = [one for one in flags if "fail" in one or "fail?" in one]
        return ("cluster_state:ok" in self.ask(number, "CLUSTER", "INFO") and len(replicas) == 3
                and not failed)

    def table(self, number):
        """What one server knows of all."""
        rows = [line.split() for line in self.ask(number, "CLUSTER", "NODES").splitlines()]
        return [{"id": row[0], "number": self.number(row[1].split("@")[0].rsplit(":")[-1]),
                 "flags": row[2].split(",")} for row in rows]

    def running(self):
        return [number for number, node in enumerate(self.nodes, 1)
                if node.is_running() and number not in self.stopped]

    def owner(self, slot, asked):
        for first, last, master, *_ in self.ask(asked, "CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return self.number(master[1])
        raise Failed(f"nobody has slot {slot}")

    def slot(self, key):
        return self.ask(self.running()[0], "CLUSTER", "KEYSLOT", key)

    def identity(self, number):
        return self.ask(number, "CLUSTER", "MYID")

    def do(self, verb, words):
        if verb == "await-whole":
            return self.await_whole()
        if verb not in ("owner", "await-owner", "open", "move", "close"):
            return super().do(verb, words)
        key, slot = words[0], self.slot(words[0])
        if verb == "await-owner":
            former = int(words[1])
            others = [number for number in self.running() if number != former]
            wait_for("another owner", lambda: all(
                self.owner(slot, number) != former for number in others))
            return str(self.owner(slot, others[0]))
        here = self.owner(slot, self.running()[0])
        if verb == "open":
            there = int(words[1])
            self.ask(there, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.identity(here))
            self.ask(here, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.identity(there))
            self.moving = (here, there)
        elif verb == "move":
            here, there = self.moving
            login = ("AUTH", PASSWORD) if self.login else ()
            self.ask(here, "MIGRATE", "127.0.0.1", self.ports[there - 1], key, 0, 5000, *login)
        elif verb == "close":
            here, there = self.moving
            for number in (there, here):
                self.ask(number, "CLUSTER", "SETSLOT", slot, "NODE", self.identity(there))
        return str(here)

    @property
    def url(self):
        return f"redis+cluster://{self.login}" + ",".join(f"127.0.0.1:{port}" for port in self.ports[:3])
