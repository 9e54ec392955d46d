"""Assignments: of all topics or of none."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.protocol.metadata import MetadataResponse_v0

from streams.whole_assignor import WholeAssignor

PARTITIONS = 4


class RefusedError(Exception):
    """What the app would end its process with."""


def cluster(topics: Sequence[str]) -> ClusterMetadata:
    """A cluster of one broker, as the broker would show it."""
    shown = ClusterMetadata()
    partitions = [(0, p, 1, [1], [1]) for p in range(PARTITIONS)]
    shown.update_metadata(
        MetadataResponse_v0([(1, "localhost", 1)], [(0, topic, partitions) for topic in topics])
    )
    return shown


@pytest.fixture
def assignor(tmp_path: Path) -> WholeAssignor:
    app = faust.App("lab-join", datadir=str(tmp_path), topic_partitions=PARTITIONS)

    def refuse(reason: str) -> None:
        raise RefusedError(reason)

    app.refuse = refuse
    return WholeAssignor(app, replicas=1)


def members(assignor: WholeAssignor, *names: str) -> dict[str, Any]:
    return {name: assignor.metadata({"lab.predictions", "lab.outcomes"}) for name in names}


@pytest.mark.parametrize("shown", [[], ["lab.predictions"]])
def test_a_group_is_not_assigned_before_every_topic_shows(
    assignor: WholeAssignor, shown: list[str]
) -> None:
    with pytest.raises(RefusedError, match=r"0 partitions of lab\.outcomes"):
        assignor.assign(cluster(shown), members(assignor, "a"))


def test_every_member_has_both_inputs_of_each_of_its_partitions(assignor: WholeAssignor) -> None:
    both = ["lab.predictions", "lab.outcomes"]
    found = assignor.assign(cluster(both), members(assignor, "a", "b", "c"))
    held: list[int] = []
    for assignment in found.values():
        by_topic = {topic: sorted(partitions) for topic, partitions in assignment.assignment}
        assert by_topic.get(both[0]) == by_topic.get(both[1])
        held += by_topic.get(both[0], [])
    assert sorted(held) == list(range(PARTITIONS))
