"""Settings: one commented TOML file, overridden by RECALIBRA_* variables.

This is the only reader of either.

`recalibra.toml` in the working directory is read, or the file RECALIBRA_CONFIG names. A variable is
RECALIBRA_, the section, an underscore, the name: RECALIBRA_KAFKA_BOOTSTRAP_SERVERS.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from processors.options import Options
from schemas.errors import SettingsError
from schemas.topics import canonical

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIG_VARIABLE = "RECALIBRA_CONFIG"
DEFAULT_CONFIG = "recalibra.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Section):
    """Where Kafka is; `bootstrap_servers` None means the local stack."""

    bootstrap_servers: str | None = None
    topic_prefix: str = Field("recalibra", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    partitions: int = Field(4, ge=1, le=1024)
    replication_factor: int = Field(1, ge=1, le=9)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None


class ClickHouseSettings(_Section):
    """Where ClickHouse is; `host` None means the local stack."""

    host: str | None = None
    port: int = Field(8123, ge=1, le=65535)
    username: str = "default"
    password: SecretStr = SecretStr("")
    database: str = Field("recalibra", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    secure: bool = False


class SchemaRegistrySettings(_Section):
    """Where the schema registry is; `url` None means the table of ids in `schemas/`."""

    url: str | None = None


class StreamSettings(_Section):
    """How the stages work."""

    session_timeout_s: float = Field(10.0, ge=6, le=300)
    checkpoint_interval_s: float = Field(0.1, ge=0.01, le=10)
    quiet_after_s: float = Field(0.3, ge=0.05, le=60)
    block_records_max: int = Field(4_000, ge=1, le=100_000)
    # Less than half of what a changelog keeps removals for: idle lanes' stores stay current by it.
    tick_interval_s: float = Field(86_400.0, ge=0.1, le=259_200)
    free_disk_min_mb: float = Field(256.0, ge=0, le=1e9)
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

    def options(self) -> Options:
        """Return the choices as the core takes them."""
        by_assay = {canonical(name): days for name, days in self.retention_days_by_assay.items()}
        return Options(**self.model_dump() | {"retention_days_by_assay": by_assay})


class Settings(BaseSettings):
    """All settings of one process."""

    model_config = SettingsConfigDict(
        env_prefix="RECALIBRA_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="forbid",
        frozen=True,
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
    logging: LoggingSettings = LoggingSettings()

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
    return f"setting {name}: {first['msg']} (see streams/settings.example.toml)"


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
