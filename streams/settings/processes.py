"""How the processes of this machine work, log and are examined."""

from typing import Literal

from pydantic import Field

from streams.settings.section import Section


class StreamSettings(Section):
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
    store_memory_mb: int = Field(32, ge=16, le=1_000_000)
    stuck_after_s: float = Field(180.0, ge=5, le=86_400)
    metrics_host: str = "127.0.0.1"
    # None or 0: a free one.
    metrics_port: int | None = Field(None, ge=0, le=65_535)


class LoggingSettings(Section):
    """How the stages' logs look; `human` is a line for people, `json` an object a line."""

    format: Literal["human", "json"] = "human"
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class DoctorSettings(Section):
    """What the checks take as this machine's time; the stages' own clock is not touched."""

    clock_offset_s: float = 0.0
