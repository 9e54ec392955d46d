"""What listens at ClickHouse's address, asked without any secret before a query is.

The driver would wait for minutes for what never answers, and says of every failure to connect that
ClickHouse does not answer.
"""

import http.client
import socket
import ssl

from schemas.errors import SettingsError, UnavailableError
from streams.settings.services import ClickHouseSettings

TIMEOUT_S = 4.0
ANSWER_BYTES_MAX = 100
OK = b"Ok."


def answer_of(clickhouse: ClickHouseSettings) -> bytes:
    """Return the begin of the answer to /ping, which is "Ok." from ClickHouse.

    Takes eight seconds at most. Raises SettingsError for a certificate that is not trusted and for
    TLS on one side only, UnavailableError for what does not answer.
    """
    where = f"ClickHouse at {clickhouse.host}:{clickhouse.port}"
    try:
        return _asked(clickhouse)
    except ssl.SSLCertVerificationError as error:
        raise SettingsError(
            f"the certificate of {where} is not trusted ({error.verify_message}): set "
            "clickhouse.ca_file to the certificate of the authority that signed it, and call "
            "ClickHouse by a name that is in its certificate"
        ) from error
    except ssl.SSLError as error:
        raise SettingsError(
            f"{where} does not speak TLS there ({error.reason}): name its HTTPS port, which most "
            "often is 8443, or set clickhouse.secure = false"
        ) from error
    except socket.gaierror as error:
        raise UnavailableError(
            f"{where} does not answer: nobody knows that name; check clickhouse.host"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        if not clickhouse.secure and _speaks_tls(clickhouse):
            raise SettingsError(
                f"{where} speaks TLS there: set clickhouse.secure = true, and clickhouse.ca_file "
                "if its certificate is your own"
            ) from error
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnavailableError(
            f"{where} does not answer: {reason}; check the address and that it runs"
        ) from error


def _asked(clickhouse: ClickHouseSettings) -> bytes:
    host, port = str(clickhouse.host), clickhouse.port
    if clickhouse.secure:
        context = _context(clickhouse)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=TIMEOUT_S, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().read(ANSWER_BYTES_MAX)
    finally:
        connection.close()


def _context(clickhouse: ClickHouseSettings) -> ssl.SSLContext:
    """Return a context that verifies as the driver does."""
    import certifi

    try:
        return ssl.create_default_context(cafile=clickhouse.ca_file or certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"clickhouse.ca_file {clickhouse.ca_file} holds no PEM certificate"
        ) from error


def _speaks_tls(clickhouse: ClickHouseSettings) -> bool:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host = str(clickhouse.host)
    try:
        with (
            socket.create_connection((host, clickhouse.port), TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except OSError:
        return False
