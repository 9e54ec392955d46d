"""What is wrong with a login, a certificate, a port or a right is one sentence that says so."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AclOperation
from pydantic import SecretStr
from secure_broker import Certificates, SecureBroker
from strange_servers import old_broker, web_server
from tls_front import tls_front

from schemas.errors import RecalibraError, UnavailableError, UserError
from streams.addresses import as_environment
from streams.kafka_access import ensure_topics, reached
from streams.kafka_rights import check_publisher_rights, check_stage_rights
from streams.local.ports import LOOPBACK
from streams.settings import REPOSITORY, Settings
from streams.settings.services import KafkaSettings
from streams.topic_reader import TopicReader

WRONG = "sesame-open"
NO_LOGIN = {"username": None, "password": None}
PLAIN = {"security_protocol": "PLAINTEXT", "ca_file": None, **NO_LOGIN}
EXPECTED = {
    "wrong password": r"refuses the login of user lab-user by SCRAM-SHA-512: check",
    "wrong password by PLAIN": r"refuses the login of user lab-user by PLAIN",
    "mechanism": r"does not offer SCRAM-SHA-256 but SCRAM-SHA-512: set kafka.sasl_mechanism",
    "untrusted": r"is not trusted \(unable to get local issuer certificate\): set kafka.ca_file",
    "another authority": r"is not trusted .*: set kafka.ca_file",
    "another name": r"is not trusted \(IP address mismatch.* by a name that is in its certificate",
    "no certificate": r"README.md holds no PEM certificate",
    "wrong key password": r"kafka.key_password is not the key's",
    "our certificate wanted": r"asks for a certificate of ours: set kafka.cert_file",
    "our certificate refused": r"refuses our certificate",
    "plain against TLS": r"speaks TLS and kafka.security_protocol is PLAINTEXT: set it to",
    "TLS against plain": r"speaks plain text and kafka.security_protocol is SASL_SSL",
    "no login against SASL": r"asks for a login: set kafka.security_protocol to SASL_SSL",
    "login against none": r"asks for no login there: set kafka.security_protocol to PLAINTEXT",
    "web server": r"is a web server and not Kafka: check kafka.bootstrap_servers",
    "web server by TLS": r"is a web server and not Kafka: check kafka.bootstrap_servers",
    "old broker": r"is too old, it has no Produce, .*: use Kafka 2.5 or newer",
    "unknown name": r"does not answer: nobody knows that name",
    "nobody": r"does not answer: Connection refused",
}


@pytest.fixture(scope="module")
def said(
    secured: SecureBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RecalibraError]]:
    """Every way to be wrong, tried at the same time."""
    other = Certificates(tmp_path_factory.mktemp("other"))
    plain, clear = secured.address("CLIENT"), secured.address("CLEAR")
    foreign = {"cert_file": other.cert_file, "key_file": other.key_file}
    elsewhere = secured.certificates.issued("elsewhere", "elsewhere.lab")
    behind = secured.ports["CLIENT"]
    with web_server() as web, old_broker() as old, tls_front(behind, elsewhere) as misnamed:
        tried = {
            "wrong password": secured.kafka(password=SecretStr(WRONG)),
            "wrong password by PLAIN": secured.kafka(
                password=SecretStr(WRONG), sasl_mechanism="PLAIN"
            ),
            "mechanism": secured.kafka(
                bootstrap_servers=clear,
                security_protocol="SASL_PLAINTEXT",
                sasl_mechanism="SCRAM-SHA-256",
                ca_file=None,
            ),
            "untrusted": secured.kafka(ca_file=None),
            "another authority": secured.kafka(ca_file=other.ca_file),
            "another name": secured.kafka(bootstrap_servers=f"{LOOPBACK}:{misnamed}"),
            "no certificate": secured.kafka(ca_file=REPOSITORY / "README.md"),
            "wrong key password": secured.certified(key_password=SecretStr(WRONG)),
            "our certificate wanted": secured.certified(
                cert_file=None, key_file=None, key_password=None
            ),
            "our certificate refused": secured.certified(
                **foreign, key_password=SecretStr(other.key_password)
            ),
            "plain against TLS": secured.kafka(**PLAIN),
            "TLS against plain": secured.kafka(bootstrap_servers=plain),
            "no login against SASL": secured.kafka(security_protocol="SSL", **NO_LOGIN),
            "login against none": secured.kafka(
                bootstrap_servers=plain, security_protocol="SASL_PLAINTEXT", ca_file=None
            ),
            "web server": secured.kafka(bootstrap_servers=f"{LOOPBACK}:{web}", **PLAIN),
            "web server by TLS": secured.kafka(bootstrap_servers=f"{LOOPBACK}:{web}"),
            "old broker": secured.kafka(bootstrap_servers=f"{LOOPBACK}:{old}", **PLAIN),
            "unknown name": secured.kafka(bootstrap_servers="nowhere.invalid:9092"),
            "nobody": secured.kafka(bootstrap_servers=f"{LOOPBACK}:9"),
        }
        with ThreadPoolExecutor(len(tried)) as pool:
            errors = list(pool.map(_failure, tried.values()))
        yield dict(zip(tried, errors, strict=True))


def _failure(kafka: KafkaSettings) -> RecalibraError:
    with pytest.raises(RecalibraError) as raised:
        reached(kafka)
    return raised.value


@pytest.mark.parametrize("case", EXPECTED)
def test_what_is_wrong_is_said(
    said: dict[str, RecalibraError], secured: SecureBroker, case: str
) -> None:
    sentence = str(said[case])
    assert re.search(EXPECTED[case], sentence), sentence
    away = case in ("nobody", "unknown name")
    assert isinstance(said[case], UnavailableError if away else UserError)
    for secret in (WRONG, secured.password, secured.certificates.key_password):
        assert secret not in sentence
    assert "\n" not in sentence


def test_one_address_of_several_is_enough(secured: SecureBroker) -> None:
    both = f"{LOOPBACK}:9, {secured.address('SECURE')}"
    assert reached(secured.kafka(bootstrap_servers=both))[1].brokers


def test_every_command_says_it_and_no_secret_shows(secured: SecureBroker, tmp_path: Path) -> None:
    csv = tmp_path / "outcomes.csv"
    csv.write_text("molecule_id,assay_id,value\nM,a,1\n")
    kafka = secured.kafka(password=SecretStr(WRONG))
    settings = Settings(state_dir=tmp_path, kafka=kafka)
    environment = as_environment(settings) | {"RECALIBRA_CLICKHOUSE_HOST": LOOPBACK}
    commands = {
        "setup": ["setup"],
        "worker": ["worker", "--stages", "join"],
        "connect": ["connect", "csv", "--outcomes", str(csv)],
        "dead-letters": ["dead-letters", "list"],
        "verbose": ["--verbose", "setup"],
        "doctor": ["doctor"],
    }
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "streams.cli", *arguments],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"]} | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, arguments in commands.items()
    }
    for name, process in running.items():
        out, err = process.communicate(timeout=60)
        assert process.returncode == 2, (name, out, err)
        assert "refuses the login of user lab-user" in (out if name == "doctor" else err)
        assert WRONG not in out + err
        assert "Traceback" not in err or name == "verbose"
        assert err.count("\n") == 1 or name in ("verbose", "doctor"), err


def prepared(secured: SecureBroker) -> KafkaSettings:
    """A lab of the user's own with all its topics."""
    kafka = secured.kafka()
    secured.allow(kafka.topic_prefix)
    ensure_topics(kafka)
    return kafka


