"""A real broker with TLS, SASL and access rights, beside a plain listener for its operator."""

import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pipeline_lab import await_that
from pydantic import SecretStr

from streams.local.kafka import READY_TIMEOUT_S, KafkaBroker
from streams.local.ports import LOOPBACK, choose_port
from streams.local.state import StackAddresses
from streams.settings.services import KafkaSettings

USER = "lab-user"
CERTIFIED = "lab-machine"
DEADLINE_S = 20.0
LISTENERS = {"SECURE": "SASL_SSL", "MUTUAL": "SSL", "CLEAR": "SASL_PLAINTEXT"}
PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class Certificates:
    """Files of one authority: its own certificate, the server's and a client's."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self._folder = folder
        self.server_file = self.issued("server", LOOPBACK, "localhost")
        self.cert_file, self.key_file = folder / "client.pem", folder / "client.key"
        self.key_password = secrets.token_hex(8)
        mine = self.ca.issue_cert("client.lab", common_name=CERTIFIED)
        mine.cert_chain_pems[0].write_to_path(str(self.cert_file))
        self.key_file.write_bytes(_pkcs8(mine, self.key_password))

    def issued(self, file: str, *names: str) -> Path:
        """A file with a key and its certificate for these names, as a server reads it."""
        issued = self.ca.issue_cert(*names)
        path = self._folder / f"{file}.pem"
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        path.write_bytes(_pkcs8(issued) + chain)
        return path


def _pkcs8(issued: trustme.LeafCert, password: str | None = None) -> bytes:
    """The key as Java reads it."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    sealed = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed)


class SecureBroker:
    """Where a running broker listens, who may log in, and what its operator does."""

    def __init__(self, folder: Path) -> None:
        self.certificates = Certificates(folder / "certificates")
        self.password = secrets.token_hex(12)
        self.folder = folder
        self.ports: dict[str, int] = {}
        for name in ("CLIENT", "CONTROLLER", *LISTENERS):
            self.ports[name] = choose_port(None, name, self.ports.values())

    def address(self, listener: str) -> str:
        return f"{LOOPBACK}:{self.ports[listener]}"

    @property
    def addresses(self) -> StackAddresses:
        """As a local stack without ClickHouse gives them."""
        return StackAddresses(0, self.address("SECURE"), LOOPBACK, 0, "", "")

    @cached_property
    def admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.address("CLIENT"), "log_level": 0})

    def properties(self) -> dict[str, str]:
        served = {f"{name}": self.address(name) for name in ("CLIENT", *LISTENERS)}
        listeners = ",".join(f"{name}://{address}" for name, address in served.items())
        protocols = {"CLIENT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **LISTENERS}
        found = {
            "listeners": f"{listeners},CONTROLLER://{self.address('CONTROLLER')}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificates.server_file),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.certificates.ca_file),
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.mutual.ssl.principal.mapping.rules": r"RULE:^.*CN=([^,]+).*$/$1/",
        }
        for listener in ("secure", "clear"):
            name = f"listener.name.{listener}"
            offered = (
                "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" if listener == "secure" else "SCRAM-SHA-512"
            )
            found[f"{name}.sasl.enabled.mechanisms"] = offered
            plain = f'{PLAIN_LOGIN} user_{USER}="{self.password}";'
            found[f"{name}.plain.sasl.jaas.config"] = plain
            for bits in ("256", "512"):
                found[f"{name}.scram-sha-{bits}.sasl.jaas.config"] = SCRAM_LOGIN
        return found

    def scram_users(self) -> list[str]:
        """What the storage tool is told."""
        parts: list[str] = []
        for bits in ("256", "512"):
            parts += ["--add-scram", f"SCRAM-SHA-{bits}=[name={USER},password={self.password}]"]
        return parts

    def kafka(self, **changes: Any) -> KafkaSettings:
        """Settings for SASL_SSL with SCRAM and a topic prefix of their own, or others."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.address("SECURE"),
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "SCRAM-SHA-512",
            "username": USER,
            "password": SecretStr(self.password),
            "ca_file": self.certificates.ca_file,
            "topic_prefix": f"t{uuid.uuid4().hex[:8]}",
        }
        return KafkaSettings(**found | changes)

    def certified(self, **changes: Any) -> KafkaSettings:
        """Settings for SSL with the client's certificate and a topic prefix of their own."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.address("MUTUAL"),
            "security_protocol": "SSL",
            "ca_file": self.certificates.ca_file,
            "cert_file": self.certificates.cert_file,
            "key_file": self.certificates.key_file,
            "key_password": SecretStr(self.certificates.key_password),
            "topic_prefix": f"t{uuid.uuid4().hex[:8]}",
        }
        return KafkaSettings(**found | changes)

    def allow(self, prefix: str, user: str = USER) -> None:
        """Give a user all that README says a lab's user needs, and no more."""
        topic_rights = ("READ", "WRITE", "CREATE", "DESCRIBE_CONFIGS")
        rows = [(ResourceType.TOPIC, f"{prefix}.", AclOperation[r], "ALLOW") for r in topic_rights]
        rows += [
            (ResourceType.GROUP, f"{prefix}-", AclOperation.READ, "ALLOW"),
            (ResourceType.TRANSACTIONAL_ID, f"{prefix}-", AclOperation.WRITE, "ALLOW"),
        ]
        self._acls(rows, user)

    def deny(self, topic: str, operation: AclOperation, user: str = USER) -> None:
        self._acls([(ResourceType.TOPIC, topic, operation, "DENY")], user)

    def _acls(self, rows: list[tuple[Any, str, Any, str]], user: str) -> None:
        bindings = [
            AclBinding(
                kind, name, ResourcePatternType.PREFIXED, f"User:{user}", "*", operation,
                AclPermissionType[permission],
            )
            for kind, name, operation, permission in rows
        ]  # fmt: skip
        for future in self.admin.create_acls(bindings).values():
            future.result(DEADLINE_S)
        # The controller answers; the broker goes by them a moment later.
        await_that(lambda: set(bindings) <= set(self._known_acls()))

    def _known_acls(self) -> list[AclBinding]:
        """What the broker itself goes by."""
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY,
            AclPermissionType.ANY,
        )  # fmt: skip
        return self.admin.describe_acls(every).result(DEADLINE_S)


@contextmanager
def secure_broker(folder: Path, cache: Path) -> Iterator[SecureBroker]:
    """Run a broker for the length of the block."""
    found = SecureBroker(folder)
    broker = KafkaBroker(
        folder / "kafka",
        cache,
        folder / "kafka.log",
        lambda _said: None,
        port=found.ports["CLIENT"],
        controller_port=found.ports["CONTROLLER"],
        properties=found.properties(),
        format_options=found.scram_users(),
    )
    child = broker.start()
    try:
        child.wait_ready(broker.is_ready, READY_TIMEOUT_S)
        yield found
    finally:
        child.stop(3.0)
