"""RabbitMQ (Debian's 3.10.8, on Debian's Erlang): one node, or a cluster of three. Server N is the
node rabbit-N@127.0.0.1."""

import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from deployment import Deployment
from processes import Failed, accepts, cache
from redis import make_certificates

VERSION = "3.10.8"
PACKAGE = "rabbitmq-server"
FETCH_SECONDS = 120
SECONDS = 30
ASK_SECONDS = 2
NAME, PASSWORD, URL_LOGIN = "settle", "se:cret", "settle:se%3Acret@"
COOKIE = "settle"  # who knows it belongs to the cluster

# Terms of Erlang, not the newer format: a node would read the schemas of all plugins for that.
#
# - Node 1 names no other, so that it founds the cluster at once; else it would look for the others
#   first, for five seconds.
# - Of a cluster in two parts, the smaller one stops: pause_minority.
# - Two nodes elect a leader of the coordinator of all streams if they hear nothing from the third:
#   aten finds that out, and looks every second by default.
SETTINGS = """[
{rabbit, [
  {tcp_listeners, [TCP]}, {ssl_listeners, [TLS]},
  {ssl_options, [{certfile, "FILES/server.crt"}, {keyfile, "FILES/server.key"}]},
  {default_user, <<"NAME">>}, {default_pass, <<"PASSWORD">>}, {loopback_users, []},
  {cluster_nodes, {[OTHERS], disc}},
  {cluster_partition_handling, pause_minority},
  {log, [{console, [{enabled, true}, {level, warning}]}, {file, [{file, false}]}]}
]},
{rabbitmq_management, [{tcp_config, [{port, MANAGEMENT}, {ip, "127.0.0.1"}]}]},
{aten, [{poll_interval, 250}]}
].
"""
# Two schedulers that sleep when they have nothing to do. A node that stands still is given up after
# net_ticktime, a quarter more or less (by default 60 s), and each attempt to reach it again, for
# which whole elections wait, after net_setuptime (7 s). The name is given here because RabbitMQ
# would start another Erlang to look for epmd before it gave the node its name.
ARGUMENTS = ("+S 2:2 +sbwt none -noinput -setcookie COOKIE -name NODE"
             " -kernel net_ticktime 3 net_setuptime 1 inet_dist_use_interface {127,0,0,1}"
             " inet_dist_listen_min PORT inet_dist_listen_max PORT")
# A node that goes on after it stood still must find that it was given up, leave, and join again.
# pause_minority mostly overlooks that: it counts the others when they are there again, milliseconds
# after they were lost, and the node stays in a cluster of its own for good. It needs what operators
# have for that, a probe that restarts who is parted from most nodes.
PROBE = """spawn(fun() ->
  Restart = fun() -> rabbit:stop(), rabbit:start() end,
  Probe = fun(Again) ->
    timer:sleep(250),
    Parted = try length(rabbit_node_monitor:partitions()) catch _:_ -> 0 end,
    Parted > 1 andalso rabbit_node_monitor:run_outside_applications(Restart, false),
    Again(Again)
  end,
  Probe(Probe)
end)."""


