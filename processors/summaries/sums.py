"""Exact, revertible sums over numeric pairs."""

from collections.abc import Sequence
from typing import Self

from processors.summaries.binary import damaged, decode, encode, integers
from processors.summaries.summary import Summary
from schemas.errors import InvalidValueError, RefusedStateError

FORMAT = 1

# Values are held as integers times 2**-scale. One step of 64 bits holds every double of size 2**-11
# and above to its last bit; smaller ones take a pair, or a whole sum, to the next steps.
SCALE_STEP_BITS = 64

# scale, then the pair's share in Σp, Σo, Σ|p-o| (times 2**scale) and Σp², Σo², Σpo (2**(2·scale)).
Terms = tuple[int, int, int, int, int, int, int]

FINEST_SCALE = 1088  # the first step that holds the smallest double, 2**-1074


class Sums(Summary):
    """Σp, Σo, Σp², Σo², Σpo and Σ|p-o| of predicted p and measured o, exact to the last bit.

    A double is an integer times a power of two, so the sums are Python integers at one scale and
    nothing is rounded: any order of updates gives the same sums, and a revert undoes its update
    completely, whatever came between.

    Source: exact accumulation in a long fixed-point register, U. Kulisch, "Computer Arithmetic and
    Validity", de Gruyter 2008, with Python's integers for the register.

    >>> window = Sums()
    >>> window.update(1.5, 1.0)
    >>> before = window.to_bytes()
    >>> window.update(1e30, 1e-30)
    >>> window.revert(1e30, 1e-30)
    >>> window.to_bytes() == before
    True
    """

    __slots__ = ("_absolute", "_o", "_oo", "_p", "_po", "_pp", "_read", "_scale", "n")

    def __init__(self) -> None:
        self.n = 0
        # What a subclass worked out of the sums, until they change.
        self._read: tuple[int, ...] | None = None
        self._scale = SCALE_STEP_BITS
        self._p = self._o = self._absolute = self._pp = self._oo = self._po = 0

    @staticmethod
    def terms(p: float, o: float) -> Terms:
        """Return a pair's share in the sums, to be computed once and added to many windows.

        `p` and `o` are finite and of one unit. Raises InvalidValueError when one is not finite.

        >>> Sums.terms(1.0, 0.5)[0]
        64
        """
        try:
            p_digits, p_divisor = p.as_integer_ratio()
            o_digits, o_divisor = o.as_integer_ratio()
        except (OverflowError, ValueError) as error:
            raise InvalidValueError(
                f"A pair needs finite numbers, not predicted {p} and measured {o}."
            ) from error
        p_bits = p_divisor.bit_length() - 1
        o_bits = o_divisor.bit_length() - 1
        scale = SCALE_STEP_BITS
        if p_bits > scale or o_bits > scale:
            scale = steps(max(p_bits, o_bits))
        p_int = p_digits << (scale - p_bits)
        o_int = o_digits << (scale - o_bits)
        absolute = abs(p_int - o_int)
        return scale, p_int, o_int, absolute, p_int * p_int, o_int * o_int, p_int * o_int

    def update(self, p: float, o: float) -> None:
        """Take a pair in. Raises InvalidValueError when a number is not finite.

        >>> window = Sums(); window.update(2.0, 1.0); window.n
        1
        """
        self.add(self.terms(p, o))

    def revert(self, p: float, o: float) -> None:
        """Take out a pair that was taken in.

        Raises InvalidValueError when a number is not finite, RefusedStateError when the window
        cannot hold the pair.

        >>> window = Sums(); window.update(2.0, 1.0); window.revert(2.0, 1.0)
        >>> window == Sums()
        True
        """
        self.subtract(self.terms(p, o))

    def add(self, terms: Terms) -> None:
        """Take in a pair by its `terms`.

        >>> window = Sums(); window.add(Sums.terms(2.0, 1.0)); window.n
        1
        """
        if terms[0] != self._scale:
            terms = self._aligned(terms)
        _, p, o, absolute, pp, oo, po = terms
        self._read = None
        self.n += 1
        self._p += p
        self._o += o
        self._absolute += absolute
        self._pp += pp
        self._oo += oo
        self._po += po

    def add_all(self, terms: Terms, n: int) -> None:
        """Take in `n` ≥ 1 pairs by the sum of their `terms`.

        >>> window = Sums(); window.add_all((64, 3 << 64, 0, 3 << 64, 5 << 128, 0, 0), 2)
        >>> both = Sums(); both.update(1.0, 0.0); both.update(2.0, 0.0); window == both
        True
        """
        self.add(terms)
        self.n += n - 1

    def subtract(self, terms: Terms) -> None:
        """Take out by its `terms` a pair that was taken in.

        Raises RefusedStateError when the window is empty, or would be empty with a sum left over.

        >>> Sums().subtract(Sums.terms(2.0, 1.0))
        Traceback (most recent call last):
            ...
        schemas.errors.RefusedStateError: A window was asked to give up a pair it does not hold; \
rebuild the store from its topics.
        """
        if terms[0] != self._scale:
            terms = self._aligned(terms)
        _, p, o, absolute, pp, oo, po = terms
        self._read = None
        self.n -= 1
        self._p -= p
        self._o -= o
        self._absolute -= absolute
        self._pp -= pp
        self._oo -= oo
        self._po -= po
        if self.n <= 0:
            if self.n < 0 or any(self._sums()):
                raise RefusedStateError(
                    "A window was asked to give up a pair it does not hold; "
                    "rebuild the store from its topics."
                )
            self._scale = SCALE_STEP_BITS

    def merge(self, other: "Sums") -> None:
        """Take in all pairs of `other`, which stays as it is; exact, whatever the two scales.

        >>> window, day = Sums(), Sums()
        >>> window.update(2.0, 1.0); day.update(1e-300, 3.0); window.merge(day)
        >>> window.n, day.n
        (2, 1)
        """
        missing = other._scale - self._scale
        if missing > 0:
            self._shift(missing)
        once = max(0, -missing)
        twice = 2 * once
        self._read = None
        self.n += other.n
        self._p += other._p << once
        self._o += other._o << once
        self._absolute += other._absolute << once
        self._pp += other._pp << twice
        self._oo += other._oo << twice
        self._po += other._po << twice

    def _aligned(self, terms: Terms) -> Terms:
        """Bring the coarser of the two, the terms or the sums, to the scale of the finer."""
        scale, p, o, absolute, pp, oo, po = terms
        missing = self._scale - scale
        if missing < 0:
            self._shift(-missing)
            return terms
        twice = 2 * missing
        return (
            self._scale,
            p << missing,
            o << missing,
            absolute << missing,
            pp << twice,
            oo << twice,
            po << twice,
        )

    def _shift(self, bits: int) -> None:
        self._read = None
        self._scale += bits
        self._p <<= bits
        self._o <<= bits
        self._absolute <<= bits
        self._pp <<= 2 * bits
        self._oo <<= 2 * bits
        self._po <<= 2 * bits

    def _sums(self) -> tuple[int, int, int, int, int, int]:
        return self._p, self._o, self._absolute, self._pp, self._oo, self._po

    def _lowest(self) -> tuple[int, ...]:
        """Return n, scale and sums at the lowest scale that holds them: equal for equal windows."""
        single = self._p | self._o | self._absolute
        square = self._pp | self._oo | self._po
        spare = min(self._scale, _trailing_zeros(single), _trailing_zeros(square) // 2)
        if not self.n:
            spare = self._scale
        p, o, absolute, pp, oo, po = self._sums()
        return (
            self.n,
            self._scale - spare,
            *(total >> spare for total in (p, o, absolute)),
            *(total >> 2 * spare for total in (pp, oo, po)),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sums):
            return NotImplemented
        return self._lowest() == other._lowest()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self.n})"

    def to_bytes(self) -> bytes:
        """Return the window as bytes; equal windows give equal bytes.

        >>> window = Sums(); window.update(2.0, 1.0); len(window.to_bytes())
        17
        """
        return encode(FORMAT, self._lowest())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Return the window that `to_bytes` wrote.

        Raises RefusedStateError when the format is another one or the bytes are damaged.

        >>> window = Sums(); window.update(2.0, 1.0)
        >>> Sums.from_bytes(window.to_bytes()) == window
        True
        """
        fields = decode(FORMAT, data)
        if len(fields) != 8:
            raise damaged(f"{len(fields)} sums instead of 8")
        n, scale, p, o, absolute, pp, oo, po = integers(fields)
        if n < 0 or not 0 <= scale <= FINEST_SCALE:
            raise damaged(f"{n} pairs at scale {scale}")
        window = cls()
        window.n, window._scale = n, steps(scale)
        once = window._scale - scale
        twice = 2 * once
        window._p, window._o, window._absolute = p << once, o << once, absolute << once
        window._pp, window._oo, window._po = pp << twice, oo << twice, po << twice
        return window


def added_up(terms: Sequence[Terms]) -> list[tuple[Terms, int]]:
    """Return the `terms` of one pair or more as few for `Sums.add_all`, each with its pairs.

    >>> one, two = Sums.terms(1.0, 0.0), Sums.terms(2.0, 0.0)
    >>> [(sums[1] >> 64, n) for sums, n in added_up([one, two])]
    [(3, 2)]
    >>> len(added_up([one, Sums.terms(1e-30, 0.0)]))
    2
    """
    scales, *columns = zip(*terms, strict=True)
    if min(scales) < max(scales):
        return [(one, 1) for one in terms]
    p, o, absolute, pp, oo, po = map(sum, columns)
    return [((scales[0], p, o, absolute, pp, oo, po), len(terms))]


def steps(bits: int) -> int:
    """Return the scale that holds `bits` bits behind the point: a whole number of steps, not 0.

    >>> steps(0), steps(64), steps(65)
    (64, 64, 128)
    """
    return max(1, -(-bits // SCALE_STEP_BITS)) * SCALE_STEP_BITS


def _trailing_zeros(number: int) -> int:
    """Return how often 2 divides `number`; for 0 more than any scale."""
    return (number & -number).bit_length() - 1 if number else 1 << 20
