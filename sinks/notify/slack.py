"""Slack, and what takes Slack's incoming webhooks: blocks, with plain text for notifications.

https://docs.slack.dev/reference/block-kit/blocks gives the limits,
https://docs.slack.dev/messaging/formatting-message-text what has to be escaped.
"""

import ssl
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr, field_validator

from sinks.notify._http import HttpAddress
from sinks.notify._notice import Notice
from sinks.notify._options import ChannelOptions, SecretUrl, is_loopback
from sinks.notify._words import advice, facts, headline

HEADER_MAX, SECTION_MAX, FIELD_MAX, FIELDS_MAX, TEXT_MAX = 150, 3_000, 2_000, 10, 3_000
# What begins Slack's own sequences, such as <!channel>.
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Options(ChannelOptions):
    """The address of an incoming webhook, which is a secret as a whole."""

    url: SecretUrl

    @field_validator("url")
    @classmethod
    def _encrypted(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme != "https" and not is_loopback(str(parts.hostname)):
            raise ValueError("it must begin with https://, since it is a secret")
        return url


class Channel:
    """One incoming webhook, which writes into one channel of a workspace."""

    def __init__(self, options: Options, ca: ssl.SSLContext, _now_s: Callable[[], float]) -> None:
        self._address = HttpAddress(options.url.get_secret_value(), ca, options.timeout_s)
        self.where = self._address.where

    def shown(self, notice: Notice) -> str:
        """Return what `send` would send, for a person to look at."""
        return orjson.dumps(as_message(notice), option=orjson.OPT_INDENT_2).decode()

    def send(self, notice: Notice) -> None:
        """Deliver a notice; raises UnavailableError or DataError."""
        body = orjson.dumps(as_message(notice))
        self._address.post(body, {"Content-Type": "application/json"})

    def probe(self) -> None:
        """Connect without sending anything; raises UnavailableError."""
        self._address.probe()


def as_message(notice: Notice) -> dict[str, Any]:
    """Return a notice as Slack takes it."""
    fields = [_fact(name, value) for name, value in facts(notice)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(_cut(headline(notice), HEADER_MAX))},
        {"type": "section", "text": _marked(_escaped(notice.alert.reason or " ", SECTION_MAX))},
    ]
    blocks += [{"type": "section", "fields": part} for part in _parts(fields)]
    blocks.append({"type": "context", "elements": [_marked(f"`{_escaped(advice(notice), 200)}`")]})
    # Shown where blocks are not; here, too, Slack looks for its own sequences.
    text = _escaped(f"{headline(notice)}. {notice.alert.reason}", TEXT_MAX)
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _parts(fields: Sequence[dict[str, Any]]) -> list[Sequence[dict[str, Any]]]:
    return [fields[i : i + FIELDS_MAX] for i in range(0, len(fields), FIELDS_MAX)]


def _fact(name: str, value: str) -> dict[str, Any]:
    return _marked(f"*{_escaped(name, 100)}*\n{_escaped(value, FIELD_MAX - 200)}")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _marked(text: str) -> dict[str, Any]:
    # Verbatim: names of channels and addresses in it are no links.
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _escaped(text: str, longest: int) -> str:
    """Return text that Slack shows as it stands, of at most `longest` characters in all."""
    parts: list[str] = []
    room = longest - 1
    for character in text:
        part = character.translate(ESCAPES)
        room -= len(part)
        if room < 0:
            return "".join([*parts, "…"])
        parts.append(part)
    return "".join(parts)
