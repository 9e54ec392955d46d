"""What an engine costs: processor time and resident memory of all its processes."""

import time
from collections.abc import Iterable

import psutil

SAMPLE_EVERY_S = 0.2
MEGABYTE = 1e6


class Usage:
    """Processor time since `begin` and the highest resident memory of process trees.

    Time that a process used which ended between two looks is lost.
    """

    def __init__(self) -> None:
        self._before_s: dict[int, float] = {}
        self._seen_s: dict[int, float] = {}
        self._looked_at = 0.0
        self.peak_mb = 0.0

    def begin(self, roots: Iterable[int]) -> None:
        """Count from now on."""
        self.sample(roots)
        self._before_s, self.peak_mb = dict(self._seen_s), 0.0
        self.sample(roots)

    def sample_if_due(self, roots: Iterable[int]) -> bool:
        """Look, when the last look was a while ago; return whether it was."""
        due = time.monotonic() - self._looked_at >= SAMPLE_EVERY_S
        if due:
            self.sample(roots)
        return due

    def sample(self, roots: Iterable[int]) -> None:
        """Look at every process below the roots."""
        resident_bytes = 0
        for process in _trees(roots):
            try:
                with process.oneshot():
                    spent = process.cpu_times()
                    resident_bytes += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self._seen_s[process.pid] = spent.user + spent.system
        self.peak_mb = max(self.peak_mb, resident_bytes / MEGABYTE)
        self._looked_at = time.monotonic()

    @property
    def cpu_s(self) -> float:
        """Seconds of processor time from `begin` to the last look."""
        return sum(s - self._before_s.get(pid, 0.0) for pid, s in self._seen_s.items())


def _trees(roots: Iterable[int]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in roots:
        try:
            root = psutil.Process(pid)
            found += [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return found
