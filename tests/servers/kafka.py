"""Kafka (KRaft, each node broker and controller) from the jars that Maven has, on a Java runtime of
17 or later. Server N has node id N."""

import os
import pathlib
import shutil
import socket
import struct
import tempfile

from deployment import Deployment
from processes import Failed, accepts, cache

VERSION = "4.1.0"  # has strict min.insync.replicas
ARTIFACTS = ("kafka_2.13", "kafka-server", "kafka-tools")
FETCH_SECONDS = 600

# Quick fail-over; the defaults are 9 s, 2 s, 30 s, 2 s and 1 s.
SETTINGS = """
process.roles=broker,controller
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
replica.lag.time.max.ms=3000
controller.quorum.fetch.timeout.ms=1000
replica.fetch.backoff.ms=100
log.segment.delete.delay.ms=1000
"""
SECURE = """
listener.security.protocol.map=INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_settle="se:cret";
listener.name.client.ssl.keystore.location=KEYS
listener.name.client.ssl.keystore.password=changeit
"""
LOGGING = """
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
"""
JAVA = ("java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC")
# Compiling for the long run would take the processors from a short test.
SHORT_RUN = "-XX:TieredStopAtLevel=1"


class Kafka(Deployment):
    summary = "Kafka of 1 or 3 nodes"

    @classmethod
    def arguments(cls, parser):
        parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
        parser.add_argument("--secure", action="store_true",
                            help="clients need TLS, a name and a password")
        parser.add_argument("--long-run", action="store_true", help="for measurements")

    def __init__(self, workplace, nodes=1, secure=False, long_run=False, host="127.0.0.1"):
        """`host`: where clients find it."""
        super().__init__(workplace)
        self.host = host
        self.java = JAVA if long_run else (*JAVA, SHORT_RUN)
        self.count, self.secure = nodes, secure
        self.ports = [workplace.free_port() for _ in range(nodes)]

    def start(self):
        classes = f"{jars(self.workplace)}/*"
        internal = [self.workplace.free_port() for _ in self.ports]
        voting = [self.workplace.free_port() for _ in self.ports]
        voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(voting, 1))
        settings = SETTINGS + (SECURE.replace("KEYS", str(self._keys())) if self.secure else "")
        logging = self.workplace.directory / "log4j2.properties"
        logging.write_text(LOGGING)
        java = (*self.java, f"-Dlog4j2.configurationFile={logging}", "-cp", classes)
        for number, port in enumerate(self.ports, 1):
            folder = self.workplace.folder(f"kafka-{number}")
            clients = f"CLIENT://{self.host}:{port},INTERNAL://127.0.0.1:{internal[number - 1]}"
            (folder / "server.properties").write_text(f"""{settings}
node.id={number}
controller.quorum.voters={voters}
listeners={clients},CONTROLLER://127.0.0.1:{voting[number - 1]}
advertised.listeners={clients}
log.dirs={folder / "data"}
offsets.topic.replication.factor={self.count}
transaction.state.log.replication.factor={self.count}
transaction.state.log.min.isr=1
""")
            self.workplace.run(
                (*java, "kafka.tools.StorageTool", "format", "--cluster-id",
                 "c2V0dGxlLXRlc3Qta2Fma2", "--config", "server.properties"), folder)
            self.nodes.append(self.workplace.server(
                f"kafka-{number}", (*java, "kafka.Kafka", "server.properties"),
                lambda port=port: accepts(port, self.host), folder))
        for node in self.nodes:  # none of several is ready without the others
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()

    @property
    def url(self):
        user = "settle:se%3Acret@" if self.secure else ""
        servers = ",".join(f"{self.host}:{port}" for port in self.ports)
        return f"kafka://{user}{servers}" + (f"?tls=on&ca={self._ca()}" if self.secure else "")

    def controller(self):
        """The number of the active controller, as most servers that answer have it; None if none
        knows of one."""
        told = [leader for leader in map(self._controller_of, self.ports) if leader]
        return max(set(told), key=told.count) if told else None

    def _controller_of(self, port):
        # DescribeQuorum of version 0, of partition 0 of the metadata's log.
        topic = b"\x13__cluster_metadata\x02" + struct.pack(">i", 0) + b"\0\0"
        try:
            told = ask(self.host, port, 55, 0, b"\x02" + topic + b"\0", flexible=True)
        except OSError:
            return None
        error, = struct.unpack_from(">h", told)
        if error:
            return None
        # A count, the name, a count, the partition, its error; then the leader.
        at = 2 + 1 + 19 + 1 + 4
        error, leader = struct.unpack_from(">hi", told, at)
        return leader if not error and leader > 0 else None

    def in_step(self):
        """Whether all servers say that all replicas of all partitions are in sync."""
        return all(self._in_step_at(port) for port in self.ports)

    def _in_step_at(self, port):
        # Metadata of version 1, of all topics.
        reader = Reader(ask(self.host, port, 3, 1, struct.pack(">i", -1)))
        if reader.number(4) != self.count:
            return False
        for _ in range(self.count):
            reader.skip(4)  # a server: its number, host, port, rack
            reader.text()
            reader.skip(4)
            reader.text()
        reader.skip(4)
        for _ in range(reader.number(4)):
            reader.skip(2)
            reader.text()
            reader.skip(1)
            for _ in range(reader.number(4)):
                error = reader.number(2)
                reader.skip(8)
                replicas, in_sync = ([reader.number(4) for _ in range(reader.number(4))]
                                     for _ in range(2))
                if error or len(in_sync) < len(replicas):
                    return False
        return True

    def _ca(self):
        return self.workplace.directory / "ca.pem"

    def _keys(self):
        keys = self.workplace.directory / "keys.p12"
        common = ("-keystore", keys, "-storepass", "changeit", "-alias", "kafka")
        self.workplace.run(("keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=kafka", "-ext",
                            "SAN=ip:127.0.0.1", "-storetype", "PKCS12", *common))
        self.workplace.run(("keytool", "-exportcert", "-rfc", "-file", self._ca(), *common))
        return keys


