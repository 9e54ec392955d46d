"""Schema ids without a registry: `published/` holds one frozen `.avsc` per id.

An id once published is never changed or removed: topics keep records written with it.
`python -m schemas.table` publishes every current schema that has no id yet.
"""

import json
from functools import cache
from pathlib import Path
from typing import cast

from schemas.codec import NAMESPACE, Schema, current_schema
from schemas.errors import UnknownSchemaError
from schemas.events import EVENT_TYPES

PUBLISHED_DIR = Path(__file__).parent / "published"


@cache
def published() -> dict[int, Schema]:
    """Return every published schema by its id, in ascending order."""
    files = {int(path.stem): path for path in PUBLISHED_DIR.glob("*.avsc")}
    return {schema_id: json.loads(files[schema_id].read_text()) for schema_id in sorted(files)}


def unmarked(schema: Schema) -> Schema:
    """Return a schema as JSON can hold it, without the parser's own marks."""
    marks = ("__fastavro_parsed__", "__named_schemas")
    return cast(Schema, json.loads(json.dumps({k: v for k, v in schema.items() if k not in marks})))


class SchemaTable:
    """The ids of the table; see `schemas.codec.SchemaIds`."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        for schema_id, schema in published().items():
            self._ids[str(schema["name"]).removeprefix(f"{NAMESPACE}.")] = schema_id

    def id_of(self, name: str) -> int:
        """Return the newest id of event `name`; raises UnknownSchemaError."""
        if name not in self._ids:
            raise UnknownSchemaError(f"no schema of {name} is published in {PUBLISHED_DIR.name}/")
        return self._ids[name]

    def writer_of(self, schema_id: int) -> Schema:
        """Return the schema behind an id; raises UnknownSchemaError."""
        try:
            return published()[schema_id]
        except KeyError:
            raise UnknownSchemaError(
                f"schema id {schema_id} is not in the table; if a registry gave it, set "
                "RECALIBRA_REGISTRY_URL"
            ) from None


def publish() -> list[str]:
    """Give every current schema that differs from its newest published form the next free id."""
    table, added = SchemaTable(), []
    next_id = max(published(), default=0) + 1
    for name in EVENT_TYPES:
        schema = unmarked(current_schema(name))
        if name in table._ids and published()[table._ids[name]] == schema:
            continue
        (PUBLISHED_DIR / f"{next_id}.avsc").write_text(json.dumps(schema, indent=2) + "\n")
        added.append(f"{name}: id {next_id}")
        next_id += 1
    published.cache_clear()
    return added


if __name__ == "__main__":
    print("\n".join(publish()) or "every schema is published")
