"""The one exception tree.

    RecalibraError
    ├── OursError               our side cannot go on now; the same input may succeed later: retry
    │   ├── UnavailableError    a service is away or busy; `retry_after_s` says when to ask again
    │   └── FencedError         another worker owns this lane now
    ├── DataError               the data is wrong and will stay wrong: reject to the dead letters
    │   ├── MalformedRecordError  the bytes cannot be decoded
    │   ├── UnknownSchemaError    the schema id is in no table or registry we know
    │   ├── InvalidValueError     a field holds what it must not; `column` names it
    │   └── ConflictingContentError  one revision of an event came with two contents
    └── UserError               the person at the keyboard can mend it; the message says how
        ├── SettingsError       a setting is missing, unknown or out of range
        └── RefusedStateError   a store, changelog or topic does not fit this version or layout

Every message is one sentence that a user can act on; detail belongs in the log.
"""


class RecalibraError(Exception):
    """Root of everything this project raises on purpose."""


class OursError(RecalibraError):
    """Our side failed; the same input may succeed later."""


class UnavailableError(OursError):
    """A service is away or busy."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class FencedError(OursError):
    """Another worker has taken this lane over; the process must end."""


class DataError(RecalibraError):
    """The data is wrong and stays wrong; `column` is None when no single field is to blame."""

    def __init__(self, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.column = column


class MalformedRecordError(DataError):
    """The bytes of a record or row cannot be decoded."""


class UnknownSchemaError(DataError):
    """The schema id of a record is in no table or registry we know."""


class InvalidValueError(DataError):
    """A field holds what it must not."""


class ConflictingContentError(DataError):
    """One revision of an event came with two contents; one of them counts."""


class UserError(RecalibraError):
    """Something the person at the keyboard can mend."""


class SettingsError(UserError):
    """A setting is missing, unknown or out of range."""


class RefusedStateError(UserError):
    """A store, changelog or topic does not fit this version or layout."""
