"""Quix Streams with `join_interval`, the join of its own that keeps every value of a key."""

from datetime import timedelta
from typing import Any

from benchmarks.engine import Module, Place, decoder, meets, read_json_pair, run_here

JOIN = Module(
    "quix",
    "quixstreams",
    read_json_pair,
    note="join_interval; at least once; also says stale revisions (the last said of a pair counts);"
    " does not tell a pair's standing",
)
# As long as its state keeps values by default.
WITHIN = timedelta(days=7)


def main(place: Place) -> None:
    """Run the application until told to stop."""
    app, predictions, outcomes = application(place)
    joined = predictions.join_interval(
        outcomes, on_merge=_merged, grace_ms=WITHIN, backward_ms=WITHIN, forward_ms=WITHIN
    )
    write_matches(app, joined, place)


def application(place: Place) -> tuple[Any, Any, Any]:
    """Return the application and its frames of predictions and outcomes."""
    from quixstreams import Application  # type: ignore[import-not-found, unused-ignore]
    from quixstreams.models import Deserializer  # type: ignore[import-not-found, unused-ignore]

    class Decoded(Deserializer):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__()
            self._decode = decoder(name)

        def __call__(self, value: bytes, ctx: Any) -> dict[str, Any]:
            return self._decode(value)

    app = Application(
        broker_address=place.bootstrap_servers,
        consumer_group=place.group,
        auto_offset_reset="earliest",
        state_dir=place.folder,
        loglevel="WARNING",
    )
    predictions, outcomes = (
        app.dataframe(app.topic(topic, value_deserializer=Decoded(name)))
        for topic, name in zip(place.inputs, ("Prediction", "Outcome"), strict=True)
    )
    return app, predictions, outcomes


def _merged(prediction: dict[str, Any], outcome: dict[str, Any]) -> dict[str, Any]:
    return {"prediction": prediction, "outcome": outcome}


def write_matches(app: Any, joined: Any, place: Place) -> None:
    """Write the joined values whose contexts match, until told to stop."""
    matching = joined.filter(lambda p: meets(p["prediction"]["context"], p["outcome"]["context"]))
    matching.to_topic(app.topic(place.output_topic))
    app.run()


if __name__ == "__main__":
    run_here(main)
