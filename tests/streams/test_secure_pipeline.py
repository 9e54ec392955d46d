"""Every client of ours over TLS and a login: topics, stages, take-over, readers."""

import random
from pathlib import Path

import pytest
from pipeline_lab import PipelineLab, await_that
from secure_broker import CERTIFIED, USER, SecureBroker
from test_pipeline import kill_family, load

from schemas.events import Pair
from streams.kafka_access import reached
from streams.kafka_rights import check_publisher_rights, check_stage_rights
from streams.settings.services import KafkaSettings

PAIRS = 2_000


def lab_of(secured: SecureBroker, folder: Path, kafka: KafkaSettings, user: str) -> PipelineLab:
    """A lab whose user has the rights that README lists, and no others."""
    secured.allow(kafka.topic_prefix, user)
    return PipelineLab(secured, folder, kafka=kafka)


def test_pairs_over_sasl_ssl_with_scram_survive_a_kill(
    secured: SecureBroker, tmp_path: Path
) -> None:
    lab = lab_of(secured, tmp_path, secured.kafka(), USER)
    check_publisher_rights(lab.settings.kafka)
    check_stage_rights(lab.settings.kafka, ["join", "monitor", "sink"])
    events = load(PAIRS)
    lab.publish(events[: PAIRS + PAIRS // 2])
    with lab.stages("join") as running:
        await_that(lambda: len(lab.committed("pairs")) >= PAIRS // 2, running)
        kill_family(running.process_ids["join 1"])
        lab.publish(events[PAIRS + PAIRS // 2 :])
        await_that(lambda: len(lab.committed("pairs")) >= PAIRS, running)
    ids = [pair.pair_id for pair in lab.events("pairs", Pair)]
    assert len(ids) == len(set(ids)) == PAIRS
    assert len(lab.said) == 1, "the kill is told, and nothing else failed"
    written = b"".join(log.read_bytes() for log in (tmp_path / "logs").iterdir())
    assert secured.password.encode() not in written


def test_pairs_over_a_certificate_of_ours(secured: SecureBroker, tmp_path: Path) -> None:
    lab = lab_of(secured, tmp_path, secured.certified(), CERTIFIED)
    events = load(200)
    random.Random(2).shuffle(events)
    lab.publish(events)
    with lab.stages("join") as running:
        await_that(lambda: len(lab.live_pairs()) == 200, running)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_other_mechanisms_with_the_password_in_a_file(
    secured: SecureBroker, tmp_path: Path, mechanism: str
) -> None:
    file = tmp_path / "password"
    file.write_text(f"{secured.password}\n")
    kafka = secured.kafka(sasl_mechanism=mechanism, password=None, password_file=file)
    assert reached(kafka)[1].brokers


def test_a_login_in_the_clear(secured: SecureBroker, tmp_path: Path) -> None:
    clear = secured.address("CLEAR")
    kafka = secured.kafka(bootstrap_servers=clear, security_protocol="SASL_PLAINTEXT", ca_file=None)
    lab = lab_of(secured, tmp_path, kafka, USER)
    lab.publish(load(50))
    with lab.stages("join") as running:
        await_that(lambda: len(lab.live_pairs()) == 50, running)
