"""What every summary of a window has."""


class Summary:
    """A multiset of pairs, reduced to what metrics need; `n` is how many pairs it holds.

    >>> issubclass(Summary, object), Summary.n
    (True, 0)
    """

    __slots__ = ()

    n: int = 0
