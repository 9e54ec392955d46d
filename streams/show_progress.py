"""What a command says on standard error while it works: how far it is, and what it left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn

LINES_SHOWN_MAX = 20


class ShowProgress(Protocol):
    """Shows how much of `total` is done; `what` replaces what is said to be done."""

    def __call__(self, done: int, total: int, what: str | None = None) -> None:
        """Show it."""


@contextmanager
def progress_bar(what: str, *amounts: ProgressColumn) -> Iterator[ShowProgress]:
    """Show a bar on a terminal while a block runs, with `amounts` beside it or plain counts."""
    console = Console(stderr=True)
    # Elsewhere than on a terminal it would leave an empty line.
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(amounts or (MofNCompleteColumn(),)),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)

        def show(done: int, total: int, what: str | None = None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield show


class FirstLines:
    """Prints the first LINES_SHOWN_MAX lines of many, and in the end how many more there were."""

    def __init__(self) -> None:
        self._lines = 0

    def say(self, line: str) -> None:
        """Print a line, if it is one of the first."""
        self._lines += 1
        if self._lines <= LINES_SHOWN_MAX:
            click.echo(line, err=True)

    def say_rest(self, what: str) -> None:
        """Say how many more there were, if there were."""
        if self._lines > LINES_SHOWN_MAX:
            click.echo(f"and {self._lines - LINES_SHOWN_MAX} more {what}", err=True)
