"""The local stack with its worker: what `recalibra up` and the demo run."""

import shlex
import time
from collections.abc import Callable

from schemas.topics import TOPICS
from streams.addresses import as_environment, with_stack
from streams.kafka_access import ensure_topics, stage_names
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.supervisor import Supervisor

LOOK_EVERY_S = 0.2


class LocalSession:
    """Kafka, ClickHouse and every stage, from `start` to `stop`; `say` gets a line per step."""

    def __init__(
        self,
        settings: Settings,
        *,
        kafka_port: int | None = None,
        clickhouse_port: int | None = None,
        processes: int = 1,
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self._processes, self._say = processes, say
        self.supervisor: Supervisor | None = None
        self.stack = LocalStack(
            settings.state_dir,
            settings.cache_dir,
            kafka=settings.kafka.bootstrap_servers is None,
            clickhouse=settings.clickhouse.host is None,
            kafka_port=kafka_port,
            clickhouse_port=clickhouse_port,
            clickhouse_database=settings.clickhouse.database,
            maven_repository=settings.maven_repository,
            progress=say,
        )

    def start(self) -> None:
        """Start the services, create topics and tables, start the stages."""
        self.stack.start()
        self.settings = with_stack(self.settings, self.stack.addresses)
        ensure_topics(self.settings.kafka)
        logs = self.settings.state_dir / "logs"
        self._say(f"Starting the stages {', '.join(stage_names())}")
        self.supervisor = Supervisor(
            stage_names(), self._processes, as_environment(self.settings), logs, self._say
        )
        self.supervisor.start()

    def check(self) -> None:
        """Start again what ended of the stages; raises OursError when a service died."""
        self.stack.check()
        if self.supervisor is not None:
            self.supervisor.check()

    def stay(self) -> None:
        """Keep everything running until a signal or a failure; blocks."""
        while True:
            self.check()
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Stop the stages, then the services; nothing is left running."""
        if self.supervisor is not None:
            self.supervisor.stop()
        self.stack.stop()

    def query_line(self, query: str) -> str:
        """Return a shell line that asks ClickHouse as the read-only analyst."""
        clickhouse = self.settings.clickhouse
        user = self.stack.clickhouse_users.get("analyst")
        if user is None:
            return f"recalibra query {shlex.quote(query)}"
        url = f"http://{clickhouse.host}:{clickhouse.port}/?database={clickhouse.database}"
        login = f"-u analyst:{user.password}"
        return f"curl -s {login} {shlex.quote(url)} --data-binary {shlex.quote(query)}"

    def welcome(self) -> str:
        """Return what a person needs to know to use the running stack."""
        kafka, clickhouse = self.settings.kafka, self.settings.clickhouse
        topics = ", ".join(f"{kafka.topic_prefix}.{short}" for short in TOPICS)
        query = "SELECT metric, value, n FROM accuracy WHERE window = 'all' FORMAT PrettyCompact"
        return (
            f"Kafka       {kafka.bootstrap_servers}   topics {topics}\n"
            f"ClickHouse  http://{clickhouse.host}:{clickhouse.port}   "
            f"database {clickhouse.database}\n"
            f"Send        recalibra connect csv --predictions P.csv --outcomes O.csv\n"
            f"Ask         {self.query_line(query)}\n"
            f"Logs        {self.settings.state_dir / 'logs'}\n"
            "Ctrl-C stops."
        )
