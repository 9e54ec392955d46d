"""Settings: one commented TOML file, overridden by RECALIBRA_* variables.

This is the only reader of either.

`recalibra.toml` in the working directory is read, or the file RECALIBRA_CONFIG names. A variable is
RECALIBRA_, the section, an underscore, the name: RECALIBRA_KAFKA_BOOTSTRAP_SERVERS.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from processors.alerts.rule import Rule, check_rules
from processors.assay.control_target import stated_target
from processors.controls import Control
from processors.detectors import detector_names
from processors.options import DETECTORS, Options
from schemas.errors import SettingsError
from schemas.topics import canonical
from sinks.notify._options import ChannelOptions

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG_VARIABLE = "RECALIBRA_CONFIG"
DEFAULT_CONFIG = "recalibra.toml"


class _Section(BaseModel):
    # What was put in may be a password, and details of errors go to logs.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _readable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    return path


ReadableFile = Annotated[Path, AfterValidator(_readable)]


class _Login(_Section):
    """Who we are to a service; `password_file` is a file that holds nothing but the password."""

    username: str | None = None
    password: SecretStr | None = None
    password_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file is not None and self.password and self.password.get_secret_value():
            raise ValueError("set password or password_file, not both")
        return self

    def secret(self) -> str:
        """Return the password, which may be empty; raises SettingsError when its file is gone."""
        if self.password_file is None:
            return "" if self.password is None else self.password.get_secret_value()
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"the password file {self.password_file} cannot be read as text; mend it or its "
                "permissions"
            ) from error


class KafkaSettings(_Login):
    """Where Kafka is; `bootstrap_servers` None means the local stack.

    `ca_file` None means the authorities that this machine trusts; `cert_file` and `key_file` are
    the certificate by which we are known, and its key.
    """

    bootstrap_servers: str | None = None
    topic_prefix: str = Field("recalibra", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    partitions: int = Field(4, ge=1, le=1024)
    replication_factor: int = Field(1, ge=1, le=9)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    ca_file: ReadableFile | None = None
    cert_file: ReadableFile | None = None
    key_file: ReadableFile | None = None
    key_password: SecretStr | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted and the broker's certificate verified."""
        return self.security_protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        """Whether we log in by name and password."""
        return self.security_protocol.startswith("SASL")

    @model_validator(mode="after")
    def _protocol_uses_all(self) -> Self:
        if self.sasl and not (self.username and (self.password or self.password_file)):
            raise ValueError(f"{self.security_protocol} needs username and password")
        # A login that is not used, or sent in the clear, is not what was meant.
        if not self.sasl and (self.username or self.password or self.password_file):
            raise ValueError("a password is only used with security_protocol SASL_SSL")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("certificates are only used with security_protocol SSL or SASL_SSL")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self


