"""Slack's messages, held against the limits that Slack publishes for blocks."""

import json
import ssl
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notify_examples import notice
from notify_server import Server
from pydantic import SecretStr

from schemas.errors import DataError
from sinks.notify import slack

# https://docs.slack.dev/reference/block-kit/blocks and .../composition-objects/text-object
BLOCKS_MAX, HEADER_MAX, TEXT_MAX, FIELDS_MAX, FIELD_MAX, ELEMENTS_MAX = 50, 150, 3000, 10, 2000, 10
TYPES = {"header", "section", "context"}


def assert_text(found: dict[str, Any], longest: int, kinds: set[str]) -> None:
    assert found["type"] in kinds
    assert 1 <= len(found["text"]) <= longest
    assert set(found) <= {"type", "text", "emoji" if found["type"] == "plain_text" else "verbatim"}


def assert_by_slacks_rules(message: dict[str, Any]) -> None:
    assert 1 <= len(message["blocks"]) <= BLOCKS_MAX
    for block in message["blocks"]:
        assert block["type"] in TYPES
        if block["type"] == "header":
            assert_text(block["text"], HEADER_MAX, {"plain_text"})
        elif block["type"] == "section":
            assert "text" in block or block["fields"]
            if "text" in block:
                assert_text(block["text"], TEXT_MAX, {"plain_text", "mrkdwn"})
            assert len(block.get("fields", [])) <= FIELDS_MAX
            for field in block.get("fields", []):
                assert_text(field, FIELD_MAX, {"plain_text", "mrkdwn"})
        else:
            assert 1 <= len(block["elements"]) <= ELEMENTS_MAX
    assert message["text"]


def marked(message: dict[str, Any]) -> list[str]:
    """Every text in which Slack looks for its own sequences."""
    found = [message["text"]]
    for block in message["blocks"]:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        found += [p["text"] for p in parts if p and p["type"] == "mrkdwn"]
    return found


LONG = st.builds(lambda text, times: text * times, st.text(max_size=20), st.sampled_from([1, 400]))


@settings(max_examples=60, deadline=None)
@given(reason=LONG, name=LONG, value=st.none() | LONG)
def test_every_message_keeps_slacks_limits(reason: str, name: str, value: str | None) -> None:
    message = slack.as_message(
        notice(reason=reason, model_id=name, assay_id=name, segment_value=value, alert_id=name)
    )
    json.dumps(message)
    assert_by_slacks_rules(message)
    for text in marked(message):
        assert "<" not in text and ">" not in text


def test_names_cannot_call_a_channel_or_look_like_a_link() -> None:
    hostile = "<!channel> <https://evil.example|here> & co"
    message = slack.as_message(notice(reason=hostile, segment_value=hostile))
    escaped = "&lt;!channel&gt; &lt;https://evil.example|here&gt; &amp; co"
    assert message["blocks"][1]["text"]["text"] == escaped
    assert message["text"].endswith(escaped)
    assert all("<" not in text for text in marked(message))


def test_it_is_sent_and_what_slack_says_is_told() -> None:
    with Server().running() as server:
        options = slack.Options(url=SecretStr(server.url))
        channel = slack.Channel(options, ssl.create_default_context(), time.time)
        channel.send(notice())
        sent = json.loads(server.received[0].body)
        assert sent == slack.as_message(notice())
        assert "LOT-C" in str(sent["blocks"])
        server.answers = [(403, None)]
        with pytest.raises(DataError, match="403") as caught:
            channel.send(notice())
        assert "t0ken" not in str(caught.value)


def test_an_address_in_the_clear_is_refused() -> None:
    with pytest.raises(ValueError, match="https"):
        slack.Options(url=SecretStr("http://hooks.slack.com/services/T/B/x"))
