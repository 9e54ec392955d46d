"""Which stages a machine runs, each in how many processes, as a person writes it."""

from collections.abc import Sequence

from schemas.errors import SettingsError
from streams.kafka_access import stage_names
from streams.notify import STAGE as NOTIFY
from streams.settings import Settings

PROCESSES_MAX = 256


def wanted_stages(settings: Settings) -> list[str]:
    """Return the stages that the settings ask for: `notify` only where a channel is set."""
    return [*stage_names(), *([NOTIFY] if settings.notify else [])]


def process_counts(stages: str, processes: str) -> dict[str, int]:
    """Return the number of processes by stage.

    `stages` are names with commas between; `processes` is a number for each of them, or
    `join=4,sink=2` for some, and 1 for the others. Raises SettingsError.
    """
    names = [name.strip() for name in stages.split(",") if name.strip()]
    if not names:
        raise SettingsError(f"no stage is named; there are {', '.join(stage_names())}")
    _refuse_unknown(names, [*stage_names(), NOTIFY])
    if "=" not in processes:
        return dict.fromkeys(names, _count(processes))
    counts = dict.fromkeys(names, 1)
    for part in processes.split(","):
        name, _, count = (piece.strip() for piece in part.partition("="))
        _refuse_unknown([name], names)
        counts[name] = _count(count)
    return counts


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SettingsError(
            f"there is no stage {', '.join(unknown)!r} to run; there are {', '.join(known)}"
        )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= PROCESSES_MAX:
        raise SettingsError(
            f"{text!r} is no number of processes: write 1 to {PROCESSES_MAX}, or join=2,sink=1"
        )
    return int(text)


def idle_processes(counts: dict[str, int], partitions: int) -> str | None:
    """Return a sentence when some processes can never get a lane, else None."""
    over = [
        f"{count - partitions} of {name}" for name, count in counts.items() if count > partitions
    ]
    if not over:
        return None
    return (
        f"there are {partitions} lanes a stage, so {', '.join(over)} will only stand by; "
        "kafka.partitions says how many there are"
    )
