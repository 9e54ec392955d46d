"""One POST, and what its answer means: delivered, try again, or refused for good."""

import ssl
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from schemas.errors import DataError, UnavailableError
from sinks.notify._reach import connection_error, reach

# An address that asks for more is asked again all the same.
RETRY_AFTER_MAX_S = 3_600
ANSWER_BYTES_MAX = 300
TOO_MANY = 429


class HttpAddress(NamedTuple):
    """A web address and how it is reached; messages name its host alone, never the whole of it."""

    url: str
    ca: ssl.SSLContext
    timeout_s: float

    @property
    def where(self) -> str:
        """Scheme, host and port: what may be said of it."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def post(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Send `body`; return when it was taken (2xx).

        Raises UnavailableError for 5xx, 429, a time-out, a connection or certificate that fails,
        DataError for every other answer; a redirection is not followed.
        """
        from urllib3 import PoolManager, Timeout
        from urllib3.exceptions import HTTPError

        timeout = Timeout(connect=self.timeout_s, read=self.timeout_s)
        try:
            with PoolManager(ssl_context=self.ca, timeout=timeout, retries=False) as pool:
                answer = pool.request(
                    "POST",
                    self.url,
                    body=body,
                    headers={"User-Agent": "recalibra", **headers},
                    redirect=False,
                    preload_content=False,
                )
                taken = 200 <= answer.status < 300
                said = b"" if taken else answer.read(ANSWER_BYTES_MAX, decode_content=False)
                answer.close()
        except HTTPError as error:
            # Not its own text, which holds the address.
            raise connection_error(self.where, error) from None
        if not taken:
            self._refuse(answer.status, answer.headers.get("Retry-After"), said)

    def _refuse(self, status: int, retry_after: str | None, said: bytes) -> None:
        text = "".join(c for c in said.decode(errors="replace") if c.isprintable()).strip()
        sentence = f"{self.where} answers {status}{f' ({text})' if text else ''}"
        if status == TOO_MANY or status >= 500:
            raise UnavailableError(sentence, _retry_after_s(retry_after))
        raise DataError(sentence)

    def probe(self) -> None:
        """Connect, with TLS where it is asked for, and say nothing; raises UnavailableError."""
        parts = urlsplit(self.url)
        tls = parts.scheme == "https"
        port = parts.port or (443 if tls else 80)
        reach(self.where, str(parts.hostname), port, self.ca if tls else None, self.timeout_s)


def _retry_after_s(value: str | None) -> float:
    """Return how long an answer asks to wait: seconds or a date; 0 when it does not say."""
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    if value is None:
        return 0.0
    try:
        return Retry(retry_after_max=RETRY_AFTER_MAX_S).parse_retry_after(value)
    except (InvalidHeader, ValueError, OverflowError):
        return 0.0
