"""What every channel can be told."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from schemas.events import Alert
from schemas.topics import canonical

News = Literal[
    "open", "escalated", "explained", "acknowledged", "recovered", "no_labels", "warning",
    "healthy", "learning",
]  # fmt: skip
Severity = Literal["info", "warning", "critical"]
DEFAULT_NEWS: tuple[News, ...] = ("open", "escalated", "acknowledged", "recovered", "no_labels")


class ChannelOptions(BaseModel):
    """Which news of which alerts go to an address, and how long it is tried.

    `assays` and `models` are names, in which `*` stands for any text; empty means all. `ca_file`
    None means the authorities that certifi lists.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    news: tuple[News, ...] = DEFAULT_NEWS
    severities: tuple[Severity, ...] = get_args(Severity)
    assays: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    ca_file: Path | None = None
    timeout_s: float = Field(10.0, gt=0, le=120)
    give_up_after_s: float = Field(86_400.0, ge=0, le=1_209_600)

    def wants(self, news: str, alert: Alert) -> bool:
        """Return whether this address is told."""
        return (
            news in self.news
            and alert.severity in self.severities
            and _listed(alert.assay_id, self.assays)
            and _listed(alert.model_id, self.models)
        )


def as_mapping(options: ChannelOptions) -> Mapping[str, object]:
    """Return options as a setting could hold them, secrets in plain."""
    return {name: _plain(value) for name, value in options if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, Path) else value


def _listed(name: str, patterns: tuple[str, ...]) -> bool:
    own = canonical(name)
    return not patterns or any(fnmatchcase(own, canonical(pattern)) for pattern in patterns)


def is_loopback(host: str) -> bool:
    """Return whether a name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _web_address(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        port_is_one = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ValueError("it is no web address") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_one:
        raise ValueError("it must begin with https:// (or http://) and name a host")
    if parts.username or parts.password:
        raise ValueError("it must hold no name and password")
    if not url.get_secret_value().isascii() or not url.get_secret_value().isprintable():
        raise ValueError("it must be plain ASCII; encode what is not")
    return url


# Often the address itself is the secret.
SecretUrl = Annotated[SecretStr, AfterValidator(_web_address)]