class RabbitMQ(Deployment):
    """Verbs besides the common ones:

    leader QUEUE       the number of the node that leads this stream; 0: no node knows of one
    trim QUEUE OFFSET  the stream loses all segments before that of OFFSET, on all nodes that run;
                       its first offset then
    delete QUEUE, delete-exchange EXCHANGE
    alarm on|off       of memory: clients that publish get connection.blocked
    close              ends all connections of clients
    """

    summary = "RabbitMQ of 1 or 3 nodes"

    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
        parser.add_argument("--secure", action="store_true",
                            help="clients need TLS, a name and a password")
        parser.add_argument("--long-run", action="store_true",
                            help="for measurements; makes no difference here")

    def __init__(self, workplace, nodes=1, secure=False, long_run=False, host="127.0.0.1"):
        # pylint: disable=unused-argument
        """`host`: where clients find it."""
        super().__init__(workplace)
        self.host = host
        self.count, self.secure = nodes, secure
        self.login = (NAME, PASSWORD) if secure else ("guest", "guest")
        self.ports = [workplace.free_port() for _ in range(nodes)]
        self.management_ports = [workplace.free_port() for _ in range(nodes)]
        self.epmd_port = workplace.free_port()

    def start(self):
        program = home(self.workplace) / "sbin" / "rabbitmq-server"
        if self.secure:
            make_certificates(self.workplace, "IP:127.0.0.1,DNS:localhost")
        # By which nodes find each other. They would start one that stays.
        self.workplace.server(
            "epmd", ("epmd", "-address", "127.0.0.1", "-port", self.epmd_port),
            lambda: accepts(self.epmd_port)).start()
        for number in range(1, self.count + 1):
            folder = self.workplace.folder(f"rabbitmq-{number}")
            (folder / "enabled_plugins").write_text("[rabbitmq_management].")
            (folder / "rabbitmq.config").write_text(self.settings(number))
            self.nodes.append(self.workplace.server(
                f"rabbitmq-{number}", (program, "-eval", PROBE),
                lambda number=number: self.serves(number), folder,
                self.variables(number, folder)))
        # Whoever joins while the founder makes its tables ends with an error.
        self.nodes[0].start()
        for node in self.nodes[1:]:
            node.launch()
        for node in self.nodes[1:]:
            node.wait_until_ready()
        self.wait_for("all nodes are members", self.is_whole)
        self.wait_for("a stream can be declared", self.has_streams)

    def has_streams(self):
        """The first stream brings its coordinator into being. Who is killed before that is on its
        disk, some seconds later, has forgotten it when it comes back, and all streams lack a
        replica for good."""
        path = "queues/%2F/first"
        self.ask(1, "PUT", path, {"durable": True, "arguments": {"x-queue-type": "stream"}})
        self.ask(1, "DELETE", path)
        return all(self.evaluate(number, SAVE) for number in self.numbers())

    def settings(self, number):
        listener = f'{{"{self.host}", {self.ports[number - 1]}}}'
        everybody = ", ".join(f"'{name_of(n)}'" for n in range(1, self.count + 1))
        return replace(
            SETTINGS, TCP="" if self.secure else listener, TLS=listener if self.secure else "",
            FILES=self.workplace.directory, NAME=self.login[0], PASSWORD=self.login[1],
            OTHERS="" if number == 1 else everybody, MANAGEMENT=self.management_ports[number - 1])

    def variables(self, number, folder):
        return {
            **self.erlang(),
            # Makes the script become the Erlang machine, instead of waiting for it.
            "RABBITMQ_ALLOW_INPUT": "yes",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": replace(
                ARGUMENTS, COOKIE=COOKIE, NODE=name_of(number), PORT=self.workplace.free_port()),
            "RABBITMQ_NODENAME": name_of(number),
            "RABBITMQ_USE_LONGNAME": "true",
            "RABBITMQ_MNESIA_BASE": str(folder),
            "RABBITMQ_MNESIA_DIR": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            # Not those of this machine.
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }

    def erlang(self):
        """The variables that all programs of Erlang need; none starts an epmd."""
        return {"HOME": str(self.workplace.directory), "ERL_EPMD_PORT": str(self.epmd_port),
                "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_FLAGS": "-start_epmd false"}

    @property
    def url(self):
        servers = ",".join(f"{self.host}:{port}" for port in self.ports)
        if not self.secure:
            return f"amqp://{servers}"
        # librabbitmq knows a server by its name only.
        named = servers.replace("127.0.0.1", "localhost")
        return f"amqps://{URL_LOGIN}{named}?ca={self.workplace.directory / 'ca.crt'}"

    def places(self):
        return [(f"management of node {n}", f"http://127.0.0.1:{port} ({self.login[0]})")
                for n, port in enumerate(self.management_ports, 1)]

    def serves(self, number):
        """Whether this node serves clients, with or without the others."""
        # It is running when all plugins are, and opens the port for clients before that.
        return name_of(number) in self.running(number) and accepts(self.ports[number - 1],
                                                                   self.host)

    def is_whole(self):
        """Whether each node says that all are running."""
        return all(len(self.running(number)) == self.count for number in self.numbers())

    def running(self, number):
        """The names of the nodes that run, as this one has it."""
        told = self.ask(number, "GET", "nodes?columns=name,running")
        return [node["name"] for node in told if node["running"]]

    def numbers(self):
        """Of the nodes whose process is there."""
        return [n for n, node in enumerate(self.nodes, 1) if node.is_running()]

    def ask(self, number, method, path, body=None, timeout=ASK_SECONDS):
        """One request to the management of a node; what it answers, as Python has it. Raises
        OSError."""
        login = base64.b64encode(":".join(self.login).encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.management_ports[number - 1],
                                                timeout=timeout)
        try:
            connection.request(method, f"/api/{path}", json.dumps(body) if body else None,
                               {"Authorization": f"Basic {login}"})
            answer = connection.getresponse()
            told = answer.read().decode()
        except http.client.HTTPException as failure:
            raise ConnectionError(failure) from None
        finally:
            connection.close()
        if answer.status >= 300:
            raise ConnectionError(f"{answer.status} {told}")
        return json.loads(told) if told else None

    def ask_any(self, method, path, body=None):
        """As `ask`, of the first node that answers."""
        return self.first(lambda number: self.ask(number, method, path, body))

    def first(self, ask):
        """What ask(number) returns, of the first node that answers. Raises OSError."""
        failure = ConnectionError("no node is running")
        for number in self.numbers():
            try:
                return ask(number)
            except OSError as this:
                failure = this
        raise failure

    def evaluate(self, number, expression):
        """Lets a node compute an expression of Erlang; its value by way of JSON, in which names are
        strings and strings must be binaries. Takes milliseconds, where rabbitmqctl takes more than
        a second. Raises OSError."""
        command = ("timeout", ASK_SECONDS, "erl_call", "-c", COOKIE, "-name", name_of(number), "-e")
        done = subprocess.run(
            list(map(str, command)), input=f"binary_to_list(rabbit_json:encode({expression})).\n",
            env={**os.environ, **self.erlang()}, capture_output=True, text=True, check=False)
        value = re.fullmatch(r'\{ok, "(.*)"\}', done.stdout, re.DOTALL)
        if not value:
            raise ConnectionError(f"{name_of(number)} answers {done.stdout}{done.stderr}")
        return json.loads(value[1])

    def members(self, number, queue):
        """Of a stream, as this node has it: by number, [is a process there, is it the writer]."""
        told = self.evaluate(number, replace(MEMBERS, QUEUE=queue))
        return {number_of(name): tuple(member) for name, *member in told}

    def leader_number(self, queue):
        """Of the node that leads this stream, as most nodes that answer have it; None if none knows
        of one."""
        told = []
        for number in self.numbers():
            try:
                told += [n for n, (runs, writes) in self.members(number, queue).items()
                         if runs and writes]
            except OSError:
                pass
        return max(set(told), key=told.count) if told else None

    def in_step(self):
        """Whether all nodes run, and say that all streams have a leader and all their replicas."""
        return (len(self.numbers()) == self.count and self.is_whole()
                and all(self._in_step_at(number) for number in self.numbers()))

    def all_led(self, by=None):
        """Whether these nodes, or those that run, say of all streams that one of them leads it.
        Raises OSError."""
        by = set(by or self.numbers())
        return all(any(runs and writes and number_of(name) in by for name, runs, writes in members)
                   for number in by for members in self.evaluate(number, ALL_MEMBERS))

    def _in_step_at(self, number):
        return all(sum(writes for *_, writes in members) == 1
                   and all(runs for _, runs, _ in members)
                   for members in self.evaluate(number, ALL_MEMBERS))

    def busiest(self):
        """The number of the node that leads most streams. Raises OSError."""
        all_members = self.first(lambda number: self.evaluate(number, ALL_MEMBERS))
        leaders = [number_of(name) for members in all_members
                   for name, runs, writes in members if runs and writes]
        if not leaders:
            raise ConnectionError("no stream has a leader")
        return max(self.numbers(), key=leaders.count)

    def coordinator(self):
        """The number of the node that says which one leads a stream. Raises OSError."""
        return number_of(self.first(lambda number: self.evaluate(number, COORDINATOR)))

    def connections(self, number):
        """How many clients have, to this node. Raises OSError."""
        return self.evaluate(number, CONNECTIONS)

    def stream(self, queue):
        """The name that this stream has among files."""
        return self.first(lambda number: self.evaluate(number, replace(STREAM, QUEUE=queue)))

    def segments(self, number, stream):
        """The segments that a node has of a stream: [first offset, bytes], oldest first."""
        folder = self.nodes[number - 1].directory / "data" / "stream" / stream
        found = []
        for path in sorted(folder.glob("*.segment")):
            try:
                found.append((int(path.stem), path.stat().st_size))
            except FileNotFoundError:
                pass  # it was the oldest just now
        return found

    def trim(self, queue, offset):
        """See the verb."""
        stream = self.stream(queue)
        # Who is behind the others has too little to compute with, and keeps more than they do.
        self.wait_for(f"all servers have the same of {queue}", lambda: len(
            {tuple(self.segments(number, stream)) for number in self.numbers()}) == 1)
        # What stays is the newest segment, and then the older ones as long as all of them together
        # have at most as many bytes as the limit.
        lowest, highest, firsts = 1, sys.maxsize, {}
        for number in self.numbers():
            segments = self.segments(number, stream)
            older = [size for first, size in segments if first <= offset]
            if not older:
                raise Failed(f"{queue} begins after {offset} on server {number}")
            stays = len(older) - 1
            firsts[number] = segments[stays][0]
            bytes_that_stay = sum(size for _, size in segments[stays:])
            if stays:
                lowest = max(lowest, bytes_that_stay)
                highest = min(highest, bytes_that_stay + segments[stays - 1][1] - 1)
        if highest == sys.maxsize:
            return offset_of(firsts)
        if lowest > highest:
            raise Failed(f"{queue} has other segments on each node: {firsts}")
        # The most that is possible, for the newest may grow meanwhile.
        policy = f"policies/%2F/trim-{urllib.parse.quote(queue, '')}"
        self.ask_any("PUT", policy, {"pattern": f"^{re.escape(queue)}$", "priority": 100,
                                     "apply-to": "queues",
                                     "definition": {"max-length-bytes": highest}})
        try:
            self.wait_for(f"{queue} begins with {firsts}", lambda: all(
                self.segments(number, stream)[0][0] >= first for number, first in firsts.items()))
        finally:
            # It would go on to throw away what is old.
            self.ask_any("DELETE", policy)
        return offset_of(firsts)

    def control(self, verb, words):
        try:
            return self.do(verb, words)
        except OSError as failure:
            raise Failed(failure) from None

    def do(self, verb, words):
        """As `control`; may raise OSError, too."""
        if verb == "leader":
            return str(self.leader_number(words[0]) or 0)
        if verb == "trim":
            return str(self.trim(words[0], int(words[1])))
        if verb in ("delete", "delete-exchange"):
            kind = "queues" if verb == "delete" else "exchanges"
            self.ask_any("DELETE", f"{kind}/%2F/{urllib.parse.quote(words[0], '')}")
            return None
        if verb == "alarm":
            self.alarm(words[0])
            return None
        if verb == "close":
            for number in self.numbers():
                self.evaluate(number, CLOSE)
            return None
        return super().control(verb, words)

    def alarm(self, word):
        """See the verb."""
        self.first(lambda number: self.evaluate(number, ALARM[word]))
        self.wait_for(f"all nodes know that the alarm is {word}", lambda: all(
            self.evaluate(number, ALARMED) == (word == "on") for number in self.numbers()))

    def wait_for(self, what, holds):
        """Until holds() is true; an error of a server counts as not yet."""
        until = time.monotonic() + SECONDS
        while True:
            try:
                if holds():
                    return
            except OSError:
                pass
            if time.monotonic() > until:
                raise Failed(f"not within {SECONDS} s: {what}")
            time.sleep(0.02)


