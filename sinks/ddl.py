"""The statements under `sql/`: one file per table, one per view, each run as it stands."""

from pathlib import Path

SQL_DIR = Path(__file__).parent / "sql"


def names(kind: str) -> list[str]:
    """Return the names of the "tables" or the "views", which are their files' names."""
    return sorted(path.stem for path in (SQL_DIR / kind).glob("*.sql"))


def statements() -> list[str]:
    """Return every statement in an order in which they can run: tables first."""
    return [
        (SQL_DIR / kind / f"{name}.sql").read_text(encoding="utf-8")
        for kind in ("tables", "views")
        for name in names(kind)
    ]
