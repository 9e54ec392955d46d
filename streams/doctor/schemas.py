"""The schemas of all events: known to the registry or the table, and readable by either side."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from schemas.codec import NAMESPACE, current_schema
from schemas.events import EVENT_TYPES
from schemas.table import SchemaTable, published, unmarked
from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.schema_ids import NOT_FOUND, as_registered, registry_client, registry_error
from streams.settings.services import SchemaRegistrySettings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

PLACE = 60


def look(checkup: Checkup) -> Iterator[Finding]:
    """Hold this program's schemas against those of the registry or the table."""
    registry = checkup.settings.registry
    yield from _table() if registry.url is None else _registry(registry)


def _table() -> Iterator[Finding]:
    table = SchemaTable()
    stale = [n for n in EVENT_TYPES if published()[table.id_of(n)] != unmarked(current_schema(n))]
    if stale:
        yield wrong(
            f"the schemas of {', '.join(stale)} are not as they were published",
            "install this version again, as it was released",
        )
    else:
        yield fine(f"{len(EVENT_TYPES)} schemas have their ids in the table of this program")


def _registry(registry: SchemaRegistrySettings) -> Iterator[Finding]:
    client, url = registry_client(registry), str(registry.url)
    try:
        unknown = []
        for name in EVENT_TYPES:
            standing = _standing(client, *as_registered(name))
            if standing == "unknown":
                unknown.append(name)
            elif standing == "incompatible":
                yield wrong(
                    f"the registry at {url} holds another schema of {name} that does not go with "
                    "this program's",
                    f"remove the subject {NAMESPACE}.{name} there, or use this program's version "
                    "that registered it",
                )
    except Exception as error:  # its client lets every HTTP library's errors through
        raise registry_error(error, url) from error
    finally:
        client.close()
    if unknown:
        yield warning(
            f"the registry at {url} does not know {', '.join(unknown)} yet",
            "nothing, if it lets us register: a schema is registered when it is first written with",
        )
    else:
        yield fine(f"the registry at {url} answers and goes with this program's schemas")


def _standing(client: "SchemaRegistryClient", subject: str, schema: "Schema") -> str:
    """Return "known", "unknown" or "incompatible"."""
    from confluent_kafka.schema_registry.error import SchemaRegistryError

    try:
        client.lookup_schema(subject, schema)
        return "known"
    except SchemaRegistryError as error:
        if error.http_status_code != NOT_FOUND:
            raise
    # A subject that is not there yet is no conflict, whichever way a registry says so.
    try:
        return "unknown" if client.test_compatibility(subject, schema) else "incompatible"
    except SchemaRegistryError as error:
        if error.http_status_code != NOT_FOUND:
            raise
        return "unknown"
