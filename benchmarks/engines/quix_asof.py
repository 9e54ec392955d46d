"""Quix Streams with `join_asof`, its cheaper join: the newest value of one side per key."""

from benchmarks.engine import Module, Place, read_json_pair, run_here
from benchmarks.engines.quix import application, write_matches

JOIN = Module(
    "quix_asof",
    "quixstreams",
    read_json_pair,
    shape="single",
    note="join_asof keeps one value per key: input without several models, replicates, revisions;"
    " at least once; does not tell a pair's standing",
)


def main(place: Place) -> None:
    """Run the application until told to stop."""
    app, predictions, outcomes = application(place)
    joined = outcomes.join_asof(
        predictions,
        on_merge=lambda outcome, prediction: {"prediction": prediction, "outcome": outcome},
    )
    write_matches(app, joined, place)


if __name__ == "__main__":
    run_here(main)