# Expressions for RabbitMQ.evaluate. QUEUE is a name.
QUEUE = '{resource, <<"/">>, queue, <<"QUEUE">>}'
STREAM = f"""begin
  {{ok, Q}} = rabbit_amqqueue:lookup({QUEUE}),
  list_to_binary(maps:get(name, amqqueue:get_type_state(Q)))
end"""
OF_ONE = """begin
  {ok, Members} = rabbit_stream_coordinator:members(maps:get(name, amqqueue:get_type_state(Q))),
  [[Node, is_pid(Pid), Role =:= writer] || {Node, {Pid, Role}} <- maps:to_list(Members)]
end"""
MEMBERS = f"begin {{ok, Q}} = rabbit_amqqueue:lookup({QUEUE}), {OF_ONE} end"
ALL_MEMBERS = f"""[{OF_ONE} || Q <- rabbit_amqqueue:list(),
  amqqueue:get_type(Q) =:= rabbit_stream_queue]"""
COORDINATOR = "element(2, ra_leaderboard:lookup_leader(rabbit_stream_coordinator))"
SAVE = "lists:all(fun(Table) -> dets:sync(Table) =:= ok end, dets:all())"
CONNECTIONS = "length(rabbit_networking:local_connections())"
ALARM = {
    "on": "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})",
    "off": "rabbit_alarm:clear_alarm({resource_limit, memory, node()})",
}
ALARMED = "rabbit_alarm:get_alarms() =/= []"
# What the management does, which knows of a connection only some seconds later.
CLOSE = """[rabbit_networking:close_connection(C, "closed for a test")
  || C <- rabbit_networking:local_connections()]"""


