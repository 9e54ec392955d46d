"""What a prediction or an outcome may hold, whoever sends it."""

import math
import re
from collections.abc import Mapping

from schemas.errors import InvalidValueError
from schemas.events import CONTEXT_FIELDS, Outcome, Prediction

QUALIFIERS = ("=", "<", "<=", ">", ">=", "~")
TEXT_BYTES_MAX = 1_000
LABEL_BYTES_MAX = 200
FEATURES_MAX = 500
# A state record must stay under 64 KiB with its key and header.
EVENT_BYTES_MAX = 60_000
NUMBER_MAX = 1e100
TIME_MIN_US = -2_208_988_800_000_000  # 1900-01-01
TIME_MAX_US = 7_258_118_400_000_000  # 2200-01-01
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check_text(name: str, text: str | None, bytes_max: int = TEXT_BYTES_MAX) -> None:
    """Raise InvalidValueError, which names the column, for a text that is none; None is left."""
    if text is None:
        return
    if not text.strip():
        raise InvalidValueError(f"{name} is empty; leave it out (null) if it is not stated", name)
    if _CONTROL.search(text):
        raise InvalidValueError(f"{name} holds a control character or half a surrogate pair", name)
    size = len(text.encode())
    if size > bytes_max:
        raise InvalidValueError(f"{name} has {size} bytes; {bytes_max} are allowed", name)


def _number(name: str, number: float | None, low: float, high: float) -> None:
    if number is None or low <= number <= high:
        return
    if not math.isfinite(number):
        raise InvalidValueError(f"{name} is {number}, not a finite number", name)
    raise InvalidValueError(f"{name} is {number}; allowed is {low:g} to {high:g}", name)


def check_time(name: str, time_us: int | None) -> None:
    """Raise InvalidValueError, which names the column, for microseconds beyond 1900 to 2199."""
    if time_us is not None and not TIME_MIN_US <= time_us <= TIME_MAX_US:
        raise InvalidValueError(f"{name} is outside the years 1900 to 2199", name)


def check_event(event: Prediction | Outcome) -> None:
    """Raise InvalidValueError, which names the column, when an event holds what it must not."""
    check_texts(event)
    check_values(event)


def check_texts(event: Prediction | Outcome) -> None:
    """Raise InvalidValueError, which names the column, for a text that is none or too long."""
    check_text("event_id", event.event_id)
    check_text("molecule_id", event.molecule_id)
    check_text("assay_id", event.assay_id)
    for name, text in zip(CONTEXT_FIELDS, event.context, strict=True):
        check_text(name, text)
    check_text("label", event.label, LABEL_BYTES_MAX)
    check_text("unit", event.unit)
    if isinstance(event, Prediction):
        check_text("model_id", event.model_id)
        check_text("model_version", event.model_version)


def check_values(event: Prediction | Outcome) -> None:
    """Raise InvalidValueError, which names the column, for whatever is wrong but texts."""
    _number("value", event.value, -NUMBER_MAX, NUMBER_MAX)
    if not 0 <= event.revision < 2**53:
        raise InvalidValueError(f"revision is {event.revision}; 0 or more is allowed", "revision")
    if isinstance(event, Prediction):
        _check_prediction(event)
    else:
        _check_outcome(event)


def _check_prediction(event: Prediction) -> None:
    _number("probability", event.probability, 0.0, 1.0)
    _number("uncertainty", event.uncertainty, 0.0, NUMBER_MAX)
    check_time("predicted_at", event.predicted_at)
    if event.features:
        _check_features(event.features)
    if (
        event.value is None
        and event.label is None
        and event.probability is None
        and not event.retracted
    ):
        raise InvalidValueError("a prediction needs a value, a label or a probability", "value")


def _check_features(features: Mapping[str, float | str]) -> None:
    if len(features) > FEATURES_MAX:
        raise InvalidValueError(f"{len(features)} features; {FEATURES_MAX} are allowed", "features")
    for name, feature in features.items():
        check_text(f"feature:{name}", name)
        if isinstance(feature, str):
            check_text(f"feature:{name}", feature or None)
        else:
            _number(f"feature:{name}", feature, -NUMBER_MAX, NUMBER_MAX)


def _check_outcome(event: Outcome) -> None:
    check_time("measured_at", event.measured_at)
    if event.qualifier is not None and event.qualifier not in QUALIFIERS:
        raise InvalidValueError(
            f"qualifier is {event.qualifier!r}; allowed are {' '.join(QUALIFIERS)}", "qualifier"
        )
    if event.value is None and event.label is None and not event.retracted:
        raise InvalidValueError("an outcome needs a value or a label", "value")
