"""Why Kafka cannot be used, as one sentence that says what to mend."""

import logging
import re
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import KafkaError, KafkaException

from schemas.errors import OursError, RecalibraError, SettingsError, UnavailableError, UserError
from streams.kafka_peer import TIMEOUT_S, Apis, Peer, look, unverified
from streams.kafka_tls import show_certificate, tls_context
from streams.settings.services import KafkaSettings

log = logging.getLogger(__name__)

# What the stages call, with the version that must be offered at least: Kafka 2.5 has them all.
NEEDED_APIS = {
    "Produce": (0, 3),
    "Fetch": (1, 4),
    "InitProducerId": (22, 0),
    "AddPartitionsToTxn": (24, 0),
    "EndTxn": (26, 0),
    "TxnOffsetCommit": (28, 3),
}
DENIED = {
    "TOPIC_AUTHORIZATION_FAILED": "topics",
    "GROUP_AUTHORIZATION_FAILED": "consumer groups",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "transactional ids",
    "CLUSTER_AUTHORIZATION_FAILED": "the cluster",
}
LOOKED_AT_MAX = 3
# "host:port", or a host alone.
PORT_DEFAULT = 9092


def who(kafka: KafkaSettings) -> str:
    """Return how Kafka knows us, as a sentence names it."""
    if kafka.sasl:
        return f"user {kafka.username}"
    return "the user of this certificate" if kafka.cert_file else "the anonymous user"


def missing_apis(apis: Apis) -> list[str]:
    """Return what a broker that offers `apis` lacks."""
    return [name for name, (key, least) in NEEDED_APIS.items() if apis.get(key, (0, -1))[1] < least]


def translated(error: KafkaException, kafka: KafkaSettings) -> RecalibraError:
    """Return what to raise for a call that Kafka or its client refused."""
    cause = error.args[0]
    where = f"Kafka at {kafka.bootstrap_servers}"
    if not isinstance(cause, KafkaError):
        return SettingsError(f"Kafka's client refuses its settings: {cause}")
    log.debug("%s: %s: %s", where, cause.name(), cause.str())
    denied = DENIED.get(cause.name() or "")
    if denied is not None:
        return UserError(
            f"{where} does not let {who(kafka)} use {denied} of {kafka.topic_prefix} as it must: "
            "give it the rights that README lists, or see `recalibra doctor` for which are missing"
        )
    if cause.name() == "_AUTHENTICATION":
        return refused_login(cause.str(), kafka)
    if cause.name() == "_INVALID_ARG":
        return SettingsError(f"Kafka's client refuses its settings: {cause.str()}")
    return UnavailableError(
        f"{where} does not answer: {cause.str()}; check the address and that the broker runs"
    )


def refused_login(said: str, kafka: KafkaSettings) -> SettingsError:
    """Return what to raise when the broker ends the login, by what the client library heard."""
    where = f"Kafka at {kafka.bootstrap_servers}"
    offered = re.search(r"supported mechanisms: ([\w,-]*)", said)
    if offered is not None and not offered[1]:
        protocol = "SSL" if kafka.tls else "PLAINTEXT"
        return SettingsError(
            f"{where} asks for no login there: set kafka.security_protocol to {protocol}, or name "
            "the port of its SASL listener"
        )
    if offered is not None:
        return SettingsError(
            f"{where} does not offer {kafka.sasl_mechanism} but {offered[1]}: set "
            "kafka.sasl_mechanism to one of them"
        )
    return SettingsError(
        f"{where} refuses the login of {who(kafka)} by {kafka.sasl_mechanism}: check "
        "kafka.username, its password and kafka.sasl_mechanism"
    )


def diagnosed(kafka: KafkaSettings, heard: Sequence[KafkaError]) -> RecalibraError:
    """Return why no broker answered, by what the client library heard and by looking ourselves.

    The first few addresses are looked at side by side, for six seconds at most.
    """
    for error in heard:
        if error.name() == "_AUTHENTICATION":
            return refused_login(error.str(), kafka)
    addresses = [address.strip() for address in str(kafka.bootstrap_servers).split(",")]
    with ThreadPoolExecutor(LOOKED_AT_MAX) as pool:
        found = list(pool.map(lambda address: _at(address, kafka), addresses[:LOOKED_AT_MAX]))
    return next((e for e in found if isinstance(e, UserError)), found[0])


