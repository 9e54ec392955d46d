"""Many keys at once go where each goes alone."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.partitioner import partition_of, partitions_of


@given(st.lists(st.binary(max_size=9), max_size=200), st.integers(1, 64))
def test_many_keys_go_where_each_goes_alone(keys: list[bytes], partitions: int) -> None:
    assert partitions_of(keys, partitions) == [partition_of(key, partitions) for key in keys]


def test_many_keys_of_one_length() -> None:
    keys = [b"MOL%04d\x1flogP" % i for i in range(500)]
    assert partitions_of(keys, 7) == [partition_of(key, 7) for key in keys]
