"""One Kafka broker in one folder: KRaft, loopback only, data kept across restarts."""

import base64
import logging
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import UserError
from streams.local.child import Child, Progress
from streams.local.jars import KAFKA_VERSION, kafka_jars
from streams.local.java import find_java
from streams.local.ports import LOOPBACK, is_listening

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

HEAP_MB = 512
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
READY_TIMEOUT_S = 60.0
FORMAT_TIMEOUT_S = 60.0
METADATA_TIMEOUT_S = 5.0
# A local lab has few groups: 50 partitions, the default, only cost files and time.
INTERNAL_TOPIC_PARTITIONS = 4
BROKER_SESSION_TIMEOUT_MS = 3000

_log = logging.getLogger(__name__)


class KafkaBroker:
    """A broker whose files are in `folder` (data, server.properties, tmp) and `cache` (jars).

    `port` is for clients, `controller_port` for the broker's own use; both are loopback's.
    `repository` is the address of a Maven repository, None means Maven Central. `keep_open` are
    file descriptors that the broker holds while it runs. `properties` are the broker's own settings
    that go before ours, `format_options` the storage tool's, such as the first SCRAM users.
    """

    def __init__(
        self,
        folder: Path,
        cache: Path,
        log_path: Path,
        progress: Progress,
        *,
        port: int,
        controller_port: int,
        repository: str | None = None,
        keep_open: Sequence[int] = (),
        properties: Mapping[str, str] | None = None,
        format_options: Sequence[str] = (),
    ) -> None:
        self._folder = folder.resolve()
        self._cache = cache.resolve()
        self._log_path = log_path.resolve()
        self._progress = progress
        self._port = port
        self._controller_port = controller_port
        self._repository = repository
        self._keep_open = keep_open
        self._properties = dict(properties or {})
        self._format_options = format_options
        self._admin: AdminClient | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Address that clients connect to, `host:port`."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> Child:
        """Fetch what is missing, format an empty folder, start the broker; not ready yet.

        Raises UserError when Java is missing or the jars cannot be fetched.
        """
        java = self._java_command()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._renew_temporary_folder()
        if not (self._folder / "data").exists():
            self._format(java)
        properties = self._write_properties("server.properties", "data")
        child = self._child("Kafka", [*java, "kafka.Kafka", properties.name])
        self._progress(f"Starting Kafka {KAFKA_VERSION}")
        child.start()
        return child

    def is_ready(self) -> bool:
        """Tell whether the broker answers clients, itself among the brokers it names."""
        # Ask the port first: the client library complains of refused connections.
        return is_listening(self._port) and self._names_itself()

    def _names_itself(self) -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        try:
            brokers = self._admin.list_topics(timeout=METADATA_TIMEOUT_S).brokers.values()
        except KafkaException as error:
            _log.debug("Kafka does not answer yet: %s", error)
            return False
        if not any(broker.port == self._port for broker in brokers):
            return False
        self._admin = None
        return True

    def _java_command(self) -> list[str]:
        jars = [str(jar) for jar in kafka_jars(self._cache, self._repository, self._progress)]
        if any(":" in jar for jar in jars):
            raise UserError(
                f"Java cannot use the cache folder {self._cache} because of the colon in its name:"
                " choose a folder without one."
            )
        options = [f"-Xmx{HEAP_MB}m", f"-Xms{HEAP_MB // 4}m", *JAVA_OPTIONS]
        return [str(find_java()), *options, "-cp", ":".join(jars)]

    def _renew_temporary_folder(self) -> None:
        """Empty the folder into which the codecs' native libraries are unpacked at each start."""
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()

    def _format(self, java: list[str]) -> None:
        """Format beside the final folder and rename, so that a half formatted one is never used."""
        self._progress("Formatting Kafka's storage (first start only)")
        unfinished = self._folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        properties = self._write_properties("format.properties", unfinished.name)
        command = [*java, "kafka.tools.StorageTool", "format", "--config", properties.name]
        command += ["--cluster-id", _new_cluster_id(), *self._format_options]
        self._child("Kafka's storage tool", command).run(FORMAT_TIMEOUT_S)
        unfinished.rename(self._folder / "data")
        properties.unlink()

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(
            name,
            command,
            self._log_path,
            environment=ENVIRONMENT,
            working_folder=self._folder,
            keep_open=self._keep_open,
        )

    def _write_properties(self, name: str, data: str) -> Path:
        controller = f"{LOOPBACK}:{self._controller_port}"
        properties = {
            **PROPERTIES,
            "log.dirs": data,
            "listeners": f"CLIENT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENT://{self.bootstrap_servers}",
            # The static quorum: its address may change with each start, a dynamic one's may not.
            "controller.quorum.voters": f"{PROPERTIES['node.id']}@{controller}",
            **self._properties,
        }
        path = self._folder / name
        lines = [f"{key}={value}\n" for key, value in properties.items()]
        path.write_text("".join(lines), encoding="ascii")
        return path


def _new_cluster_id() -> str:
    """Return a random UUID as Kafka writes it: URL-safe base64 without padding, no leading dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):
            return text


# Paths are relative to the broker's working folder: a properties file is Latin-1, and log.dirs is
# a list parted by commas, so a folder's name could not always be written there.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENT",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": str(INTERNAL_TOPIC_PARTITIONS),
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": str(INTERNAL_TOPIC_PARTITIONS),
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "message.max.bytes": str(MESSAGE_BYTES_MAX),
    "replica.fetch.max.bytes": str(MESSAGE_BYTES_MAX),
    # After a kill the controller refuses the broker until its last session has timed out (9 s).
    "broker.session.timeout.ms": str(BROKER_SESSION_TIMEOUT_MS),
    "broker.heartbeat.interval.ms": str(BROKER_SESSION_TIMEOUT_MS // 6),
    "num.recovery.threads.per.data.dir": "2",
}
JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    # Compiling all twice costs more than a broker of this size ever wins by it.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    "-Djava.io.tmpdir=tmp",
    "-Dlog4j2.level=WARN",
)
# Java decodes file names by the locale, and under the C locale not even a home folder's umlaut.
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}
