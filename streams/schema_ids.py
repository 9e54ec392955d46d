"""Schema ids from a registry when one is configured, else from the table."""

import json
import ssl
from typing import TYPE_CHECKING, Any

from schemas.codec import NAMESPACE, Codec, Schema, SchemaIds, current_schema
from schemas.errors import (
    RecalibraError,
    SettingsError,
    UnavailableError,
    UnknownSchemaError,
)
from schemas.table import SchemaTable, unmarked
from streams.settings.services import SchemaRegistrySettings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema as RegistrySchema
    from confluent_kafka.schema_registry import SchemaRegistryClient

NOT_FOUND = 404
REFUSED = (401, 403)
TIMEOUT_S = 4


class RegistryIds:
    """Ids given by a Confluent-compatible registry; see `schemas.codec.SchemaIds`.

    A schema is registered under its record's name when it is first written with.
    """

    def __init__(self, registry: SchemaRegistrySettings) -> None:
        """Prepare; raises SettingsError for a ca_file that holds no certificate."""
        self._url = str(registry.url)
        self._client = registry_client(registry)

    def id_of(self, name: str) -> int:
        """Return the id of the current schema of event `name`, registering it if need be."""
        try:
            found = self._client.register_schema(*as_registered(name))
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

    def _away(self, error: Exception) -> RecalibraError:
        return registry_error(error, self._url)


def as_registered(name: str) -> tuple[str, "RegistrySchema"]:
    """Return the subject of event `name` and its schema, as the registry is given them."""
    from confluent_kafka.schema_registry import Schema as RegistrySchema

    text = json.dumps(unmarked(current_schema(name)))
    return f"{NAMESPACE}.{name}", RegistrySchema(text, "AVRO")


def registry_client(registry: SchemaRegistrySettings) -> "SchemaRegistryClient":
    """Return a client of the registry; raises SettingsError for a ca_file without certificate."""
    from confluent_kafka.schema_registry import SchemaRegistryClient

    settings: dict[str, Any] = {
        "url": str(registry.url),
        "timeout": TIMEOUT_S,
        "max.retries": 1,
    }
    if registry.ca_file is not None:
        settings["ssl.ca.location"] = str(registry.ca_file)
    if registry.username is not None:
        settings["basic.auth.user.info"] = f"{registry.username}:{registry.secret()}"
    try:
        return SchemaRegistryClient(settings)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"registry.ca_file {registry.ca_file} holds no PEM certificate"
        ) from error


def registry_error(error: Exception, url: str) -> RecalibraError:
    """Return what to raise for an error of the registry's client, of whatever library it is."""
    status = getattr(error, "http_status_code", None)
    if status in REFUSED:
        return SettingsError(
            f"the schema registry at {url} refuses us ({status}): check registry.username, its "
            "password and rights"
        )
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return SettingsError(
            f"the certificate of the schema registry at {url} is not trusted: set registry.ca_file "
            "to the certificate of the authority that signed it, and call the registry by a name "
            "that is in its certificate"
        )
    return UnavailableError(
        f"the schema registry at {url} does not answer: {error}; check RECALIBRA_REGISTRY_URL"
    )


def make_codec(registry: SchemaRegistrySettings) -> Codec:
    """Return the codec of this process."""
    ids: SchemaIds = SchemaTable() if registry.url is None else RegistryIds(registry)
    return Codec(ids)
