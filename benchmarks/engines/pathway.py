"""Pathway: raw Kafka input, a function that decodes, the newest revisions, an inner join."""

import json
from typing import Any

from benchmarks.engine import CONTEXT, Module, Place, WrittenPair, decoder, run_here

# Its default, 1,500, would end every run with a second of waiting.
COMMIT_EVERY_MS = 250


def read(value: bytes, offset: int) -> WrittenPair:
    """Return what a record of the output topic says: a row that came (diff 1) or went (−1)."""
    row = json.loads(value)
    return WrittenPair(
        (row["prediction_id"], row["outcome_id"]),
        row["prediction_revision"],
        row["outcome_revision"],
        (row["time"], row["diff"]),
        stands=row["diff"] > 0,
    )


def group_of(place: Place, topic: str) -> str:
    """Return the group of a topic's reader."""
    return f"{place.group}-{topic}"


def groups(place: Place) -> list[str]:
    """Return the groups of both readers."""
    return [group_of(place, topic) for topic in place.inputs]


JOIN = Module(
    "pathway",
    "pathway",
    read,
    note="state in memory only; does not tell a pair's standing",
    # Its reader commits what it has read, and the graph works on it afterwards.
    commits_what_is_done=False,
    groups_of=groups,
)


def main(place: Place) -> None:
    """Run the graph until told to stop."""
    import pathway as pw  # type: ignore[import-not-found, unused-ignore]

    predictions, outcomes = (
        _newest(pw, place, topic, decoder(name))
        for topic, name in zip(place.inputs, ("Prediction", "Outcome"), strict=True)
    )
    pairs = (
        predictions.join(outcomes, predictions.key == outcomes.key)
        .select(
            stated=predictions.context,
            measured_in=outcomes.context,
            prediction_id=predictions.event_id,
            prediction_revision=predictions.revision,
            predicted=predictions.value,
            outcome_id=outcomes.event_id,
            outcome_revision=outcomes.revision,
            measured=outcomes.value,
        )
        .filter(pw.apply_with_type(_meets, bool, pw.this.stated, pw.this.measured_in))
    )
    pw.io.kafka.write(
        pairs,
        {"bootstrap.servers": place.bootstrap_servers},
        place.output_topic,
        format="json",
    )
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


def _newest(pw: Any, place: Place, topic: str, decode: Any) -> Any:
    """Return a table of a topic's events, each in its newest revision."""
    settings = {
        "bootstrap.servers": place.bootstrap_servers,
        # In one group the two readers would wait for each other's rebalance.
        "group.id": group_of(place, topic),
        "auto.offset.reset": "earliest",
        "session.timeout.ms": "10000",
    }
    raw = pw.io.kafka.read(
        settings,
        topic,
        format="raw",
        autogenerate_key=True,
        autocommit_duration_ms=COMMIT_EVERY_MS,
    )

    def fields(data: bytes) -> tuple[str, int, float, tuple[str | None, ...]]:
        record = decode(data)
        context = record["context"]
        return (
            record["event_id"],
            record["revision"],
            record["value"],
            tuple(context[field] for field in CONTEXT),
        )

    row = tuple[str, int, float, tuple[str | None, str | None, str | None, str | None]]
    decoded = raw.select(raw.key, row=pw.apply_with_type(fields, row, raw.data))
    events = decoded.select(
        decoded.key,
        event_id=decoded.row[0],
        revision=decoded.row[1],
        value=decoded.row[2],
        context=decoded.row[3],
    )
    return events.groupby(events.event_id).reduce(
        events.event_id,
        revision=pw.reducers.max(events.revision),
        key=pw.reducers.any(events.key),
        newest=pw.reducers.argmax(events.revision),
    ).select(
        pw.this.event_id, pw.this.revision, pw.this.key,
        value=events.ix(pw.this.newest).value, context=events.ix(pw.this.newest).context,
    )  # fmt: skip


def _meets(stated: tuple[str | None, ...], measured: tuple[str | None, ...]) -> bool:
    return all(mine is None or mine == its for mine, its in zip(stated, measured, strict=True))


if __name__ == "__main__":
    run_here(main)
