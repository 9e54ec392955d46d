"""Addresses as the settings name them: the example, secrets from files, what is refused."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from alert_examples import ALERT

from schemas.errors import SettingsError
from streams.addresses import as_environment
from streams.notify.channels import channel_names, names_of
from streams.settings import REPOSITORY, Settings, load_settings

SECRET = "whsec_" + "c2VzYW1l" * 5
TOKEN = "https://hooks.slack.com/services/T0/B0/t0ken"


@pytest.fixture(autouse=True)
def no_file_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def example() -> str:
    """The example's sections of addresses, with what is behind their marks of comments."""
    text = (REPOSITORY / "streams" / "settings.example.toml").read_text()
    start = text.index("# [notify.webhook.")
    return "\n".join(re.sub(r"^# ?", "", line) for line in text[start:].splitlines())


def with_secrets(text: str, folder: Path) -> str:
    """Let the example's files of secrets be there."""
    for name, content in (("webhook", SECRET), ("slack", TOKEN), ("mail", "sesame")):
        (folder / name).write_text(f"{content}\n")
        text = text.replace(f"/run/secrets/{name}", str(folder / name))
    return text


def test_the_example_is_what_can_be_set(tmp_path: Path) -> None:
    text = with_secrets(example(), tmp_path)
    assert tomllib.loads(text)["notify"].keys() == set(channel_names())
    Path("recalibra.toml").write_text(text)
    settings = load_settings()
    assert sorted(names_of(settings.notify)) == ["mail.team", "slack.team", "webhook.lab"]
    assert settings.notify["webhook"]["lab"].secret.get_secret_value() == SECRET  # type: ignore[attr-defined]
    shown = f"{settings!r} {settings}"
    assert not [secret for secret in (SECRET[6:], "t0ken", "sesame") if secret in shown]


def test_the_defaults_that_the_example_names_are_the_defaults(tmp_path: Path) -> None:
    text = (REPOSITORY / "streams" / "settings.example.toml").read_text()
    Path("recalibra.toml").write_text(with_secrets(example(), tmp_path))
    options = load_settings().notify["webhook"]["lab"]
    for name in ("news", "severities", "assays", "models", "timeout_s", "give_up_after_s"):
        said = re.search(rf"^#   {name} = (\[[^\]]*\]|[0-9.]+)", text, re.M)
        assert said is not None
        value = json.loads(said[1])
        own = getattr(options, name)
        assert own == (tuple(value) if isinstance(value, list) else value), name


def test_a_stages_process_gets_the_same_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It reads the same file, too, in which a secret is named by its file.
    Path("recalibra.toml").write_text(with_secrets(example(), tmp_path))
    settings = load_settings()
    for name, value in as_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings().notify == settings.notify
    Path("recalibra.toml").unlink()
    assert load_settings().notify == settings.notify


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[notify.fax.lab]\nnumber = 1\n", "no channel 'fax'; there are mail, slack, webhook"),
        ('[notify.slack."a b"]\nurl = "x"\n', "an address is named by letters"),
        ('[notify.slack]\nurl = "x"\n', "write [notify.CHANNEL.NAME]"),
        ('[notify.slack.a]\nurl_file = "/nowhere"\n', "slack.a.url_file: /nowhere cannot be read"),
        (f'[notify.slack.a]\nurl = "{TOKEN}"\nassay = "a"\n', "slack.a.assay"),
        (f'[notify.slack.a]\nurl = "{TOKEN}"\nnews = ["opne"]\n', "slack.a.news.0"),
        ('[notify.webhook.a]\nurl = "https://x.org/t0ken"\n', "webhook.a.secret"),
        ('[notify.webhook.a]\nurl = "https://x.org/t0ken"\nsecret = "t0ken"\n', "whsec_"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_with_it(text: str, said: str) -> None:
    Path("recalibra.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert said in str(caught.value)
    assert "t0ken" not in str(caught.value)


def test_without_a_channel_there_are_no_addresses() -> None:
    assert load_settings().notify == {} and "RECALIBRA_NOTIFY" not in as_environment(Settings())


def test_an_alert_is_told_to_whom_it_concerns(tmp_path: Path) -> None:
    text = with_secrets(example(), tmp_path).replace(
        "[notify.slack.team]", '[notify.slack.team]\nassays = ["hERG *"]\nseverities = ["critical"]'
    )
    Path("recalibra.toml").write_text(text)
    slack = load_settings().notify["slack"]["team"]
    concerned = ALERT._replace(assay_id="hERG IC50", severity="critical")
    assert slack.wants("open", concerned)
    assert not slack.wants("warning", concerned)
    assert not slack.wants("open", concerned._replace(assay_id="logP"))
    assert not slack.wants("open", concerned._replace(severity="info"))
