"""Schema ids from a registry when one is configured, else from the table."""

import json

from schemas.codec import NAMESPACE, Codec, Schema, SchemaIds, current_schema
from schemas.errors import UnavailableError, UnknownSchemaError
from schemas.table import SchemaTable, unmarked
from streams.settings import SchemaRegistrySettings

NOT_FOUND = 404


class RegistryIds:
    """Ids given by a Confluent-compatible registry; see `schemas.codec.SchemaIds`.

    A schema is registered under its record's name when it is first written with.
    """

    def __init__(self, url: str) -> None:
        from confluent_kafka.schema_registry import SchemaRegistryClient

        self._url = url
        self._client = SchemaRegistryClient({"url": url})

    def id_of(self, name: str) -> int:
        """Return the id of the current schema of event `name`, registering it if need be."""
        from confluent_kafka.schema_registry import Schema as RegistrySchema

        text = json.dumps(unmarked(current_schema(name)))
        try:
            found = self._client.register_schema(
                f"{NAMESPACE}.{name}", RegistrySchema(text, "AVRO")
            )
        except Exception as error:  # its client lets every HTTP library error through
            raise self._away(error) from error
        return int(found)

    def writer_of(self, schema_id: int) -> Schema:
        """Return the schema behind an id; raises UnknownSchemaError when the registry has none."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            text = self._client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.http_status_code == NOT_FOUND:
                raise UnknownSchemaError(
                    f"schema id {schema_id} is not in the registry at {self._url}"
                ) from error
            raise self._away(error) from error
        except Exception as error:
            raise self._away(error) from error
        try:
            schema: Schema = json.loads(text or "")
        except ValueError as error:
            raise UnknownSchemaError(f"schema id {schema_id} is no Avro schema") from error
        return schema

    def close(self) -> None:
        """Close the connection to the registry."""
        self._client.close()

    def _away(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"the schema registry at {self._url} does not answer: {error}; check "
            "RECALIBRA_REGISTRY_URL"
        )


def make_codec(registry: SchemaRegistrySettings) -> Codec:
    """Return the codec of this process."""
    ids: SchemaIds = SchemaTable() if registry.url is None else RegistryIds(registry.url)
    return Codec(ids)
