"""The changes of an open checkpoint, held against a sorted map."""

from hypothesis import given
from hypothesis import strategies as st
from sortedcontainers import SortedDict

from streams.pending_changes import PendingChanges

keys = st.binary(max_size=3)
# A change, or the end of the keys that are asked for.
steps = st.lists(st.tuples(keys, st.none() | st.binary(max_size=1), st.booleans()) | keys)


@given(steps, keys, st.booleans())
def test_it_is_a_sorted_map(
    done: list[tuple[bytes, bytes | None, bool] | bytes], first: bytes, reverse: bool
) -> None:
    changes, expected = PendingChanges(), SortedDict()
    for step in done:
        if isinstance(step, bytes):
            found = list(changes.keys_between(first, step, reverse))
            end = step or None
            assert found == list(expected.irange(first, end, (True, False), reverse))
        else:
            key, value, cleared = step
            changes[key] = expected[key] = value
            assert key in changes
            assert changes[key] == value
            if cleared and not value:
                changes.clear()
                expected.clear()
    assert dict(changes.items()) == dict(expected.items())


def test_many_keys_are_put_in_order_at_once() -> None:
    changes = PendingChanges()
    for i in range(1_000):
        changes[b"%03d" % (i * 7 % 1_000)] = b""
    assert list(changes.keys_between(b"", b"", False)) == [b"%03d" % i for i in range(1_000)]
    changes[b"0005"] = b""
    assert list(changes.keys_between(b"000", b"002", True)) == [b"001", b"0005", b"000"]
