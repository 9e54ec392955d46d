"""E-mail, through a real server: encrypted, logged in, and what each answer means."""

import ssl
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from notify_examples import notice
from notify_server import serving, trusting
from pydantic import SecretStr

from schemas.errors import DataError, UnavailableError
from sinks.notify import mail

PASSWORD = "sesame-open"


class Box:
    """Keeps what comes; answers with `answer` when it is set, refusing `refused` recipients."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.answer = "250 OK"
        self.refused: dict[str, str] = {}

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        self.envelopes.append(envelope)
        return self.answer

    def mail(self) -> EmailMessage:
        content = self.envelopes[-1].content
        assert isinstance(content, bytes)
        found = message_from_bytes(content, policy=default)
        assert isinstance(found, EmailMessage)
        return found


def login(_server: Any, _session: Any, _envelope: Any, _way: str, data: Any) -> AuthResult:
    known = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


class Started(AbstractContextManager["Started"]):
    """A server on a free port: "starttls", "tls" or "none"."""

    def __init__(self, box: Box, tls: str, context: ssl.SSLContext | None) -> None:
        how: dict[str, Any] = {}
        if tls == "starttls":
            how = {"tls_context": context, "require_starttls": True, "authenticator": login,
                   "auth_required": True}  # fmt: skip
        elif tls == "tls":
            how = {"ssl_context": context}
        # It reports the port that it was given, so that one is asked for beforehand.
        import socket

        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._controller = Controller(box, hostname="localhost", port=self.port, **how)

    def __enter__(self) -> "Started":
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def channel(ca: ssl.SSLContext | None, port: int, **changes: Any) -> mail.Channel:
    options: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "sender": "Lab <lab@example.org>",
        "recipients": ("a@example.org", "b@example.org"),
    }
    made = mail.Options(**options | changes)
    return mail.Channel(made, ca or ssl.create_default_context(), time.time)


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_it_goes_through_encrypted(authority: trustme.CA, tls: str) -> None:
    box = Box()
    who = {"username": "lab", "password": SecretStr(PASSWORD)} if tls == "starttls" else {}
    with Started(box, tls, serving(authority)) as server:
        channel(trusting(authority), server.port, tls=tls, **who).send(notice())
    assert box.envelopes[0].rcpt_tos == ["a@example.org", "b@example.org"]
    found = box.mail()
    assert found["Subject"] == "Critical alert: gaff-am1bcc 1.0 in logP"
    assert found["Message-ID"] == "<msg-1@example.org>"
    text = found.get_body(("plain",))
    assert text is not None and "LOT-C" in text.get_content()
    assert PASSWORD not in str(found)


def test_certificates_are_verified(authority: trustme.CA) -> None:
    for tls in ("starttls", "tls"):
        box = Box()
        with Started(box, tls, serving(authority)) as server:
            strange = trusting(trustme.CA())
            with pytest.raises(UnavailableError, match="certificate is not trusted"):
                channel(strange, server.port, tls=tls).send(notice())
        assert not box.envelopes


def test_a_wrong_password_is_no_secret_any_less(authority: trustme.CA) -> None:
    with Started(Box(), "starttls", serving(authority)) as server:
        who = {"username": "lab", "password": SecretStr("wrong-" + PASSWORD)}
        with pytest.raises(DataError, match="refuses the login") as caught:
            channel(trusting(authority), server.port, **who).send(notice())
    assert PASSWORD not in str(caught.value)


def test_a_server_without_tls_is_told_nothing() -> None:
    box = Box()
    with Started(box, "none", None) as server, pytest.raises(DataError, match="offers no TLS"):
        channel(None, server.port).send(notice())
    assert not box.envelopes


@pytest.mark.parametrize(
    ("answer", "kind"), [("451 later", UnavailableError), ("554 spam", DataError)]
)
def test_what_an_answer_means(answer: str, kind: type[Exception]) -> None:
    box = Box()
    box.answer = answer
    with Started(box, "none", None) as server, pytest.raises(kind, match=answer[:3]):
        channel(None, server.port, tls="none").send(notice())


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        ({"a@example.org": "550 no"}, "not for 1 of 2"),
        ({"a@example.org": "550 no", "b@example.org": "550 no"}, "for any recipient"),
    ],
)
def test_recipients_who_are_refused_are_counted_and_not_named(
    refused: dict[str, str], said: str
) -> None:
    box = Box()
    box.refused = refused
    with Started(box, "none", None) as server, pytest.raises(DataError, match=said) as caught:
        channel(None, server.port, tls="none").send(notice())
    assert "@" not in str(caught.value)


def test_nobody_listens() -> None:
    with Started(Box(), "none", None) as server:
        port = server.port
    attempts: tuple[Callable[[], None], ...] = (
        lambda: channel(None, port, tls="none").send(notice()),
        lambda: channel(None, port, tls="none").probe(),
    )
    for attempt in attempts:
        with pytest.raises(UnavailableError, match="connection refused"):
            attempt()


def test_names_can_change_neither_headers_nor_the_page() -> None:
    hostile = "x\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>"
    box = Box()
    with Started(box, "none", None) as server:
        told = notice(model_id=hostile, reason=hostile, segment_value=hostile)
        channel(None, server.port, tls="none").send(told)
    found = box.mail()
    assert found["Bcc"] is None and box.envelopes[0].rcpt_tos == ["a@example.org", "b@example.org"]
    page = found.get_body(("html",))
    assert page is not None
    assert "<script>" not in page.get_content() and "&lt;script&gt;" in page.get_content()


@pytest.mark.parametrize(
    "changes",
    [
        {"tls": "none", "host": "mail.example.org"},
        {"username": "lab"},
        {"recipients": ()},
        {"recipients": ("nobody",)},
        {"sender": "lab@example.org\nBcc: x@y.z"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        channel(None, 1, **changes)
