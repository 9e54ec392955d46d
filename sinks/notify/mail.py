"""E-mail by SMTP, encrypted and verified unless the server is this machine (RFC 5321, 8314)."""

import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from schemas.errors import DataError, UnavailableError
from sinks.notify._notice import Notice, datetime_of
from sinks.notify._options import ChannelOptions, is_loopback
from sinks.notify._reach import connection_error, reach
from sinks.notify._words import advice, facts, headline

SUBJECT_MAX = 200


def _mail_address(text: str) -> str:
    _, address = parseaddr(text)
    if "@" not in address or not text.isprintable():
        raise ValueError("it must be an address such as lab@example.org")
    return text


MailAddress = Annotated[str, AfterValidator(_mail_address)]


class Options(ChannelOptions):
    """A server, who we are to it, and who is written to; `port` None is that of `tls`."""

    host: str = Field(min_length=1)
    port: int | None = Field(None, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str | None = None
    password: SecretStr | None = None
    sender: MailAddress
    recipients: tuple[MailAddress, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _login_is_safe(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password (or password_file) belong together")
        if self.tls == "none" and not is_loopback(self.host):
            raise ValueError('tls = "none" is only for a server on this machine')
        return self


class Channel:
    """One server and those who are written to by it."""

    def __init__(self, options: Options, ca: ssl.SSLContext, _now_s: Callable[[], float]) -> None:
        self._options, self._ca = options, ca
        ports = {"starttls": 587, "tls": 465, "none": 25}
        self._port = options.port or ports[options.tls]
        self.where = f"mail server {options.host}:{self._port}"

    def shown(self, notice: Notice) -> str:
        """Return what `send` would send, for a person to look at."""
        return str(as_mail(notice, self._options).as_string())

    def send(self, notice: Notice) -> None:
        """Deliver a notice to the server; raises UnavailableError or DataError."""
        mail = as_mail(notice, self._options)
        try:
            server = self._connected()
            try:
                refused = server.send_message(mail)
            finally:
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()
        except smtplib.SMTPException as error:
            raise self._judged(error) from error
        except OSError as error:
            raise connection_error(self.where, error) from error
        if refused:
            count = len(self._options.recipients)
            raise DataError(f"{self.where} took it, but not for {len(refused)} of {count}")

    def probe(self) -> None:
        """Connect without logging in or sending anything; raises UnavailableError."""
        tls = self._ca if self._options.tls == "tls" else None
        reach(self.where, self._options.host, self._port, tls, self._options.timeout_s)

    def _connected(self) -> smtplib.SMTP:
        options = self._options
        if options.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                options.host, self._port, timeout=options.timeout_s, context=self._ca
            )
        else:
            server = smtplib.SMTP(options.host, self._port, timeout=options.timeout_s)
        try:
            if options.tls == "starttls":
                server.starttls(context=self._ca)
            if options.username is not None and options.password is not None:
                server.login(options.username, options.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _judged(self, error: smtplib.SMTPException) -> UnavailableError | DataError:
        """Return what an answer means: 4yz is for now, 5yz for good (RFC 5321, 4.2.1)."""
        if isinstance(error, smtplib.SMTPServerDisconnected):
            return connection_error(self.where, error)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            return DataError(f"{self.where} refuses the login ({error.smtp_code})")
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = [code for code, _ in error.recipients.values()]
            sentence = f"{self.where} takes no mail for any recipient ({codes[0]})"
            return DataError(sentence) if min(codes) >= 500 else UnavailableError(sentence, 0.0)
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return DataError(f"{self.where} offers no TLS or no login as the settings ask for it")
        if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code >= 500:
            return DataError(f"{self.where} refuses it ({error.smtp_code})")
        code = getattr(error, "smtp_code", type(error).__name__)
        return UnavailableError(f"{self.where} cannot take it now ({code})", 0.0)


def as_mail(notice: Notice, options: Options) -> EmailMessage:
    """Return a notice as a mail, in plain text and as a page."""
    domain = parseaddr(options.sender)[1].rpartition("@")[2]
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = _printable(headline(notice))[:SUBJECT_MAX]
    mail["From"] = options.sender
    mail["To"] = ", ".join(options.recipients)
    mail["Date"] = format_datetime(datetime_of(notice.said_at_us))
    mail["Message-ID"] = f"<{notice.notice_id}@{domain}>"
    # So that nobody's absence note is sent back (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    known = facts(notice)
    width = max(len(name) for name, _ in known) + 2
    lines = [notice.alert.reason, "", *(f"{name:<{width}}{value}" for name, value in known)]
    mail.set_content("\n".join([*lines, "", advice(notice), ""]))
    mail.add_alternative(_page(notice), subtype="html")
    return mail


def _page(notice: Notice) -> str:
    rows = "".join(
        f"<tr><th align='left'>{escape(name)}</th><td>{escape(value)}</td></tr>"
        for name, value in facts(notice)
    )
    return (
        f"<html><body><h3>{escape(headline(notice))}</h3><p>{escape(notice.alert.reason)}</p>"
        f"<table cellpadding='4'>{rows}</table><p><code>{escape(advice(notice))}</code></p>"
        "</body></html>"
    )


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
