"""`recalibra replay`: the same topology over files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from schemas.events import Alert, DeadLetter, Event, Metric

# What a narrow terminal has room for.
SHOWN_FIRST = ("rmse", "me", "recall", "precision", "auc", "accuracy", "kendall_tau", "r2")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--predictions", type=FILE, required=True, help="CSV of predictions.")
@click.option("--outcomes", type=FILE, required=True, help="CSV of outcomes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--alerts", "only_alerts", is_flag=True, help="Show the alerts, not the metrics.")
def command(predictions: Path, outcomes: Path, as_json: bool, only_alerts: bool) -> None:
    """Run files through the whole topology, without a broker, and show metrics or alerts.

    Outcomes are taken in the order of their file, after all predictions. Columns are those of
    `recalibra connect csv`. Windows, budget, controls and rules are those of the settings
    (recalibra.toml), so that they can be tried on results that there are. Bad rows go to the
    terminal's error stream with line, column and reason.

    \b
    Examples:
      recalibra replay --predictions P.csv --outcomes O.csv
      recalibra replay --predictions P.csv --outcomes O.csv --json
      recalibra replay --predictions P.csv --outcomes O.csv --alerts --json
    """
    from schemas.codec import Codec
    from schemas.table import SchemaTable
    from streams.replay import Replay
    from streams.settings import load_settings
    from streams.show_rows import print_alerts, print_json, print_table

    bad_rows = 0
    metrics: list[dict[str, Any]] = []
    alerts: dict[str, dict[str, Any]] = {}
    replay = Replay(Codec(SchemaTable()), load_settings().options())

    def take(events: list[Event]) -> None:
        nonlocal bad_rows
        for event in events:
            if isinstance(event, Metric):
                metrics.append(metric_row(event))
            elif isinstance(event, Alert) and not event.is_status:
                alerts[event.alert_id] = alert_row(event)
            elif isinstance(event, DeadLetter):
                bad_rows += 1
                click.echo(f"{event.origin}: {event.reason}", err=True)

    for event in _rows(predictions, outcomes):
        if isinstance(event, DeadLetter):
            bad_rows += 1
            column = f", column {event.column}" if event.column else ""
            click.echo(f"{event.origin}, line {event.position}{column}: {event.reason}", err=True)
        else:
            take(replay.feed(event))
    take(replay.finish())
    if bad_rows:
        click.echo(f"{bad_rows} bad rows were left out", err=True)
    if as_json:
        print_json(list(alerts.values()) if only_alerts else metrics)
    elif only_alerts:
        print_alerts(list(alerts.values()))
    else:
        print_table("metrics of all pairs (--json has every window and interval)", _wide(metrics))
        print_alerts(list(alerts.values()))


def _rows(predictions: Path, outcomes: Path) -> Iterator[Event]:
    from connectors.csv_files import read_outcomes, read_predictions

    # Both headers are looked at before the first row of either is taken.
    with read_predictions(predictions) as predicted, read_outcomes(outcomes) as measured:
        yield from predicted
        yield from measured


def _wide(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per series with the metrics of its `all` window as columns."""
    wide: dict[tuple[str, ...], dict[str, Any]] = {}
    of_all = [row for row in metrics if row["window"] == "all"]
    found = {row["metric"] for row in of_all} - {"n"}
    names = [name for name in SHOWN_FIRST if name in found]
    names += sorted(found.difference(names))
    for row in of_all:
        segment = ", ".join((row["segment"] or {"": "all"}).values())
        model = f"{row['model_id']} {row['model_version']}"
        series = wide.setdefault(
            (model, row["assay_id"], segment),
            {"model": model, "assay": row["assay_id"], "segment": segment, "n": 0}
            | dict.fromkeys(names),
        )
        series[row["metric"]] = int(row["value"]) if row["metric"] == "n" else row["value"]
    return [wide[series] for series in sorted(wide, key=lambda s: (*s[:2], s[2] != "all", s[2]))]


def metric_row(metric: Metric) -> dict[str, Any]:
    """Return a metric as people and programs read it."""
    segment = None
    if metric.segment_field is not None:
        segment = {metric.segment_field: metric.segment_value}
    return {
        "model_id": metric.model_id,
        "model_version": metric.model_version,
        "assay_id": metric.assay_id,
        "segment": segment,
        "window": metric.window,
        "metric": metric.metric,
        "value": metric.value,
        "low": metric.low,
        "high": metric.high,
        "n": metric.n,
    }


def alert_row(alert: Alert) -> dict[str, Any]:
    """Return an alert as people and programs read it."""
    from streams.alerts.rows import as_row

    segment = None
    if alert.segment_field is not None:
        segment = {alert.segment_field: alert.segment_value}
    return {**as_row(alert), "segment": segment}
