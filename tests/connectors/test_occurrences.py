"""Counts of identities, in memory and on disk."""

import random
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from connectors.occurrences import Occurrences


@pytest.mark.parametrize("buffered_max", [1, 7, 10_000])
def test_counts_are_those_of_a_counter(buffered_max: int) -> None:
    draws = random.Random(4)
    expected: Counter[bytes] = Counter()
    with Occurrences(buffered_max) as occurrences:
        for _ in range(5_000):
            identity = draws.randrange(400).to_bytes(16, "big")
            assert occurrences.next(identity) == expected[identity]
            expected[identity] += 1


def test_the_store_is_made_late_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Occurrences(buffered_max=2) as occurrences:
        for i in (1, 2):
            occurrences.next(i.to_bytes(16, "big"))
        assert not list(tmp_path.iterdir())
        occurrences.next((3).to_bytes(16, "big"))
        assert len(list(tmp_path.iterdir())) == 1
    assert not list(tmp_path.iterdir())


def test_memory_does_not_grow_with_the_identities() -> None:
    tracemalloc.start()
    try:
        with Occurrences(buffered_max=1_000) as occurrences:
            for i in range(50_000):
                occurrences.next(i.to_bytes(16, "big"))
            assert occurrences.next(bytes(16)) == 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
