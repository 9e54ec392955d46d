"""What a person tells of alerts, as it reaches the monitor's topic; and trying a channel."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alert_examples import ALERT
from click.testing import CliRunner, Result
from notify_server import Server
from pipeline_lab import CODEC, PipelineLab

from schemas.events import AlertCommand
from streams.addresses import as_environment
from streams.alerts import telling
from streams.commands import alerts as command
from streams.local.stack import LocalStack
from streams.notify.channels import as_addresses

DAY_US = 86_400_000_000


@pytest.fixture(scope="module")
def lab(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> PipelineLab:
    """One lab for the whole file: its tests look at commands of their own kinds."""
    return PipelineLab(stack, tmp_path_factory.mktemp("told"))


@pytest.fixture
def run(lab: PipelineLab, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    for name, value in as_environment(lab.settings).items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(command.command, arguments)

    return invoke


def commands(lab: PipelineLab) -> list[AlertCommand]:
    """The commands told, each once."""
    found = [CODEC.decode(value, AlertCommand) for *_, value in lab.committed("alert-commands")]
    lanes = lab.settings.kafka.partitions
    assert len(found) % lanes == 0
    return list({one.command_id: one._replace(lane=0) for one in found}.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mute", "--assay", "a"), "one of --until"),
        (("mute", "--for", "1d"), "an alert's id or --assay"),
        (("mute", "x", "--assay", "a", "--for", "1d"), "not both"),
        (("mute", "--assay", "a", "--for", "1 day"), "no duration"),
        (("mute", "--assay", "a", "--for", "999999w"), "no duration"),
        (("mute", "--assay", "a", "--until", "soon"), "no time"),
        (("mute", "--assay", "a", "--until", "2020-01-01"), "does not lie after"),
        (("plan", "a", "--field", "reagent_batch", "--from", "2026-03-02"), "note is missing"),
        (("plan", "a", "--note", "x"), "starts_at is missing"),
        (("plan", "a", "--value", "L7", "--from", "2026-03-02", "--note", "x"), "segment_value"),
        (("plan", "a", "--field", "colour"), "colour"),
        (("test-channel",), "no channel is set"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Any, arguments: tuple[str, ...], said: str) -> None:
    answer = run(*arguments)
    assert answer.exit_code != 0
    assert said in answer.output or said in str(answer.exception)


def test_mute_and_plan_reach_every_lane(lab: PipelineLab, run: Any) -> None:
    asked = [
        ("mute", "--assay", "logP", "--for", "7d", "--by", "ann", "--note", "new robot"),
        ("mute", "--assay", "logP", "--model", "net", "--off", "--by", "ann"),
        ("plan", "logP", "--field", "reagent_batch", "--value", "L7", "--from", "2026-03-02",
         "--note", "new lot", "--by", "ann"),
        ("plan", "logP", "--field", "reagent_batch", "--value", "L7", "--cancel", "--by", "ann"),
    ]  # fmt: skip
    for arguments in asked:
        answer = run(*arguments)
        assert answer.exit_code == 0, answer
    told = commands(lab)
    found = {one.kind: one for one in told}
    assert len(found) == len(told), "something that was refused was told all the same"
    assert found.keys() - {"acknowledge"} == {"mute", "unmute", "plan", "cancel_plan"}
    mute = found["mute"]
    assert (mute.assay_id, mute.model_id, mute.by, mute.note) == ("logP", None, "ann", "new robot")
    assert mute.ends_at is not None and abs(mute.ends_at - mute.at - 7 * DAY_US) < DAY_US / 24
    assert found["unmute"].model_id == "net"
    plan = found["plan"]
    assert plan.starts_at == 1_772_409_600_000_000, "2026-03-02 in UTC"
    assert (plan.segment_field, plan.segment_value) == ("reagent_batch", "L7")


def test_an_acknowledgement_is_about_the_alerts_model_version(lab: PipelineLab, run: Any) -> None:
    telling.tell("acknowledge", "ann", "seen", about=ALERT)
    (told,) = (one for one in commands(lab) if one.kind == "acknowledge")
    assert (told.kind, told.model_id, told.model_version, told.assay_id) == (
        "acknowledge", "net", "1", "logP"
    )  # fmt: skip


def test_a_time_without_a_zone_is_utc() -> None:
    from streams.alerts.times import Moment, Span

    moment, span = Moment(), Span()
    assert moment.convert("2026-03-02T08:00", None, None) == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert moment.convert("2026-03-02T08:00+02:00", None, None).hour == 6
    assert span.convert("90m", None, None) == timedelta(minutes=90)


def test_a_channel_is_tried(lab: PipelineLab, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Server().running() as server:
        slack = {"good": {"url": server.url}, "bad": {"url": "http://127.0.0.1:1/t0ken"}}
        settings = lab.settings.model_copy(update={"notify": as_addresses({"slack": slack})})
        monkeypatch.setenv("RECALIBRA_NOTIFY", as_environment(settings)["RECALIBRA_NOTIFY"])
        dry = run("test-channel", "slack.good", "--dry-run")
        assert dry.exit_code == 0 and "EXAMPLE-LOT" in dry.output and not server.received
        tried = run("test-channel")
        assert tried.exit_code == 1
        assert "✓ slack.good" in tried.output and "✗ slack.bad" in tried.output
        assert "t0ken" not in tried.output + dry.output
        assert len(server.received) == 1
        unknown = run("test-channel", "slack.ugly")
        assert "there are: slack.good, slack.bad" in str(unknown.exception)
