"""Channels and addresses as the settings name them: `[notify.CHANNEL.NAME]`."""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, Protocol, cast

from pydantic import SecretStr, ValidationError

from schemas.errors import SettingsError
from sinks import notify
from sinks.notify._notice import Notice
from sinks.notify._options import ChannelOptions, as_mapping

# A part of the consumer group's name.
NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
FILE = "_file"

# Options by channel and name.
Addresses = Mapping[str, Mapping[str, ChannelOptions]]


class Channel(Protocol):
    """What a channel's file gives; see `sinks.notify`."""

    where: str

    def shown(self, notice: Notice) -> str:
        """Return what `send` would send, for a person to look at."""

    def send(self, notice: Notice) -> None:
        """Deliver a notice; raises UnavailableError or DataError."""

    def probe(self) -> None:
        """Connect without sending anything; raises UnavailableError or DataError."""


def channel_names() -> list[str]:
    """Return every channel there is."""
    found = (module.name for module in iter_modules(notify.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def as_addresses(raw: object) -> Addresses:
    """Return what the settings say as options; raises ValueError with the name of the bad one."""
    return {
        channel: {name: _options(channel, name, value) for name, value in _table(named).items()}
        for channel, named in _table(raw).items()
    }


def names_of(addresses: Addresses) -> list[str]:
    """Return the name of every address, such as "webhook.lab"."""
    return [f"{channel}.{name}" for channel, named in addresses.items() for name in named]


def as_text(addresses: Addresses) -> str:
    """Return addresses as a variable holds them, secrets in plain."""
    plain = {
        channel: {name: as_mapping(options) for name, options in named.items()}
        for channel, named in addresses.items()
    }
    return json.dumps(plain)


def make_channel(addresses: Addresses, address: str, now_s: Callable[[], float]) -> Channel:
    """Return the channel of an address such as "webhook.lab"; raises SettingsError."""
    channel, _, name = address.partition(".")
    options = addresses.get(channel, {}).get(name)
    if options is None:
        known = ", ".join(names_of(addresses)) or "none"
        raise SettingsError(f"there is no address {address!r} in the settings; there are: {known}")
    made = import_module(f"{notify.__name__}.{channel}").Channel
    return cast(Channel, made(options, _trusted(options, address), now_s))


def options_of(addresses: Addresses, address: str) -> ChannelOptions:
    """Return the options of an address that is there."""
    channel, _, name = address.partition(".")
    return addresses[channel][name]


def _trusted(options: ChannelOptions, address: str) -> ssl.SSLContext:
    import certifi

    try:
        return ssl.create_default_context(cafile=options.ca_file or certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"notify.{address}.ca_file {options.ca_file} holds no PEM certificate"
        ) from error


def _table(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("write [notify.CHANNEL.NAME] and its settings below it")
    return value


def _options(channel: str, name: str, value: object) -> ChannelOptions:
    if channel not in channel_names():
        raise ValueError(f"there is no channel {channel!r}; there are {', '.join(channel_names())}")
    if not NAME.fullmatch(name):
        raise ValueError(f"an address is named by letters, digits, - and _, not {name!r}")
    if isinstance(value, ChannelOptions):
        return value
    kind: type[ChannelOptions] = import_module(f"{notify.__name__}.{channel}").Options
    try:
        return kind(**_with_secrets(kind, _table(value), f"{channel}.{name}"))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, (channel, name, *first["loc"])))
        raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None


def _with_secrets(
    kind: type[ChannelOptions], value: Mapping[str, Any], address: str
) -> dict[str, Any]:
    """Return a table with what its `NAME_file` entries name read into secret fields `NAME`."""
    found = dict(value)
    for entry, path in value.items():
        name = entry.removesuffix(FILE)
        if name == entry or entry in kind.model_fields or name not in kind.model_fields:
            continue
        if SecretStr not in _parts(kind.model_fields[name].annotation):
            continue
        del found[entry]
        if name in value:
            continue  # a variable overrides the file
        try:
            found[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, TypeError, ValueError) as error:
            raise ValueError(f"{address}.{entry}: {path} cannot be read as text") from error
    return found


def _parts(annotation: Any) -> tuple[Any, ...]:
    from typing import get_args

    return (annotation, *get_args(annotation))