def _at(address: str, kafka: KafkaSettings) -> RecalibraError:
    host, port = host_and_port(address)
    context = unverified()
    if kafka.tls:
        show_certificate(context, kafka)
    try:
        peer = look(host, port, context)
    except socket.gaierror:
        return UnavailableError(
            f"Kafka at {address} does not answer: nobody knows that name; check "
            "kafka.bootstrap_servers"
        )
    except OSError as error:
        return UnavailableError(
            f"Kafka at {address} does not answer: {error.strerror or error}; check the address and "
            "that the broker runs"
        )
    return _of_peer(peer, address, kafka) or _silent(address)


def host_and_port(address: str) -> tuple[str, int]:
    """Return the parts of "host:port"; raises SettingsError for what is none."""
    host, _, port = address.rpartition(":")
    if not host:
        return address, PORT_DEFAULT
    if not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SettingsError(f"kafka.bootstrap_servers: {address} is no host:port")
    return host.strip("[]"), int(port)


def _of_peer(peer: Peer, address: str, kafka: KafkaSettings) -> RecalibraError | None:
    """Return what is wrong with what listens there, None when it is what was expected."""
    if peer.speaks in ("http", "other"):
        what = "a web server" if peer.speaks == "http" else "something else"
        return SettingsError(
            f"what listens at {address} is {what} and not Kafka: check kafka.bootstrap_servers"
        )
    if peer.encrypted and not kafka.tls:
        return SettingsError(
            f"Kafka at {address} speaks TLS and kafka.security_protocol is "
            f"{kafka.security_protocol}: set it to SASL_SSL, or SSL where there is no login"
        )
    if peer.speaks == "kafka" and kafka.tls and not peer.encrypted:
        return SettingsError(
            f"Kafka at {address} speaks plain text and kafka.security_protocol is "
            f"{kafka.security_protocol}: name the port of its TLS listener"
        )
    if peer.alert and kafka.cert_file:
        return SettingsError(
            f"Kafka at {address} refuses our certificate ({peer.alert}): check that an authority "
            "that the broker trusts signed kafka.cert_file, and that it is still valid"
        )
    if peer.alert:
        return SettingsError(
            f"Kafka at {address} asks for a certificate of ours: set kafka.cert_file and "
            "kafka.key_file"
        )
    return _of_kafka(peer, address, kafka) if peer.speaks == "kafka" else None


def _of_kafka(peer: Peer, address: str, kafka: KafkaSettings) -> RecalibraError | None:
    if lacking := missing_apis(peer.apis):
        return SettingsError(
            f"Kafka at {address} is too old, it has no {', '.join(lacking)}: use Kafka 2.5 or newer"
        )
    if kafka.tls and (wrong := _of_certificate(*host_and_port(address), kafka)) is not None:
        return wrong
    if kafka.sasl:
        return None
    return SettingsError(
        f"Kafka at {address} ends the connection, most likely since it asks for a login: set "
        f"kafka.security_protocol to SASL_{'SSL' if kafka.tls else 'PLAINTEXT'}, username and "
        "password"
    )


def _of_certificate(host: str, port: int, kafka: KafkaSettings) -> RecalibraError | None:
    """Return what is wrong with the broker's certificate or ours, None for nothing."""
    if not kafka.tls:
        return None
    try:
        with (
            socket.create_connection((host, port), TIMEOUT_S) as plain,
            tls_context(kafka).wrap_socket(plain, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        mend = "to the certificate of the authority that signed it"
        return SettingsError(
            f"the certificate of Kafka at {host}:{port} is not trusted ({error.verify_message}): "
            f"set kafka.ca_file {mend}, and call the broker by a name that is in its certificate"
        )
    except ssl.SSLError as error:
        return SettingsError(
            f"Kafka at {host}:{port} ends TLS ({error.reason}): check kafka.cert_file and the port"
        )
    except OSError as error:
        log.debug("%s:%d: %s", host, port, error)
        return None


def _silent(address: str) -> OursError:
    return UnavailableError(
        f"Kafka at {address} does not answer: it takes the connection and says nothing; check the "
        "address and that the broker runs"
    )
