"""The applicability domain of a model version: how far a molecule is from those it is known on.

The reference are the first molecules that the model version predicted with features. A molecule's
distance is the mean of those to its nearest neighbours there, and its *rank* the part of the
reference that is at least as far from the rest of it: any scale, any number of features, several
chemical series at once. References: R. P. Sheridan et al. (2004), Similarity to molecules in the
training set is a good discriminator for prediction accuracy in QSAR, J. Chem. Inf. Comput. Sci. 44,
1912-1928; V. Vovk, A. Gammerman, G. Shafer (2005), Algorithmic Learning in a Random World (ranks).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from processors.assay.feature_rows import (
    FeatureRow,
    FeatureRows,
    Layout,
    layout_of,
    mark_of,
    read_row,
)
from processors.record_layout import RecordLayout
from schemas.errors import SettingsError

REFERENCE_MIN, REFERENCE_MAX = 20, 200
REFERENCE_DEFAULT = 100
NEIGHBOURS = 3
# A molecule is outside when fewer of the reference than this are as far.
OUTSIDE_RANK = 0.05
# Four bytes each: with names and scales a record stays under 64 KiB.
VALUES_MAX = 10_000


class Place(NamedTuple):
    """Where a molecule is: `rank`, above 0 to 1, is the part of the reference at least as far.

    None means not known. `reason` says why, and of an unseen category which feature has it.
    """

    rank: float | None
    reason: str | None = None

    @property
    def outside(self) -> bool | None:
        """Whether the molecule is outside the domain; None when it is not known."""
        return None if self.rank is None else self.rank < OUTSIDE_RANK


class DomainState(NamedTuple):
    """A reference as plain data, under 64 KiB; `distances` and `scales` are empty while learning.

    `size` is how many molecules are wanted, `molecules` their hashes; `numbers` and `marks` hold
    float32 and category hashes row by row.
    """

    size: int
    layout: Layout | None = None
    molecules: tuple[int, ...] = ()
    numbers: bytes = b""
    marks: bytes = b""
    distances: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()


DOMAIN_LAYOUT = RecordLayout(DomainState)


class Domain:
    """One model version's reference; `state` is what `state` gave, to go on from there.

    `reference_size` is 20 to 200, SettingsError otherwise; with more than 50 features it shrinks so
    that it holds 10,000 values. The features are those of the first molecule, by name up to 500;
    others are not looked at. A molecule counts once, however often it is predicted.

    >>> domain = Domain(20)
    >>> for i in range(20):
    ...     _ = domain.update(f"M-{i}", {"logP": i % 7 - 3.0, "series": "A"})
    >>> domain.update("M-20", {"logP": 0.5, "series": "A"}).outside
    False
    >>> domain.update("M-21", {"logP": 9.0, "series": "A"}).outside
    True
    >>> domain.update("M-22", {"logP": 0.5, "series": "B"}).reason
    'series has a category that no molecule of the reference has'
    """

    def __init__(
        self, reference_size: int = REFERENCE_DEFAULT, state: DomainState | None = None
    ) -> None:
        if not REFERENCE_MIN <= reference_size <= REFERENCE_MAX:
            raise SettingsError(
                f"The reference of an applicability domain has {REFERENCE_MIN} to {REFERENCE_MAX} "
                f"molecules, not {reference_size}: give a number in between."
            )
        self._state = DomainState(reference_size) if state is None else state
        self._rows: FeatureRows | None = None
        self._distances = np.array(self._state.distances)

    @property
    def state(self) -> DomainState:
        """All that is needed to go on later; it changes while learning only."""
        return self._state

    @property
    def learning(self) -> bool:
        """Whether the reference is still being collected."""
        return not self._state.distances

    def update(self, molecule_id: str, features: Mapping[str, float | str]) -> Place:
        """Return a molecule's place; while learning, take it into the reference instead.

        `features` are a prediction's; numbers that are not finite count as not stated, as do a text
        where the first molecule had a number and the other way round. Empty is a place not known.

        >>> Domain().update("M-1", {})
        Place(rank=None, reason='the prediction states no features')
        >>> Domain().update("M-1", {"logP": 1.0}).reason
        'the domain is learning: it has 1 of the 100 molecules with features that it needs'
        """
        if not features:
            return Place(None, "the prediction states no features")
        layout = self._state.layout or layout_of(features)
        row = read_row(features, layout)
        if self.learning:
            return self._learn(molecule_id, layout, row)
        if self._rows is None:
            self._rows = self._feature_rows()
        smallest = 1 / (self._distances.size + 1)
        unseen = self._rows.unseen_category(row)
        if unseen is not None:
            return Place(smallest, f"{unseen} has a category that no molecule of the reference has")
        distance = self._rows.distance(row, NEIGHBOURS)
        if distance is None:
            return Place(None, "the prediction shares no feature with the reference")
        # The slack is for float32 sums that differ in their last digits only.
        as_far = np.count_nonzero(self._distances >= distance * (1 - 1e-5))
        return Place((1 + int(as_far)) * smallest)

    def _feature_rows(self) -> FeatureRows:
        state = self._state
        assert state.layout is not None
        return FeatureRows(state.layout, state.numbers, state.marks, np.array(state.scales))

    def _learn(self, molecule_id: str, layout: Layout, row: FeatureRow) -> Place:
        state, molecule = self._state, mark_of(molecule_id)
        if molecule not in state.molecules and row.stated:
            self._state = state = state._replace(
                layout=layout,
                molecules=(*state.molecules, molecule),
                numbers=state.numbers + row.numbers.tobytes(),
                marks=state.marks + row.marks.tobytes(),
            )
        size = min(state.size, VALUES_MAX // max(1, len(layout.numbers) + len(layout.marks)))
        held = len(state.molecules)
        if held >= size:
            rows = FeatureRows(layout, state.numbers, state.marks, None)
            self._distances = rows.distances(NEIGHBOURS)
            self._state = state._replace(
                distances=tuple(self._distances.tolist()), scales=tuple(rows.scales.tolist())
            )
        return Place(
            None,
            f"the domain is learning: it has {held} of the {size} molecules with features "
            "that it needs",
        )
