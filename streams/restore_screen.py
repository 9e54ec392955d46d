"""Shows on the terminal how far restores are; a line every few seconds where there is none."""

import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

from streams.worker_reports import WorkerReport, worker_reports

# Right after a start there may be much to restore; later only what other workers leave behind.
LOOK_EVERY_S = 0.5
LOOK_SELDOM_EVERY_S = 5.0
STARTING_S = 30.0
LINE_EVERY_S = 5.0


class RestoreScreen:
    """Follows the restores of this machine's workers of one lab; `look` is called often.

    `say` gets the lines where `console`, standard output when None, is no terminal.
    """

    def __init__(
        self,
        state_dir: Path,
        topic_prefix: str,
        say: Callable[[str], None],
        console: Console | None = None,
    ) -> None:
        self._state_dir, self._topic_prefix, self._say = state_dir, topic_prefix, say
        self._console = console or Console()
        self._began_s = time.monotonic()
        self._next_s = self._next_line_s = 0.0
        self._progress: Progress | None = None
        self._bars: dict[str, TaskID] = {}

    def look(self) -> None:
        """Ask the workers, if it is time to, and show what they restore."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        restoring = _restoring(worker_reports([self._state_dir], self._topic_prefix))
        often = restoring or now_s - self._began_s < STARTING_S
        self._next_s = now_s + (LOOK_EVERY_S if often else LOOK_SELDOM_EVERY_S)
        if self._console.is_terminal:
            self._show(restoring)
        elif restoring and now_s >= self._next_line_s:
            self._next_line_s = now_s + LINE_EVERY_S
            parts = (f"{lane} {done / wanted:.0%}" for lane, (done, wanted) in restoring.items())
            self._say(f"restoring: {', '.join(parts)}")

    def _show(self, restoring: dict[str, tuple[int, int]]) -> None:
        if not restoring:
            self.close()
            return
        if self._progress is None:
            self._progress = Progress(
                TextColumn("restoring {task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.completed:,.0f} of {task.total:,.0f} changelog offsets"),
                console=self._console,
                transient=True,
            )
            self._progress.start()
        for lane in self._bars.keys() - restoring.keys():
            self._progress.remove_task(self._bars.pop(lane))
        for lane, (done, wanted) in restoring.items():
            if lane not in self._bars:
                self._bars[lane] = self._progress.add_task(lane, total=wanted)
            self._progress.update(self._bars[lane], completed=done, total=wanted)

    def close(self) -> None:
        """Take the bars away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress, self._bars = None, {}


def _restoring(reports: list[WorkerReport]) -> dict[str, tuple[int, int]]:
    """Return offsets behind and to restore by the name of each lane that is restored."""
    return {
        f"{report.place.stage}[{partition}]": (lane.restore_done, lane.restore_wanted)
        for report in reports
        for partition, lane in sorted(report.lanes.items())
        if lane.restoring
    }
