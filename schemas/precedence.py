"""Which of two forms of one event counts, wherever that has to be decided."""

from hashlib import blake2b

import orjson

from schemas.events import Outcome, Prediction

HASH_BITS = 64


def precedence(event: Prediction | Outcome) -> int:
    """Return the rank among forms of one event, under 2**128: by revision, then by content.

    Two forms of equal revision and different content are a conflict; the higher hash counts, so
    that everyone decides alike in every order of arrival.
    """
    record = event._asdict() | {"context": tuple(event.context)}
    if "features" in record:
        record["features"] = dict(event.features)  # type: ignore[union-attr]
    content = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    tie = int.from_bytes(blake2b(content, digest_size=HASH_BITS // 8).digest(), "big")
    return event.revision << HASH_BITS | tie
