"""ClickHouse over TLS: sink, questions, and what is refused."""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pipeline_lab import PipelineLab, await_that
from pydantic import SecretStr
from secure_broker import Certificates, SecureBroker
from strange_servers import web_server
from test_pipeline import load
from tls_front import tls_front

from schemas.errors import RecalibraError, UnavailableError, UserError
from streams.addresses import as_environment, with_stack
from streams.cli import recalibra
from streams.clickhouse_access import asking, ensure_tables
from streams.local.ports import LOOPBACK
from streams.local.stack import LocalStack
from streams.settings import REPOSITORY, Settings
from streams.settings.services import ClickHouseSettings

WRONG = "sesame-open"


class Front:
    """A ClickHouse behind TLS."""

    def __init__(self, stack: LocalStack, port: int, certificates: Certificates) -> None:
        self.stack, self.port, self.certificates = stack, port, certificates

    def settings(self, **changes: Any) -> ClickHouseSettings:
        found = with_stack(Settings(), self.stack.addresses).clickhouse.model_dump()
        found |= {"port": self.port, "secure": True, "ca_file": self.certificates.ca_file}
        return ClickHouseSettings(**found | changes)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    certificates = Certificates(tmp_path_factory.mktemp("certificates"))
    with (
        LocalStack(tmp_path_factory.mktemp("clickhouse"), kafka=False) as stack,
        tls_front(stack.clickhouse_port, certificates.server_file) as port,
    ):
        yield Front(stack, port, certificates)


def test_the_sink_writes_and_query_asks_over_tls(
    secured: SecureBroker, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "clickhouse-password"
    password.write_text(front.settings().secret() + "\n")
    stored = front.settings(password=SecretStr(""), password_file=password)
    kafka = secured.kafka()
    secured.allow(kafka.topic_prefix)
    lab = PipelineLab(secured, tmp_path / "state", kafka=kafka)
    lab.settings = lab.settings.model_copy(update={"clickhouse": stored})
    lab.publish(load(50))
    with lab.stages("join", "sink") as running:
        await_that(lambda: lab.ask("SELECT count() FROM pairs") == [(50,)], running)
    for name, value in as_environment(lab.settings).items():
        monkeypatch.setenv(name, value)
    asked = CliRunner().invoke(recalibra, ["query", "SELECT count() AS n FROM pairs", "--json"])
    assert (asked.exit_code, asked.output) == (0, '{"n":50}\n')


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ca_file": None}, r"is not trusted \(.*\): set clickhouse.ca_file"),
        ({"ca_file": REPOSITORY / "README.md"}, r"clickhouse.ca_file .* no PEM certificate"),
        ({"secure": False, "ca_file": None}, r"speaks TLS there: set clickhouse.secure = true"),
        ({"password": SecretStr(WRONG)}, r"refuses this user"),
        ({"port": "plain"}, r"does not speak TLS there .*name its HTTPS port"),
        ({"port": "web", "secure": False, "ca_file": None}, r"answers but is no ClickHouse"),
        ({"port": 9}, r"does not answer: Connection refused"),
        ({"host": "nowhere.invalid"}, r"nobody knows that name"),
    ],
)
def test_what_is_wrong_is_said(front: Front, changes: dict[str, Any], sentence: str) -> None:
    with web_server() as web:
        ports = {"plain": front.stack.clickhouse_port, "web": web}
        changes = changes | {"port": ports.get(p := changes.get("port", front.port), p)}
        settings = front.settings(**changes)
        with pytest.raises(RecalibraError) as asked, asking(settings):
            pass
        with pytest.raises(RecalibraError) as made:
            ensure_tables(settings)
    away = "does not answer" in str(asked.value)
    for raised in (asked, made):
        assert isinstance(raised.value, UnavailableError if away else UserError)
        assert re.search(sentence, str(raised.value)), raised.value
        assert WRONG not in str(raised.value)


def test_what_never_answers_is_not_waited_for(front: Front) -> None:
    with socket.socket() as mute:
        mute.bind((LOOPBACK, 0))
        mute.listen()
        settings = front.settings(port=mute.getsockname()[1])
        with pytest.raises(UnavailableError, match="does not answer"), asking(settings):
            pass


def test_a_name_that_is_not_in_the_certificate(front: Front) -> None:
    elsewhere = front.certificates.issued("elsewhere", "elsewhere.lab")
    with tls_front(front.stack.clickhouse_port, elsewhere) as port:
        settings = front.settings(port=port)
        with pytest.raises(UserError, match=r"address mismatch.* name that"), asking(settings):
            pass
