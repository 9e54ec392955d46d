"""One seed from its plan to its result: input, stages, faults, then the comparison."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from confluent_kafka.admin import AdminClient
from crew import Crew
from fault_input import Input, make_input
from fault_plan import STAGES, Plan
from fault_scripts import scripts_of
from lab_events import DAY_US, RETENTION_DAYS, RETENTION_DAYS_BY_ASSAY
from load import Load
from observation import Observer
from oracle_metrics import coverage_oracle, metric_oracle
from oracle_pairs import pair_oracle
from result import Result
from services import Services
from verdict import Expected, Verdict, judge

from schemas.errors import RecalibraError
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import asking, ensure_tables
from streams.kafka_access import client_settings, ensure_topics
from streams.settings import Settings
from streams.settings.lab import CoreSettings
from streams.settings.processes import StreamSettings
from streams.settings.services import KafkaSettings

SESSION_TIMEOUT_S = 6.0
STEP_S = 0.05
FAULTS_DEADLINE_S = 75.0
SETTLE_DEADLINE_S = 75.0
STILL_FOR_S = 1.0
# Longer than a worker needs to start and the broker to let its dead predecessor go.
STUCK_AFTER_S = 16.0

Say = Callable[[str], None]


class Scenario:
    """Runs one plan on services that run already."""

    def __init__(self, plan: Plan, services: Services, folder: Path, say: Say) -> None:
        self._plan, self._services, self._folder, self._say = plan, services, folder, say
        self._settings = _settings(plan, services, folder)
        self._result = Result(plan.seed, plan.describe())
        self._crew = Crew(plan, folder, as_environment(self._settings))
        self._began = time.monotonic()
        self._told_until = 0.0

    def run(self) -> Result:
        """Run to the end; what goes wrong on the way is a difference."""
        now_us = time.time_ns() // 1_000
        given = make_input(self._plan, now_us // DAY_US * DAY_US)
        pairs = pair_oracle(given.messages, now_us)
        label_coverage = coverage_oracle(pairs.coverage)
        expected = Expected(pairs, metric_oracle(pairs.pairs), label_coverage)
        self._progress(f"{self._plan.describe()}")
        try:
            ensure_topics(self._settings.kafka)
            self._empty_database()
            ensure_tables(self._settings.clickhouse)
            self._run_stages(given, expected)
        except (RecalibraError, TimeoutError) as error:
            self._result.differences.insert(0, f"{type(error).__name__}: {error}")
        finally:
            self._crew.stop()
        self._count_effects()
        self._clean_up()
        self._result.seconds = time.monotonic() - self._began
        return self._result

    def _progress(self, text: str) -> None:
        self._say(f"seed {self._plan.seed} [{time.monotonic() - self._began:4.1f} s] {text}")

    def _run_stages(self, given: Input, expected: Expected) -> None:
        load = Load(self._settings, given.messages)
        load.send_backlog()
        for stage in STAGES:
            self._crew.start(f"{stage} 1")
        if self._plan.zombie_stage is not None:
            self._crew.start(f"{self._plan.zombie_stage} 2")
        self._run_faults(load)
        load.send_rest()
        self._progress("all faults are over, all input is sent")
        self._settle(given, expected)

    def _run_faults(self, load: Load) -> None:
        effects = self._result.effects
        scripts = scripts_of(self._plan, self._crew, self._services, effects)
        deadline = time.monotonic() + FAULTS_DEADLINE_S
        while scripts or self._crew.traps_left():
            if time.monotonic() > deadline:
                unfinished = [f"{name} did not end" for name in scripts]
                self._result.missed = self._crew.traps_left() + unfinished
                return
            self._crew.check()
            self._tell_traps()
            load.trickle()
            for name, script in list(scripts.items()):
                if next(script, self) is self:
                    del scripts[name]
                    self._progress(f"done: {name}")
            time.sleep(STEP_S)

    def _tell_traps(self) -> None:
        for marker in self._crew.markers("kill", "stop", after=self._told_until):
            self._told_until = float(marker["at"]) + 1e-6
            self._progress(f"{marker['worker']}: {marker['what']} at {marker['point']}")

    def _settle(self, given: Input, expected: Expected) -> None:
        """Compare whenever nothing changes any more, until all is equal or it stays unequal."""
        observer = Observer(self._settings)
        deadline = time.monotonic() + SETTLE_DEADLINE_S
        state, changed_at, looked_at = self._state(observer), time.monotonic(), -1.0
        while True:
            self._crew.check()
            time.sleep(STEP_S * 4)
            now = self._state(observer)
            if now != state:
                state, changed_at = now, time.monotonic()
            still_s = time.monotonic() - changed_at
            over = time.monotonic() > deadline or still_s > STUCK_AFTER_S
            if not over and (still_s < STILL_FOR_S or looked_at >= changed_at):
                continue
            if not over and observer.far_behind(state[0]):
                continue
            looked_at = time.monotonic()
            verdict = judge(observer, self._plan, given, expected, over)
            self._take(verdict)
            told = verdict.behind + verdict.differences
            self._progress(f"compared: {len(told)} lines of differences")
            if over and told:
                self._crew.tell_stacks()
            if over or not told:
                return

    def _state(self, observer: Observer) -> tuple[dict[tuple[str, int], int], object]:
        """Return what changes while anything is still under way: topics, and workers."""
        return observer.ends(), self._crew.lives

    def _take(self, verdict: Verdict) -> None:
        self._result.differences = verdict.behind + verdict.differences
        self._result.accounted = dict(verdict.accounted)
        self._result.effects |= verdict.counted

    def _count_effects(self) -> None:
        """Add what the processes wrote down to the effects, and what is missing to `missed`."""
        crew, effects = self._crew, self._result.effects
        for marker in crew.markers("kill"):
            name = f"kill_{marker['point']}"
            effects[name] = effects.get(name, 0) + 1
        effects["fences"] = len(crew.markers("fenced"))
        opened = crew.markers("opened")
        effects["takeovers"] = len(opened)
        effects["records_restored"] = sum(int(marker["restored"]) for marker in opened)
        effects["rebalances"] = len(crew.markers("assigned"))
        self._result.ends = [end for worker in crew.workers.values() for end in worker.ends]
        effects["restarts"] = len(self._result.ends)
        planned = self._planned_effects()
        self._result.missed += [name for name in planned if not effects.get(name)]

    def _planned_effects(self) -> Counter[str]:
        """Return which effects the plan cannot be without."""
        plan = self._plan
        planned = Counter(name for name in plan.fault_kinds if name.startswith("kill_"))
        planned.update(["records_restored"])
        if plan.zombie_stage is not None:
            planned.update(["zombies"])
        if plan.major.startswith("broker"):
            planned.update(["broker_restarts"])
        if plan.major.startswith("clickhouse"):
            planned.update(["clickhouse_away_s"])
        if plan.major == "storm":
            planned.update(["storm_rebalances"])
        if "kill_after_produce" in planned or plan.major == "zombie_after_produce":
            planned.update(["aborted_records"])
        return planned

    def _empty_database(self) -> None:
        """Drop what the seed before left: the local ClickHouse serves one database."""
        clickhouse = self._settings.clickhouse
        with asking(clickhouse.model_copy(update={"database": "default"})) as client:
            client.command(
                "DROP DATABASE IF EXISTS {name:Identifier}",
                parameters={"name": clickhouse.database},
            )

    def _clean_up(self) -> None:
        """Drop what the next seeds would only be slowed by; a seed that differs keeps its logs."""
        kafka = self._settings.kafka
        if self._result.differences:
            Observer(self._settings).write_down(self._folder)
        admin = AdminClient(client_settings(kafka))
        prefix = f"{kafka.topic_prefix}."
        topics = [name for name in admin.list_topics(timeout=10).topics if name.startswith(prefix)]
        for deleted in admin.delete_topics(topics).values():
            deleted.result(10)
        told = json.dumps(self._result.as_json(), indent=1)
        (self._folder / "result.json").write_text(told)
        if self._result.passed:
            shutil.rmtree(self._folder, ignore_errors=True)


def _settings(plan: Plan, services: Services, folder: Path) -> Settings:
    settings = Settings(
        state_dir=folder,
        kafka=KafkaSettings(topic_prefix=f"seed{plan.seed}", partitions=plan.partitions),
        # Checkpoints come often, so that every planned point of one is met.
        streams=StreamSettings(
            session_timeout_s=SESSION_TIMEOUT_S, summary_interval_s=0.1, row_interval_s=0.1
        ),
        core=CoreSettings(
            retention_days=RETENTION_DAYS, retention_days_by_assay=RETENTION_DAYS_BY_ASSAY
        ),
    )
    settings = with_stack(settings, services.broker.addresses)
    return with_stack(settings, services.clickhouse.addresses)
