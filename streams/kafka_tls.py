"""TLS as Python's clients of Kafka want it; librdkafka reads the same files itself."""

import ssl
from typing import Any

from schemas.errors import SettingsError
from streams.settings.services import KafkaSettings


def tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    """Return a context that verifies the broker and shows our certificate if there is one.

    Raises SettingsError for a file that is no certificate or key, or a wrong key password.
    """
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"kafka.ca_file {kafka.ca_file} holds no PEM certificate") from error
    show_certificate(context, kafka)
    return context


def show_certificate(context: ssl.SSLContext, kafka: KafkaSettings) -> None:
    """Let a context show our certificate if there is one; raises as `tls_context`."""
    if kafka.cert_file is None or kafka.key_file is None:
        return
    # An empty password, since without any OpenSSL would ask on the terminal.
    password = "" if kafka.key_password is None else kafka.key_password.get_secret_value()
    try:
        context.load_cert_chain(kafka.cert_file, kafka.key_file, password)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"kafka.cert_file {kafka.cert_file} and kafka.key_file {kafka.key_file} are no PEM "
            "certificate and its key, or kafka.key_password is not the key's"
        ) from error


def faust_credentials(kafka: KafkaSettings) -> Any:
    """Return Faust's credentials, None for a broker without login and TLS; raises SettingsError."""
    from faust import SASLCredentials, SSLCredentials

    context = tls_context(kafka) if kafka.tls else None
    if kafka.sasl:
        return SASLCredentials(
            username=kafka.username,
            password=kafka.secret(),
            ssl_context=context,
            mechanism=kafka.sasl_mechanism,
        )
    return None if context is None else SSLCredentials(context)
