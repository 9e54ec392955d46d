"""The local stack with its worker: what `recalibra up` and the demo run."""

import shutil
import time
from collections.abc import Callable, Mapping

from schemas.errors import OursError, UserError
from schemas.topics import TOPICS
from streams.addresses import DEMO_FOLDER, as_environment, with_stack
from streams.clickhouse_access import ensure_tables
from streams.kafka_access import ensure_topics, groups_ready, stage_names
from streams.local.stack import LocalStack
from streams.local.state import read_running_stack
from streams.notify import group_of
from streams.notify.channels import names_of
from streams.process_counts import wanted_stages
from streams.restore_screen import RestoreScreen
from streams.settings import Settings
from streams.supervisor import Supervisor

LOOK_EVERY_S = 0.2
STAGES_TIMEOUT_S = 60.0
DEFAULT_QUERY = "SELECT metric, value, n FROM accuracy WHERE window = 'all'"


class LocalSession:
    """Kafka, ClickHouse and every stage, from `start` to `stop`; `say` gets a line per step."""

    def __init__(
        self,
        settings: Settings,
        *,
        kafka_port: int | None = None,
        clickhouse_port: int | None = None,
        processes: int | Mapping[str, int] = 1,
        say: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self._processes, self._say = processes, say
        self.supervisor: Supervisor | None = None
        self._screen = RestoreScreen(settings.state_dir, settings.kafka.topic_prefix, say)
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
        ensure_tables(self.settings.clickhouse)
        logs = self.settings.state_dir / "logs"
        stages = wanted_stages(self.settings)
        self._say(f"Starting the stages {', '.join(stages)}")
        self.supervisor = Supervisor(
            stages, self._processes, as_environment(self.settings), logs, self._say
        )
        self.supervisor.start()
        self._await_stages()

    def _await_stages(self) -> None:
        """Return when every stage has its partitions; until then results would only queue up."""
        kafka = self.settings.kafka
        groups = [f"{kafka.topic_prefix}-{stage}" for stage in stage_names()]
        groups += [group_of(kafka.topic_prefix, name) for name in names_of(self.settings.notify)]
        deadline = time.monotonic() + STAGES_TIMEOUT_S
        while not groups_ready(kafka, groups):
            self.check()
            self._screen.look()
            if time.monotonic() > deadline:
                logs = self.settings.state_dir / "logs"
                raise OursError(f"the stages were not ready in time; see the logs in {logs}")
            time.sleep(LOOK_EVERY_S)
        self._say("The stages are ready")

    def check(self) -> None:
        """Start again what ended of the stages; raises OursError when a service died."""
        self.stack.check()
        if self.supervisor is not None:
            self.supervisor.check()

    def stay(self) -> None:
        """Keep everything running until a signal or a failure; blocks."""
        while True:
            self.check()
            self._screen.look()
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """Stop the stages, then the services; nothing is left running."""
        self._screen.close()
        if self.supervisor is not None:
            self.supervisor.stop()
        self.stack.stop()

    def _ask_lines(self, query: str) -> str:
        """Return shell lines that put a question, one with our program and one with curl."""
        clickhouse = self.settings.clickhouse
        lines = f'Ask         .venv/bin/recalibra query "{query}"'
        user = self.stack.clickhouse_users.get("analyst")
        if user is not None:
            url = f"http://{clickhouse.host}:{clickhouse.port}/?database={clickhouse.database}"
            login = f"-u analyst:{user.password}"
            lines += f'\nor          curl -s {login} "{url}" -d "{query} FORMAT PrettyCompact"'
        return lines

    def welcome(self, query: str = DEFAULT_QUERY) -> str:
        """Return what a person needs to know to use the running stack, with a query to paste."""
        kafka, clickhouse = self.settings.kafka, self.settings.clickhouse
        topics = ", ".join(TOPICS)
        return (
            f"Kafka       {kafka.bootstrap_servers}   topics {kafka.topic_prefix}.*: {topics}\n"
            f"ClickHouse  http://{clickhouse.host}:{clickhouse.port}   "
            f"database {clickhouse.database}\n"
            f"Send        .venv/bin/recalibra connect csv --predictions P.csv --outcomes O.csv\n"
            f"{self._ask_lines(query)}\n"
            f"Logs        {self.settings.state_dir / 'logs'}\n"
            "Ctrl-C stops."
        )


def fresh_demo_session(settings: Settings, say: Callable[[str], None]) -> LocalSession:
    """Return a session of its own for the demo, with nothing of an earlier run in it.

    Raises UserError while another demo runs.
    """
    folder = settings.state_dir / DEMO_FOLDER
    if (running := read_running_stack(folder)) is not None:
        raise UserError(f"a demo runs already (process {running.pid}); stop it with Ctrl-C first")
    shutil.rmtree(folder, ignore_errors=True)
    cache = settings.cache_dir or settings.state_dir / "cache"
    own = settings.model_copy(update={"state_dir": folder, "cache_dir": cache})
    return LocalSession(own, say=say)
