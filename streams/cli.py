"""The command line: every file in `commands/` is a command of its name (`_` becomes `-`).

Exit codes: 0 done, 1 something of ours or of a service failed, 2 something the user can mend,
130 interrupted.
"""

import logging
import sys
from importlib import import_module
from pkgutil import iter_modules

import click

from schemas.errors import RecalibraError, UserError
from streams import commands

EXIT_FAILED, EXIT_USER, EXIT_INTERRUPTED = 1, 2, 130


class CommandFolder(click.Group):
    """A group whose commands are the files of `streams/commands/`, imported when asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(found.name.replace("_", "-") for found in iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, or None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = import_module(f"{commands.__name__}.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command


@click.group(cls=CommandFolder, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="recalibra")
@click.option("--verbose", is_flag=True, help="Log what happens inside, with details of errors.")
def recalibra(verbose: bool) -> None:
    """Tells whether a model still agrees with the bench, since when, and because of what.

    \b
    Examples:
      recalibra demo                    real values, a lot that goes bad, the alert that names it
      recalibra up                      Kafka, ClickHouse and the worker on this machine
      recalibra connect csv --predictions P.csv --outcomes O.csv
      recalibra query "SELECT * FROM accuracy"
      recalibra replay --predictions P.csv --outcomes O.csv --json
    """
    level = logging.DEBUG if verbose else logging.CRITICAL
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def main() -> None:
    """Run the command line; every failure ends in one sentence and an exit code."""
    try:
        recalibra(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_USER)
    except RecalibraError as error:
        logging.getLogger(__name__).debug("the detail", exc_info=error)
        click.echo(f"recalibra: {error}", err=True)
        sys.exit(EXIT_USER if isinstance(error, UserError) else EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except OSError as error:
        logging.getLogger(__name__).debug("the detail", exc_info=error)
        click.echo(f"recalibra: {_about(error)}", err=True)
        sys.exit(EXIT_FAILED)


def _about(error: OSError) -> str:
    from errno import ENOSPC

    if error.errno == ENOSPC:
        return "the disk is full; free some space and start again, nothing that was stored is lost"
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


if __name__ == "__main__":
    main()
