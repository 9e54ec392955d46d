"""Which Kafka and ClickHouse to use: those the settings name, else those of the running stack."""

import json
from pathlib import Path

from pydantic import BaseModel, SecretStr

from schemas.errors import UserError
from streams.local.state import StackAddresses, read_running_stack, read_users
from streams.settings import Settings

DEMO_FOLDER = "demo"


def with_stack(settings: Settings, stack: StackAddresses, role: str = "writer") -> Settings:
    """Return the settings with a local stack's addresses wherever none is configured.

    `role`, "writer" or "analyst", says as whom ClickHouse is used.
    """
    kafka, clickhouse = settings.kafka, settings.clickhouse
    if kafka.bootstrap_servers is None and stack.bootstrap_servers:
        kafka = kafka.model_copy(update={"bootstrap_servers": stack.bootstrap_servers})
    if clickhouse.host is None and stack.clickhouse_port:
        user = read_users(Path(stack.users_file))[role]
        clickhouse = clickhouse.model_copy(
            update={
                "host": stack.clickhouse_host,
                "port": stack.clickhouse_port,
                "database": stack.clickhouse_database,
                "username": role,
                "password": SecretStr(user.password),
                "password_file": None,
            }
        )
    return settings.model_copy(update={"kafka": kafka, "clickhouse": clickhouse})


def running_stack(settings: Settings) -> StackAddresses | None:
    """Return where the stack of `recalibra up` or of the demo listens, or None."""
    demo = settings.state_dir / DEMO_FOLDER
    return read_running_stack(settings.state_dir) or read_running_stack(demo)


def resolved(settings: Settings, role: str = "writer") -> Settings:
    """Return the settings with every address known; raises UserError when one is not."""
    if settings.kafka.bootstrap_servers is None or settings.clickhouse.host is None:
        stack = running_stack(settings)
        if stack is None:
            raise UserError(
                "no local stack runs and not both of Kafka and ClickHouse are configured; start "
                "one with `recalibra up`, or set RECALIBRA_KAFKA_BOOTSTRAP_SERVERS and "
                "RECALIBRA_CLICKHOUSE_HOST"
            )
        settings = with_stack(settings, stack, role)
    return settings


def found(settings: Settings, role: str = "writer") -> Settings:
    """Return the settings with every address that is known; what is not stays None."""
    stack = running_stack(settings)
    return settings if stack is None else with_stack(settings, stack, role)


def kafka_resolved(settings: Settings) -> Settings:
    """Return the settings with Kafka's address known, whatever is known of ClickHouse."""
    if settings.kafka.bootstrap_servers is not None:
        return settings
    return resolved(settings)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the RECALIBRA_* variables that give a child process the same settings."""
    found = {"RECALIBRA_STATE_DIR": str(settings.state_dir)}
    for section in ("kafka", "clickhouse", "registry", "streams", "core", "monitor", "logging"):
        part = getattr(settings, section)
        for name, value in part:
            if value is not None:
                found[f"RECALIBRA_{section}_{name}".upper()] = _as_text(part, name, value)
    if settings.notify:
        from streams.notify.channels import as_text

        found["RECALIBRA_NOTIFY"] = as_text(settings.notify)
    return found


def _as_text(part: BaseModel, name: str, value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    # What pydantic-settings reads from a variable: JSON for what has parts.
    if isinstance(value, (dict, tuple)):
        return json.dumps(part.model_dump(mode="json", include={name})[name])
    return str(value)
