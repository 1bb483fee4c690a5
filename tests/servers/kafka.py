"""Kafka (KRaft, each node broker and controller) from the jars that Maven has, on a Java runtime of
17 or later. Server N has node id N."""

import os
import pathlib
import shutil
import tempfile

from deployment import Deployment
from processes import Failed, accepts, cache

VERSION = "4.1.0"  # has strict min.insync.replicas
ARTIFACTS = ("kafka_2.13", "kafka-server", "kafka-tools")
FETCH_SECONDS = 600

# Quick fail-over; the defaults are 9 s, 2 s, 30 s and 2 s.
SETTINGS = """
process.roles=broker,controller
controller.listener.names=CONTROLLER
inter.broker.listener.name=INTERNAL
listener.security.protocol.map=INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT,CLIENT:PLAINTEXT
broker.session.timeout.ms=1500
broker.heartbeat.interval.ms=300
replica.lag.time.max.ms=3000
controller.quorum.fetch.timeout.ms=1000
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

    def __init__(self, workplace, nodes=1, secure=False, long_run=False):
        super().__init__(workplace)
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
            clients = f"CLIENT://127.0.0.1:{port},INTERNAL://127.0.0.1:{internal[number - 1]}"
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
                lambda port=port: accepts(port), folder))
        for node in self.nodes:  # none of several is ready without the others
            node.launch()
        for node in self.nodes:
            node.wait_until_ready()

    @property
    def url(self):
        user = "settle:se%3Acret@" if self.secure else ""
        servers = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"kafka://{user}{servers}" + (f"?tls=on&ca={self._ca()}" if self.secure else "")

    def _ca(self):
        return self.workplace.directory / "ca.pem"

    def _keys(self):
        keys = self.workplace.directory / "keys.p12"
        common = ("-keystore", keys, "-storepass", "changeit", "-alias", "kafka")
        self.workplace.run(("keytool", "-genkeypair", "-keyalg", "EC", "-dname", "CN=kafka", "-ext",
                            "SAN=ip:127.0.0.1", "-storetype", "PKCS12", *common))
        self.workplace.run(("keytool", "-exportcert", "-rfc", "-file", self._ca(), *common))
        return keys


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
