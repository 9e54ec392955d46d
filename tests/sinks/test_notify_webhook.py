"""Webhooks: signed as the specification says, and what each answer means."""

import base64
import json
import socket
import ssl
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import jsonschema
import pytest
import trustme
from notify_examples import ALERT, notice
from notify_server import Server, serving, trusting
from pydantic import SecretStr
from standardwebhooks import Webhook

from schemas.errors import DataError, UnavailableError
from sinks import notify
from sinks.notify import webhook

KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
SCHEMA = json.loads((Path(notify.__file__).parent / "webhook.schema.json").read_text())


def channel(url: str, ca: ssl.SSLContext | None = None, timeout_s: float = 10.0) -> webhook.Channel:
    options = webhook.Options(url=SecretStr(url), secret=SecretStr(SECRET), timeout_s=timeout_s)
    return webhook.Channel(options, ca or ssl.create_default_context(), time.time)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as running:
        yield running


def test_a_receiver_by_the_specification_accepts_it(server: Server) -> None:
    channel(server.url).send(notice())
    (received,) = server.received
    payload = Webhook(SECRET).verify(received.body, received.headers)
    assert received.headers["webhook-id"] == "msg-1"
    jsonschema.validate(payload, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert payload["type"] == "alert.open"
    assert payload["data"]["alert"]["since"] == "2026-02-17T14:00:00Z"
    fields = SCHEMA["properties"]["data"]["properties"]["alert"]["properties"]
    assert payload["data"]["alert"].keys() == ALERT._asdict().keys() == fields.keys()
    assert received.path == "/hooks/t0ken"


def test_a_changed_body_is_not_accepted(server: Server) -> None:
    channel(server.url).send(notice())
    (received,) = server.received
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(received.body.replace(b"LOT-C", b"LOT-D"), received.headers)


def test_the_published_example_of_a_signature() -> None:
    # From the reference implementations of the Standard Webhooks specification.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = webhook.signed(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_an_address_that_is_busy_is_asked_again(server: Server, status: int) -> None:
    server.answers = [(status, "7")]
    with pytest.raises(UnavailableError, match=str(status)) as caught:
        channel(server.url).send(notice())
    assert caught.value.retry_after_s == 7.0


def test_a_retry_after_may_be_a_date_or_nonsense(server: Server) -> None:
    server.answers = [(503, formatdate(time.time() + 1_000, usegmt=True)), (503, "soon")]
    with pytest.raises(UnavailableError) as caught:
        channel(server.url).send(notice())
    assert 900 < caught.value.retry_after_s <= 1_000
    with pytest.raises(UnavailableError) as caught:
        channel(server.url).send(notice())
    assert caught.value.retry_after_s == 0.0


@pytest.mark.parametrize("status", [400, 401, 404, 410, 302])
def test_what_is_refused_is_refused_for_good(server: Server, status: int) -> None:
    server.answers = [(status, None)]
    with pytest.raises(DataError, match=str(status)) as caught:
        channel(server.url).send(notice())
    assert "t0ken" not in str(caught.value)
    assert len(server.received) == 1, "a redirection was followed"


def test_no_answer_in_time(server: Server) -> None:
    with server.gate, pytest.raises(UnavailableError, match="no answer in time") as caught:
        channel(server.url, timeout_s=0.2).send(notice())
    assert "t0ken" not in str(caught.value)


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/t0ken"
        with pytest.raises(UnavailableError, match="connection refused") as caught:
            channel(url).send(notice())
        with pytest.raises(UnavailableError, match="connection refused"):
            channel(url).probe()
    assert "t0ken" not in str(caught.value)


def test_certificates_are_verified() -> None:
    authority, other = trustme.CA(), trustme.CA()
    with Server(serving(authority)).running() as server:
        channel(server.url, trusting(authority)).send(notice())
        channel(server.url, trusting(authority)).probe()
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            channel(server.url, trusting(other)).send(notice())
        with pytest.raises(UnavailableError, match="certificate is not trusted"):
            channel(server.url, trusting(other)).probe()
    with (
        Server(serving(authority, "elsewhere.example")).running() as server,
        pytest.raises(UnavailableError, match="certificate is not trusted"),
    ):
        channel(server.url, trusting(authority)).send(notice())
    assert len(server.received) == 0


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "hunter2", "whsec_c2hvcnQ=", "whsec_" + "!" * 40, SECRET[6:]]
)
def test_a_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_") as caught:
        webhook.Options(url=SecretStr("https://a.example"), secret=SecretStr(secret))
    assert not secret or secret == "whsec_" or secret not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://a", "https://", "a.example", "https://u:p@a", "https://a\n", "https://a:x"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="it "):
        webhook.Options(url=SecretStr(url), secret=SecretStr(SECRET))