def name_of(number):
    return f"rabbit-{number}@127.0.0.1"


def number_of(name):
    return int(name.partition("@")[0].removeprefix("rabbit-"))


def offset_of(firsts):
    """The first that all have."""
    return max(firsts.values())


def replace(text, **words):
    for word, meant in words.items():
        text = text.replace(word, str(meant))
    return text


def home(workplace):
    """The directory of RabbitMQ, fetched if this machine does not have it yet: Debian's package
    would start a service of its own when it is installed."""
    return installed(pathlib.Path("/")) or fetched(workplace)


def installed(root):
    found = sorted(root.glob("usr/lib/rabbitmq/lib/rabbitmq_server-*"))
    return found[-1] if found else None


def fetched(workplace):
    if not shutil.which("erl_call"):
        raise Failed("there is no Erlang: install the packages of tools/packages/test.txt")
    folder = cache("rabbitmq") / VERSION
    if not folder.is_dir():
        # Beside its place, so that it gets there in one step, whole, and whoever else fetches as
        # well may win.
        beside = pathlib.Path(tempfile.mkdtemp(prefix="fetched-", dir=folder.parent))
        try:
            workplace.run(("apt-get", "-q", "download", PACKAGE), beside, FETCH_SECONDS)
            package, = beside.glob("*.deb")
            workplace.run(("dpkg-deb", "-x", package, beside / "tree"))
            os.rename(beside / "tree", folder)
        except (Failed, OSError, ValueError) as failure:
            if not folder.is_dir():
                raise Failed(f"{PACKAGE} could not be fetched: run apt-get update, or install "
                             f"{PACKAGE}:\n{failure}") from None
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    return installed(folder)
