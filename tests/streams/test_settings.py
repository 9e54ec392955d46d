"""Settings: the file, the variables, the example, and what compose sets."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec.compose_spec import PyCompose
from pydantic import BaseModel

from processors.alerts.rule import Rule
from schemas.errors import SettingsError
from streams.addresses import as_environment
from streams.settings import REPOSITORY, Settings, load_settings

EXAMPLE = REPOSITORY / "streams" / "settings.example.toml"
COMPOSE = REPOSITORY / "docker-compose.yml"


@pytest.fixture(autouse=True)
def no_file_in_sight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def names(model: type[BaseModel], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= names(field.annotation, f"{name}.")
        else:
            found.add(prefix + name)
    return found


def test_the_example_names_every_setting_and_only_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALIBRA_CONFIG", str(EXAMPLE))
    assert load_settings() == Settings()
    text = EXAMPLE.read_text()
    for name in names(Settings):
        assert re.search(rf"\b{name.split('.')[-1]}\b", text), name


def test_a_variable_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("recalibra.toml").write_text('[kafka]\npartitions = 8\ntopic_prefix = "lab7"\n')
    monkeypatch.setenv("RECALIBRA_KAFKA_PARTITIONS", "12")
    kafka = load_settings().kafka
    assert (kafka.partitions, kafka.topic_prefix) == (12, "lab7")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[kafka]\npartitions = 0\n", "kafka.partitions"),
        ("[kafka]\npartitoins = 4\n", "kafka.partitoins"),
        ('[kafka]\ntopic_prefix = "a b"\n', "kafka.topic_prefix"),
        ("[kafka\n", "recalibra.toml"),
        ("[monitor]\nfalse_alarms_per_model_year = 0\n", "monitor.false_alarms_per_model_year"),
        ("[monitor]\nfalse_alarms_per_model_year = 200\n", "one false alarm in 50 pairs"),
        ("[monitor]\ndetectors = { kusum = 1.0 }\n", "no detector 'kusum'; there are adwin, "),
        ("[monitor]\ndetectors = { cusum = 0.9, spread = 0.2 }\n", "exceed 1"),
        ("[monitor]\nbaseline_results = 5\n", "monitor.baseline_results"),
        (
            '[[monitor.controls]]\nassay_id = "a"\nmolecule_id = "QC"\nmean = 1.0\n',
            "both mean and sd",
        ),
        ('[[monitor.controls]]\nassay_id = "a"\n', "molecule_id"),
        (
            '[[monitor.rules]]\nname = "r"\nassay_id = "b"\ncontrols_per_run = 2\n'
            '[[monitor.controls]]\nassay_id = "a"\nmolecule_id = "QC"\n',
            "rule r: b has no control; state one under [[monitor.controls]]",
        ),
        ('[[monitor.rules]]\nname = "r"\ncontrols_per_run = 2\n', "no assay has a control"),
    ],
)
def test_a_wrong_setting_is_named(text: str, sentence: str) -> None:
    Path("recalibra.toml").write_text(text)
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        load_settings()


def test_a_config_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALIBRA_CONFIG", "nowhere.toml")
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALIBRA_CLICKHOUSE_PASSWORD", "sesame")
    settings = load_settings()
    assert settings.clickhouse.password.get_secret_value() == "sesame"
    assert "sesame" not in repr(settings)


def test_no_detail_of_an_error_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECALIBRA_KAFKA_PASSWORD", "sesame")
    monkeypatch.setenv("RECALIBRA_KAFKA_PARTITIONS", "0")
    for _ in range(2):
        with pytest.raises(SettingsError) as raised:
            load_settings()
        assert "sesame" not in f"{raised.value} {raised.value.__cause__}"
        # The first time a field is wrong, then the section as a whole.
        monkeypatch.delenv("RECALIBRA_KAFKA_PARTITIONS", raising=False)


def test_a_password_comes_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "password"
    file.write_text("sesame \n")
    monkeypatch.setenv("RECALIBRA_CLICKHOUSE_PASSWORD_FILE", str(file))
    settings = load_settings()
    assert settings.clickhouse.secret() == "sesame ", "blanks are its own, the line's end is not"
    assert "sesame" not in repr(settings)
    file.unlink()
    with pytest.raises(SettingsError, match="cannot be read") as raised:
        load_settings()
    assert "password_file" in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "SASL_SSL needs username and password"),
        ({"USERNAME": "lab"}, "only used with security_protocol SASL_SSL"),
        ({"CA_FILE": str(EXAMPLE)}, "only used with security_protocol SSL"),
        ({"SECURITY_PROTOCOL": "SSL", "KEY_FILE": str(EXAMPLE)}, "belong together"),
        ({"SECURITY_PROTOCOL": "SSL", "CA_FILE": "nowhere.pem"}, "nowhere.pem cannot be read"),
    ],
)
def test_a_login_that_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], sentence: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"RECALIBRA_KAFKA_{name}", value)
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        load_settings()


def test_compose_follows_its_specification() -> None:
    PyCompose.from_dict(yaml.safe_load(COMPOSE.read_text())).validate()


def test_compose_sets_only_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    compose: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    for stage in ("join", "monitor", "sink"):
        environment = compose["services"][stage]["environment"]
        assert environment["RECALIBRA_CLICKHOUSE_PASSWORD"].startswith("${"), "no default password"
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings = load_settings()
        assert settings.kafka.bootstrap_servers == "kafka:19092"
        assert settings.clickhouse.host == "clickhouse"
        assert settings.registry.url == "http://registry:8081"
    ports = [p for service in compose["services"].values() for p in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)


def test_the_example_is_toml() -> None:
    sections = {"kafka", "clickhouse", "registry", "streams", "core", "monitor"}
    sections |= {"logging", "doctor"}
    assert set(tomllib.loads(EXAMPLE.read_text())) == sections


def test_rules_come_from_the_file_as_the_core_takes_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("recalibra.toml").write_text(
        '[[monitor.rules]]\nname = "weekly recall"\nmetric = "recall"\nbelow = 0.8\nperiods = 2\n'
        '[[monitor.rules]]\nname = "inputs"\ndrift_in_features = 3\nseverity = "critical"\n'
        "[monitor]\nno_labels_after_days = 7\n"
        '[core]\nretention_days_by_assay = { " logP " = 2 }\n'
    )
    options = load_settings().options()
    assert options.rules == (
        Rule("weekly recall", metric="recall", below=0.8, periods=2),
        Rule("inputs", drift_in_features=3, severity="critical"),
    )
    assert options.no_labels_after_days == 7
    # A stage is a process of its own, which gets its settings by variables.
    for name, value in as_environment(load_settings()).items():
        monkeypatch.setenv(name, value)
    Path("recalibra.toml").unlink()
    assert load_settings().options() == options
    assert options.retention_days_by_assay == {"logP": 2}


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ('metric = "recal"\nbelow = 0.8', "there is no metric 'recal'; there are accuracy"),
        ('metric = "recall"\nunder = 0.8', "there is no 'under'; there are name, assay_id"),
        ('metric = "recall"\nbelow = 0.8\nwindow = "week"', "there is no window 'week'"),
        ('metric = "recall"\nbelow = nan', "monitor.rules.0.below"),
    ],
)
def test_a_rule_that_cannot_be_says_what_there_is(rule: str, sentence: str) -> None:
    Path("recalibra.toml").write_text(f'[[monitor.rules]]\nname = "r"\n{rule}\n')
    with pytest.raises(SettingsError, match=re.escape(sentence)):
        load_settings()
