"""Where Kafka, ClickHouse and the schema registry are, and who we are to them."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from schemas.errors import SettingsError
from streams.settings.section import Section


def _readable(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from error
    return path


ReadableFile = Annotated[Path, AfterValidator(_readable)]


class _Login(Section):
    """Who we are to a service; `password_file` is a file that holds nothing but the password."""

    username: str | None = None
    password: SecretStr | None = None
    password_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _one_password(self) -> Self:
        if self.password_file is not None and self.password and self.password.get_secret_value():
            raise ValueError("set password or password_file, not both")
        return self

    def secret(self) -> str:
        """Return the password, which may be empty; raises SettingsError when its file is gone."""
        if self.password_file is None:
            return "" if self.password is None else self.password.get_secret_value()
        try:
            return self.password_file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"the password file {self.password_file} cannot be read as text; mend it or its "
                "permissions"
            ) from error


class KafkaSettings(_Login):
    """Where Kafka is; `bootstrap_servers` None means the local stack.

    `ca_file` None means the authorities that this machine trusts; `cert_file` and `key_file` are
    the certificate by which we are known, and its key.
    """

    bootstrap_servers: str | None = None
    topic_prefix: str = Field("recalibra", pattern=r"^[A-Za-z0-9._-]{1,100}$")
    partitions: int = Field(4, ge=1, le=1024)
    replication_factor: int = Field(1, ge=1, le=9)
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "PLAIN"
    ca_file: ReadableFile | None = None
    cert_file: ReadableFile | None = None
    key_file: ReadableFile | None = None
    key_password: SecretStr | None = None

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted and the broker's certificate verified."""
        return self.security_protocol.endswith("SSL")

    @property
    def sasl(self) -> bool:
        """Whether we log in by name and password."""
        return self.security_protocol.startswith("SASL")

    @model_validator(mode="after")
    def _protocol_uses_all(self) -> Self:
        if self.sasl and not (self.username and (self.password or self.password_file)):
            raise ValueError(f"{self.security_protocol} needs username and password")
        # A login that is not used, or sent in the clear, is not what was meant.
        if not self.sasl and (self.username or self.password or self.password_file):
            raise ValueError("a password is only used with security_protocol SASL_SSL")
        if not self.tls and (self.ca_file or self.cert_file or self.key_file):
            raise ValueError("certificates are only used with security_protocol SSL or SASL_SSL")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        return self


class ClickHouseSettings(_Login):
    """Where ClickHouse is; `host` None means the local stack.

    `ca_file` None means the authorities that certifi lists.
    """

    host: str | None = None
    port: int = Field(8123, ge=1, le=65535)
    username: str = "default"
    password: SecretStr = SecretStr("")
    database: str = Field("recalibra", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")
    secure: bool = False
    ca_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _certificates_are_used(self) -> Self:
        if self.ca_file is not None and not self.secure:
            raise ValueError("ca_file is only used with secure = true")
        return self


class SchemaRegistrySettings(_Login):
    """Where the schema registry is; `url` None means the table of ids in `schemas/`."""

    url: str | None = None
    ca_file: ReadableFile | None = None

    @model_validator(mode="after")
    def _url_holds_no_secret(self) -> Self:
        if self.url is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("the url must hold no password; set username and password")
        return self
