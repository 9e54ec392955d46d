"""Settings: one commented TOML file, overridden by RECALIBRA_* variables.

This is the only reader of either. Sections are in `services`, `lab` and `processes`; a new setting
is a field there and a line in `streams/settings.example.toml`.

`recalibra.toml` in the working directory is read, or the file RECALIBRA_CONFIG names. A variable is
RECALIBRA_, the section, an underscore, the name: RECALIBRA_KAFKA_BOOTSTRAP_SERVERS.
"""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from processors.options import Options
from schemas.errors import SettingsError
from schemas.topics import canonical
from sinks.notify._options import ChannelOptions
from streams.settings.lab import CoreSettings, MonitorSettings
from streams.settings.processes import DoctorSettings, LoggingSettings, StreamSettings
from streams.settings.services import ClickHouseSettings, KafkaSettings, SchemaRegistrySettings

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIG_VARIABLE = "RECALIBRA_CONFIG"
DEFAULT_CONFIG = "recalibra.toml"


def _as_addresses(raw: object) -> object:
    # Its channels are looked for only where one is set.
    from streams.notify.channels import as_addresses

    return as_addresses(raw) if raw else {}


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
