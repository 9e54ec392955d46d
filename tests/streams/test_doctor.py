"""The doctor, healthy and with each thing it has to find."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclOperation,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from pydantic import SecretStr
from secure_broker import SecureBroker

from schemas.errors import SettingsError, UserError
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import asking, ensure_tables
from streams.clocks import Deviation, kafka_deviation, refuse_wrong_clock
from streams.doctor import clock, disk, memory
from streams.doctor._checkup import Checkup, Said, examined, subjects
from streams.doctor._finding import Finding, fine
from streams.kafka_access import ensure_topics, wanted_topics
from streams.local.stack import LocalStack
from streams.settings import REPOSITORY, Settings
from streams.settings.processes import DoctorSettings, StreamSettings
from streams.settings.services import ClickHouseSettings, KafkaSettings, SchemaRegistrySettings

WRONG = "sesame-open"


@pytest.fixture(scope="module")
def storing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouseSettings]:
    with LocalStack(tmp_path_factory.mktemp("clickhouse"), kafka=False) as stack:
        found = with_stack(Settings(), stack.addresses).clickhouse
        ensure_tables(found)
        yield found


@pytest.fixture
def settings(secured: SecureBroker, storing: ClickHouseSettings, tmp_path: Path) -> Settings:
    """A lab where all is well."""
    kafka = secured.kafka()
    secured.allow(kafka.topic_prefix)
    ensure_topics(kafka)
    return Settings(state_dir=tmp_path, kafka=kafka, clickhouse=storing)


def changed(settings: Settings, **sections: object) -> Settings:
    return settings.model_copy(update=sections)


def found(settings: Settings) -> list[Said]:
    return examined(Checkup(settings))


def of(said: list[Said], subject: str, level: str) -> list[str]:
    return [s.finding.text for s in said if s.subject == subject and s.finding.level == level]


def doctor(settings: Settings, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "streams.cli", "doctor", *options],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"]} | as_environment(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_is_well(settings: Settings) -> None:
    done = doctor(settings, "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["level"] for row in rows} == {"ok"}, done.stdout
    assert {row["subject"] for row in rows} == set(subjects())
    assert (done.returncode, done.stderr) == (0, "")


def test_one_failing_subject_does_not_hide_the_others(settings: Settings) -> None:
    kafka = settings.kafka.model_copy(update={"password": SecretStr(WRONG)})
    done = doctor(changed(settings, kafka=kafka))
    assert done.returncode == 2
    lines = {line[2:17].strip(): line for line in done.stdout.splitlines() if line[0] != " "}
    assert lines["broker"].startswith("✗") and "refuses the login" in lines["broker"]
    assert lines["topics"].startswith("–") and lines["clickhouse"].startswith("✓")
    assert lines["disk"].startswith("✓")
    assert "✓ clock           this machine's clock goes with that of ClickHouse" in done.stdout
    assert done.stdout.count("refuses the login") == 1
    assert WRONG not in done.stdout + done.stderr


def test_a_setting_that_cannot_be_read_is_the_only_finding(settings: Settings) -> None:
    bad = settings.kafka.model_copy(update={"partitions": 0})
    done = doctor(changed(settings, kafka=bad), "--json")
    (row,) = map(json.loads, done.stdout.splitlines())
    assert (row["subject"], row["level"], done.returncode) == ("settings", "error", 2)
    assert "kafka.partitions" in row["text"]


def test_topics_that_are_missing_or_other_than_they_must_be(
    secured: SecureBroker, settings: Settings
) -> None:
    prefix = settings.kafka.topic_prefix
    changes = {
        f"{prefix}.pairs": {"cleanup.policy": "compact"},
        f"{prefix}.outcomes": {"retention.ms": "3600000"},
        f"{prefix}.join-changelog": {"cleanup.policy": "delete"},
    }
    for topic, config in changes.items():
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
        secured.admin.incremental_alter_configs([resource])[resource].result(20)
    secured.admin.delete_topics([f"{prefix}.late"])[f"{prefix}.late"].result(20)
    said = found(settings)
    wrong, doubtful = of(said, "topics", "error"), of(said, "topics", "warning")
    assert any("1 of 13 topics are not there" in text and ".late" in text for text in wrong)
    assert any(f"{prefix}.pairs has cleanup.policy compact" in text for text in wrong)
    assert any(f"{prefix}.join-changelog has cleanup.policy delete" in text for text in wrong)
    assert any(f"{prefix}.outcomes has retention.ms of 0.0 days" in text for text in doubtful)
    other = settings.kafka.model_copy(update={"partitions": 8})
    wrong = of(found(changed(settings, kafka=other)), "topics", "error")
    assert any("has 4 partitions and the setting kafka.partitions is 8" in text for text in wrong)


def test_rights_that_are_missing(secured: SecureBroker, settings: Settings) -> None:
    prefix = settings.kafka.topic_prefix
    secured.deny(f"{prefix}.outcomes", AclOperation.READ)
    secured.deny(f"{prefix}.metrics", AclOperation.WRITE)
    said = found(settings)
    wrong = of(said, "rights", "error")
    assert len(wrong) == 2
    assert any(f"may not read topic {prefix}.outcomes" in text for text in wrong)
    assert any(f"may not write topic {prefix}.metrics" in text for text in wrong)
    assert of(said, "topics", "ok")


def test_a_user_without_any_right(secured: SecureBroker, settings: Settings) -> None:
    kafka = settings.kafka.model_copy(update={"topic_prefix": "forbidden"})
    for topic in list(wanted_topics(kafka))[:1]:
        if topic not in secured.admin.list_topics(timeout=20).topics:
            secured.admin.create_topics([NewTopic(topic, 4)])[topic].result(20)
    wrong = " ".join(of(found(changed(settings, kafka=kafka)), "rights", "error"))
    for kind in ("topic", "group", "transactional id"):
        assert f"{kind} forbidden" in wrong
    assert "may not create topics" in wrong


def test_what_clickhouse_lacks(settings: Settings, tmp_path: Path) -> None:
    with LocalStack(tmp_path / "other", kafka=False) as stack:
        stored = with_stack(Settings(), stack.addresses).clickhouse
        other = changed(settings, clickhouse=stored)
        assert "20 of 20 tables" in of(found(other), "clickhouse", "error")[0]
        ensure_tables(stored)
        with asking(stored) as client:
            client.command("DROP VIEW pairs")
            client.command("ALTER TABLE late_rows DROP COLUMN predicted_unit")
        wrong = of(found(other), "clickhouse", "error")
    assert any("1 of 20 tables and views are not in" in text for text in wrong)
    assert any("late_rows.predicted_unit is missing" in text for text in wrong)


@pytest.mark.parametrize(("offset_s", "level"), [(0.0, "ok"), (20.0, "warning"), (-301.0, "error")])
def test_clocks(settings: Settings, offset_s: float, level: str) -> None:
    moved = changed(settings, doctor=DoctorSettings(clock_offset_s=offset_s))
    findings = list(clock.look(Checkup(moved)))
    assert [finding.level for finding in findings] == [level, level]
    side = {20.0: "20.0 s ahead", -301.0: "301.0 s behind"}.get(offset_s, "goes with")
    assert all(side in finding.text for finding in findings), findings


def test_a_wrong_clock_is_refused_by_who_tells_the_time(settings: Settings) -> None:
    refuse_wrong_clock(settings)
    moved = changed(settings, doctor=DoctorSettings(clock_offset_s=300.5))
    with pytest.raises(SettingsError, match=r"300\.5 s ahead of .* set the clock that is wrong"):
        refuse_wrong_clock(moved)


def test_the_answers_own_time_counts_for_nobody() -> None:
    assert Deviation("Kafka", -2.0, 0.5).least_s == 1.5
    assert Deviation("Kafka", 0.2, 0.5).least_s == 0.0


def test_a_clock_that_may_not_be_asked_for_refuses_nothing(settings: Settings) -> None:
    kafka = settings.kafka.model_copy(update={"topic_prefix": "forbidden"})
    with pytest.raises(UserError):
        kafka_deviation(kafka, lambda: 0.0)
    refuse_wrong_clock(changed(settings, kafka=kafka))


def test_a_disk_without_room_and_a_folder_that_cannot_be_written(
    settings: Settings, tmp_path: Path
) -> None:
    full = changed(settings, streams=StreamSettings(free_disk_min_mb=1e9))
    ((level, text, _),) = disk.look(Checkup(full))
    assert level == "error" and "less than streams.free_disk_min_mb" in text
    (tmp_path / "file").touch()
    barred = changed(settings, state_dir=tmp_path / "file" / "state")
    ((level, text, _),) = disk.look(Checkup(barred))
    assert level == "error" and "cannot be written" in text


def test_a_registry_that_is_away(settings: Settings) -> None:
    registry = SchemaRegistrySettings(url="http://127.0.0.1:9")
    (text,) = of(found(changed(settings, registry=registry)), "schemas", "error")
    assert "the schema registry at http://127.0.0.1:9 does not answer" in text


def test_a_subject_that_hangs_or_breaks_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hangs(_checkup: Checkup) -> Iterator[Finding]:
        yield fine("begun")
        released.wait(60)

    def breaks(_checkup: Checkup) -> Iterator[Finding]:
        raise ZeroDivisionError
        yield

    monkeypatch.setattr(disk, "look", hangs)
    monkeypatch.setattr(memory, "look", breaks)
    said = examined(Checkup(settings), timeout_s=5.0)
    released.set()
    assert of(said, "disk", "error") == ["did not end in time"]
    assert of(said, "memory", "error") == ["could not be looked at (ZeroDivisionError)"]
    assert of(said, "schemas", "ok")


def test_without_a_stack_or_an_address_it_says_so(tmp_path: Path) -> None:
    done = doctor(Settings(state_dir=tmp_path, kafka=KafkaSettings()), "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2
    wrong = [row["text"] for row in rows if row["level"] == "error"]
    assert len(wrong) == 2 and all("`recalibra up`" in text for text in wrong)