class ClickHouseSettings(_Login):
    """Where ClickHouse is; `host` None means the local stack.

    `ca_file` None means the authorities that certifi lists.
    """

    host: str | None = None
    port: int = Field(8123, ge=1, le=65535)
    username: str = "default"
    password: SecretStr = SecretStr("")
    database: str = Field("recalibra", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    secure: bool = False
    ca_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _certificates_are_used(self) -> Self:
        if self.ca_file is not None and not self.secure:
            raise ValueError("ca_file is only used with secure = true")
        return self


class SchemaRegistrySettings(_Login):
    """Where the schema registry is; `url` None means the table of ids in `schemas/`."""

    url: str | None = None
    ca_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _url_holds_no_secret(self) -> Self:
        if self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("the url must hold no password; set username and password")
        return self


class StreamSettings(_Section):
    """How the stages work."""

    session_timeout_s: float = Field(10.0, ge=6, le=300)
    checkpoint_interval_s: float = Field(0.1, ge=0.01, le=10)
    summary_interval_s: float = Field(0.8, ge=0.01, le=60)
    row_interval_s: float = Field(0.5, ge=0.01, le=60)
    quiet_after_s: float = Field(0.3, ge=0.05, le=60)
    block_records_max: int = Field(4_000, ge=1, le=100_000)
    # Less than half of what a changelog keeps removals for: idle lanes' stores stay current by it.
    tick_interval_s: float = Field(86_400.0, ge=0.1, le=259_200)
    free_disk_min_mb: float = Field(256.0, ge=0, le=1e9)
    store_memory_mb: int = Field(64, ge=16, le=1_000_000)
    stuck_after_s: float = Field(180.0, ge=5, le=86_400)
    metrics_host: str = "127.0.0.1"
    # None or 0: a free one.
    metrics_port: int | None = Field(None, ge=0, le=65_535)


class LoggingSettings(_Section):
    """How the stages' logs look; `human` is a line for people, `json` an object a line."""

    format: Literal["human", "json"] = "human"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class CoreSettings(_Section):
    """What the lab chooses about join and monitor; see `processors.options.Options`."""

    retention_days: int = Field(400, ge=1, le=400)
    retention_days_by_assay: dict[str, Annotated[int, Field(ge=1, le=400)]] = {}
    slack_days: int = Field(30, ge=1, le=400)
    window_pairs: tuple[Annotated[int, Field(ge=2, le=2_000)], ...] = (50, 200)
    window_days: tuple[Annotated[int, Field(ge=1, le=3_650)], ...] = (30,)


def _rule(given: object) -> object:
    """Let a table of a rule's fields pass, and say of another what there is."""
    if not isinstance(given, (dict, Rule)):
        raise ValueError("a rule is a table")
    unknown = [] if isinstance(given, Rule) else sorted(set(given) - set(Rule._fields))
    if unknown:
        raise ValueError(f"there is no {unknown[0]!r}; there are {', '.join(Rule._fields)}")
    return given


class ControlSettings(_Section):
    """A control compound; without mean and SD they are learnt from its first results."""

    assay_id: str = Field(min_length=1)
    molecule_id: str = Field(min_length=1)
    mean: float | None = Field(None, allow_inf_nan=False)
    sd: float | None = Field(None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _mean_and_sd(self) -> Self:
        if (self.mean is None) != (self.sd is None):
            raise ValueError("state both mean and sd of a control, or neither to have them learnt")
        return self

    def as_control(self) -> Control:
        """Return the control as the core takes it."""
        stated = self.mean is not None and self.sd is not None
        target = stated_target(self.mean or 0.0, self.sd or 1.0) if stated else None
        return Control(canonical(self.assay_id), canonical(self.molecule_id), target)


class MonitorSettings(_Section):
    """What the charts may cost in false alarms, and when else the lab wants to be told."""

    model_config = ConfigDict(allow_inf_nan=False)

    false_alarms_per_model_year: float = Field(0.2, gt=0, le=365)
    pairs_per_model_year: int = Field(5_000, ge=100)
    detectors: dict[str, Annotated[float, Field(gt=0, le=1)]] = dict(DETECTORS)
    baseline_results: int = Field(50, ge=20, le=1_000)
    no_labels_after_days: int = Field(14, ge=1, le=400)
    rules: tuple[Annotated[Rule, BeforeValidator(_rule), PlainSerializer(Rule._asdict)], ...] = ()
    controls: tuple[ControlSettings, ...] = ()

    @model_validator(mode="after")
    def _budget_is_possible(self) -> Self:
        if unknown := sorted(self.detectors.keys() - set(detector_names())):
            raise ValueError(
                f"there is no detector {unknown[0]!r}; there are {', '.join(detector_names())}"
            )
        if sum(self.detectors.values()) > 1 + 1e-9:
            raise ValueError("the parts of the budget that the detectors get exceed 1 in all")
        if self.false_alarms_per_model_year > self.pairs_per_model_year / 50:
            raise ValueError("a budget of more than one false alarm in 50 pairs is no budget")
        return self

    @model_validator(mode="after")
    def _rules_can_be(self) -> Self:
        try:
            check_rules(self.rules)
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return self


def _as_addresses(raw: object) -> object:
    # Its channels are looked for only where one is set.
    from streams.notify.channels import as_addresses

    return as_addresses(raw) if raw else {}


class DoctorSettings(_Section):
    """What the checks take as this machine's time; the stages' own clock is not touched."""

    clock_offset_s: float = 0.0


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="RECALIBRA_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    state_dir: Path = REPOSITORY / ".recalibra"
    # None: `cache` below state_dir.
    cache_dir: Path | None = None
    # None: Maven Central.
    maven_repository: str | None = None
    kafka: KafkaSettings = KafkaSettings()
    clickhouse: ClickHouseSettings = ClickHouseSettings()
    registry: SchemaRegistrySettings = SchemaRegistrySettings()
    streams: StreamSettings = StreamSettings()
    core: CoreSettings = CoreSettings()
    monitor: MonitorSettings = MonitorSettings()
    logging: LoggingSettings = LoggingSettings()
    doctor: DoctorSettings = DoctorSettings()
    # Options of addresses by channel and name; see `streams.notify.channels`.
    notify: Annotated[dict[str, dict[str, ChannelOptions]], BeforeValidator(_as_addresses)] = {}

    def options(self) -> Options:
        """Return what the lab chooses as the core takes it."""
        core, monitor = (
            self.core.model_dump(),
            self.monitor.model_dump(exclude={"rules", "controls"}),
        )
        days = core.pop("retention_days_by_assay")
        return Options(
            **core,
            **monitor,
            retention_days_by_assay={canonical(name): n for name, n in days.items()},
            rules=self.monitor.rules,
            controls=tuple(control.as_control() for control in self.monitor.controls),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let variables override the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def _config_file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    said = first["msg"].removeprefix("Value error, ")
    return f"setting {name}: {said} (see streams/settings.example.toml)"


def load_settings(**overrides: Any) -> Settings:
    """Return the settings of this process; raises SettingsError with the name of the bad one."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} names {named}, which is not there")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error
    except ValueError as error:  # a TOML file that does not parse
        raise SettingsError(f"{_config_file()}: {error}") from error
