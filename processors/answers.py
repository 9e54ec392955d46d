"""What the alerts of a lane may ask of its monitor: see `processors.alerts.subject.Asked`."""

import msgspec

from processors import keys
from processors.alerts.subject import Subject
from processors.assay.mean_shift import ControlResults
from processors.controls import Controls
from processors.keys import SeriesId
from processors.row_runs import newest_rows
from processors.series import Scored, SeriesName
from processors.series_at_hand import SeriesAtHand
from processors.store import Store

# How far back a cause is looked for.
CAUSE_ROWS_MAX = 2_000
# Of those used last; more would make a cause slow to find.
VERSIONS_BESIDE_MAX = 2


class Answers(msgspec.Struct):
    """Answers from the series and controls of a lane, and its store.

    >>> from processors.store import MemoryStore
    >>> answers = Answers(SeriesAtHand(), Controls(()), MemoryStore())
    >>> answers.rows(Subject("net", "1", "logP")), answers.beside(Subject("net", "1", "logP"))
    ([], [])
    """

    series: SeriesAtHand
    known_controls: Controls
    store: Store

    def rows(self, about: Subject) -> list[Scored]:
        """Return the newest scored pairs of a model version in the order of their times."""
        subject = about.lane_key
        whole = SeriesId(subject, SeriesName(about.model_version, None, None))
        state = self.series.get(whole, self.store)
        state.save_rows(self.store)
        newest = [
            keys.pair_key(subject, keys.pair_id_of_row(name))
            for name, _ in newest_rows(self.store, state.keys.rows, CAUSE_ROWS_MAX)
        ]
        found = (self.store.get(key) for key in reversed(newest))
        return [Scored.from_bytes(record) for record in found if record]

    def beside(self, about: Subject) -> list[Scored]:
        """Return the newest scored pairs of the versions of the model that were used last."""
        versions = self.series.versions(about.lane_key, self.store)
        others = [version for version in versions if version != about.model_version]
        return [
            row
            for version in others[:VERSIONS_BESIDE_MAX]
            for row in self.rows(about._replace(model_version=version))
        ]

    def controls(self, about: Subject, start: int | None) -> list[ControlResults]:
        """Return the control compounds of the assay with their results since `start`."""
        lane_key, version = about.lane_key, about.model_version
        return self.known_controls.since(lane_key, about.assay_id, version, start, self.store)

    def learned(self, about: Subject, series: SeriesName) -> bool:
        """Return whether a series has its reference."""
        return self.series.get(SeriesId(about.lane_key, series), self.store).watch.missing is None
