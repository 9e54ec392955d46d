"""The demo's story as CSV files, for replay and for `recalibra connect csv`."""

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from schemas.events import Outcome, Prediction
from streams.demo.story import Story


def _row(event: Prediction | Outcome) -> dict[str, Any]:
    row = event._asdict()
    row |= row.pop("context")._asdict()
    row.pop("features", None)
    for name in ("predicted_at", "measured_at"):
        if row.get(name) is not None:
            row[name] = datetime.fromtimestamp(row[name] / 1e6, UTC).isoformat()
    return row


def _write(path: Path, events: Iterable[Prediction | Outcome]) -> Path:
    rows = [_row(event) for event in events]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_csv(story: Story, folder: Path) -> list[Path]:
    """Write `predictions.csv` and `outcomes.csv` into a folder and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _write(folder / "predictions.csv", story.predictions),
        _write(folder / "outcomes.csv", story.outcomes),
    ]