class Reader:
    """Of Kafka's answers."""

    def __init__(self, told):
        self.told, self.at = told, 0

    def skip(self, size):
        self.at += size

    def number(self, size):
        self.skip(size)
        return int.from_bytes(self.told[self.at - size:self.at], "big", signed=True)

    def text(self):
        self.skip(max(0, self.number(2)))


def ask(host, port, what, version, body, flexible=False, timeout=2):
    """The body of the answer to one request. Raises OSError."""
    request = struct.pack(">hhih", what, version, 1, -1) + (b"\0" if flexible else b"") + body
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as stream:
            size = stream.read(4)
            if len(size) < 4:
                raise ConnectionError("the connection ended")
            told = stream.read(struct.unpack(">i", size)[0])
    return told[5 if flexible else 4:]


def jars(workplace):
    """The directory of the jars, fetched if this machine does not have them yet."""
    folder = cache("kafka") / VERSION
    if folder.is_dir():
        return folder
    if not shutil.which("mvn"):
        raise Failed("Kafka's jars are fetched by Maven: install maven")
    artifacts = "".join(
        f"<dependency><groupId>org.apache.kafka</groupId><artifactId>{name}</artifactId>"
        f"<version>{VERSION}</version></dependency>" for name in ARTIFACTS)
    # Beside its place, so that it gets there in one step, whole, and whoever else fetches as well
    # may win.
    fetched = pathlib.Path(tempfile.mkdtemp(prefix="fetched-", dir=folder.parent))
    try:
        (fetched / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>settle</groupId>"
            "<artifactId>servers</artifactId><version>1</version><packaging>pom</packaging>"
            f"<dependencies>{artifacts}</dependencies></project>")
        workplace.run(("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"),
                      fetched, FETCH_SECONDS)
        try:
            os.rename(fetched / "jars", folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(fetched, ignore_errors=True)
    return folder
