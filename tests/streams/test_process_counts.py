"""How many processes of which stage: what a person writes, and what is refused."""

import pytest

from schemas.errors import SettingsError
from streams.process_counts import idle_processes, process_counts

ALL = "join,monitor,sink"


@pytest.mark.parametrize(
    ("stages", "processes", "counts"),
    [
        (ALL, "1", {"join": 1, "monitor": 1, "sink": 1}),
        ("join, sink", "3", {"join": 3, "sink": 3}),
        (ALL, "join=4,sink=2", {"join": 4, "monitor": 1, "sink": 2}),
        ("sink", " sink = 2 ", {"sink": 2}),
    ],
)
def test_counts_by_stage(stages: str, processes: str, counts: dict[str, int]) -> None:
    assert process_counts(stages, processes) == counts


@pytest.mark.parametrize(
    ("stages", "processes", "says"),
    [
        ("", "1", "there are join, monitor, sink"),
        ("jion", "1", "no stage 'jion'"),
        ("join", "sink=2", "no stage 'sink' to run; there are join"),
        ("join", "0", "write 1 to 256"),
        ("join", "-1", "write 1 to 256"),
        ("join", "two", "'two' is no number"),
        ("join", "join=", "'' is no number"),
        ("join", "²", "is no number"),
    ],
)
def test_what_cannot_be_meant_is_refused(stages: str, processes: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        process_counts(stages, processes)


def test_processes_that_can_never_get_a_lane_are_told() -> None:
    assert idle_processes({"join": 4, "sink": 1}, partitions=4) is None
    warning = idle_processes({"join": 6, "sink": 5}, partitions=4)
    assert warning is not None and "2 of join, 1 of sink" in warning
