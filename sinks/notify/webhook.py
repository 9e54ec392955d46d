"""Webhooks: signed JSON by POST, as the Standard Webhooks specification says.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
What is sent is described by `webhook.schema.json`. `webhook-id` is the same whenever the same news
is sent again, so that a receiver can tell.
"""

import base64
import binascii
import hmac
import ssl
from collections.abc import Callable
from typing import Annotated

import orjson
from pydantic import AfterValidator, SecretStr

from sinks.notify._http import HttpAddress
from sinks.notify._notice import Notice, as_payload
from sinks.notify._options import ChannelOptions, SecretUrl

SECRET_PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)


def _key(secret: str) -> bytes:
    try:
        found = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(SECRET_PREFIX) or len(found) not in SECRET_BYTES:
        raise ValueError("it must be whsec_ and 24 to 64 random bytes in base64")
    return found


def _is_key(secret: SecretStr) -> SecretStr:
    _key(secret.get_secret_value().strip())
    return secret


class Options(ChannelOptions):
    """An address and the secret that it knows us by."""

    url: SecretUrl
    secret: Annotated[SecretStr, AfterValidator(_is_key)]


class Channel:
    """One address."""

    def __init__(self, options: Options, ca: ssl.SSLContext, now_s: Callable[[], float]) -> None:
        self._address = HttpAddress(options.url.get_secret_value(), ca, options.timeout_s)
        self._key = _key(options.secret.get_secret_value().strip())
        self._now_s = now_s
        self.where = self._address.where

    def shown(self, notice: Notice) -> str:
        """Return what `send` would send, for a person to look at."""
        return orjson.dumps(as_payload(notice), option=orjson.OPT_INDENT_2).decode()

    def send(self, notice: Notice) -> None:
        """Deliver a notice; raises UnavailableError or DataError."""
        body = orjson.dumps(as_payload(notice))
        headers = signed(self._key, notice.notice_id, int(self._now_s()), body)
        self._address.post(body, {"Content-Type": "application/json", **headers})

    def probe(self) -> None:
        """Connect without sending anything; raises UnavailableError."""
        self._address.probe()


def signed(key: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows who sent `body`, at `at_s` since 1970."""
    content = f"{message_id}.{at_s}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, "sha256")).decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": f"v1,{signature}",
    }
