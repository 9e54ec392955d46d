"""A lane's alerts by themselves: looks as charts would give them, and what is said of them."""

from collections.abc import Sequence

from processors.alerts.alerts import Alerts
from processors.alerts.news import Look
from processors.alerts.subject import Here, Subject
from processors.assay.mean_shift import ControlResults
from processors.detectors import Change
from processors.options import Options
from processors.series import Scored, SeriesName
from processors.store import MemoryStore
from schemas.events import Alert, AlertCommand

DAY_US = 86_400_000_000
ABOUT = Subject("net", "1", "a")
WHOLE = SeriesName("1", None, None)
FOUND = Change("page_hinkley", 60 * DAY_US, 0.01, 2.0)


def result(day: int, error: float, lot: str = "L1", instrument: str = "I1") -> Scored:
    context = (lot, instrument, None, None)
    return Scored("1", day * DAY_US, context, error, 0.0, None, None, None, f"M{day}")


class AlertLab:
    """`rows` are the results that the alerts may ask for."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.store = MemoryStore()
        self.alerts = Alerts(self.options)
        self.results: list[Scored] = []
        self.sequence = 0

    def rows(self, about: Subject) -> list[Scored]:
        return self.results

    def beside(self, about: Subject) -> list[Scored]:
        """Return none."""
        return []

    def controls(self, about: Subject, start: int | None) -> list[ControlResults]:
        """Return none."""
        return []

    def learned(self, about: Subject, series: SeriesName) -> bool:
        return True

    def here(self) -> Here:
        self.sequence += 1
        return Here(self.sequence, self, self.store)

    def restart(self) -> None:
        self.alerts.save(self.store)
        self.alerts = Alerts(self.options)

    def look(
        self,
        score: float | None = 0.0,
        changes: Sequence[Change] = (),
        strength: float | None = None,
        missing: str | None = None,
        about: Subject = ABOUT,
    ) -> list[Alert]:
        look = Look(99 * DAY_US, {WHOLE: score}, changes, strength, missing)
        return self.alerts.look(about, look, self.here())

    def command(self, kind: str, **changes: object) -> list[Alert]:
        command = AlertCommand(
            *(f"c{self.sequence}", kind, None, None, "a", None, None, None, None, "ann"),
            *("why", 70 * DAY_US),
        )
        command = command._replace(**changes)  # type: ignore[arg-type]
        return self.alerts.command(command, self.here())[0]

    def tick(self, day: int) -> list[Alert]:
        return self.alerts.tick(day * DAY_US, self.here())

    def shift(self, size: float, lot: str = "L1", instrument: str = "I1") -> None:
        """Sixty results with an SD near one, then thirty that are off."""
        errors = [((n * 7 + 6) % 11 - 5) / 3.3 for n in range(90)]
        self.results = [result(n, errors[n], f"L{n % 3}", "I1") for n in range(60)]
        self.results += [result(n, errors[n] + size, lot, instrument) for n in range(60, 90)]


def states(said: list[Alert]) -> list[str]:
    return [row.state for row in said]


def alerts_only(said: list[Alert]) -> list[Alert]:
    return [row for row in said if not row.is_status]
