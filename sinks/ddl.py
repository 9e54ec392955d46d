"""The statements under `sql/`: one file per table, change or view, each run as it stands.

A change gives tables that an older version made what they lack; it does nothing to the others.
"""

from pathlib import Path

SQL_DIR = Path(__file__).parent / "sql"


def names(kind: str) -> list[str]:
    """Return the names of the "tables", "changes" or "views", which are their files' names."""
    return sorted(path.stem for path in (SQL_DIR / kind).glob("*.sql"))


def statements() -> list[str]:
    """Return every statement in an order in which they can run: tables first, views last."""
    return [
        (SQL_DIR / kind / f"{name}.sql").read_text(encoding="utf-8")
        for kind in ("tables", "changes", "views")
        for name in names(kind)
    ]