def test_a_topic_that_may_not_be_read(secured: SecureBroker) -> None:
    kafka = prepared(secured)
    check_stage_rights(kafka, ["join", "monitor", "sink"])
    topic = f"{kafka.topic_prefix}.pairs"
    producer = Producer({"bootstrap.servers": secured.address("CLIENT")})
    producer.produce(topic, b"x")
    assert producer.flush(20) == 0
    secured.deny(topic, AclOperation.READ)
    with pytest.raises(UserError, match=rf"user lab-user may not read topic {topic} at .*grant"):
        check_stage_rights(kafka, ["monitor"])
    check_stage_rights(kafka, ["join"])
    with pytest.raises(UserError, match="topics"):
        list(TopicReader(kafka).records(topic))


def test_a_topic_that_may_not_be_written_or_seen(secured: SecureBroker) -> None:
    kafka = prepared(secured)
    check_publisher_rights(kafka)
    secured.deny(f"{kafka.topic_prefix}.outcomes", AclOperation.WRITE)
    with pytest.raises(UserError, match=r"may not write topic t\w+\.outcomes"):
        check_publisher_rights(kafka)
    secured.deny(f"{kafka.topic_prefix}.late", AclOperation.DESCRIBE)
    with pytest.raises(UserError, match=r"does not see topic t\w+\.late .* grant it Describe"):
        ensure_topics(kafka)


def test_a_user_without_rights(secured: SecureBroker) -> None:
    kafka = secured.kafka(topic_prefix="forbidden")
    with pytest.raises(
        UserError, match=r"does not see topic forbidden\.alert-commands .*may not create"
    ):
        ensure_topics(kafka)
    with pytest.raises(UserError, match="may not describe topic forbidden"):
        check_stage_rights(kafka, ["join"])
