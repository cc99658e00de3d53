"""What uvicorn has no setting for: the options of safews, and how they are read from the environment."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypedDict, cast, get_type_hints

from ._option_rules import Choice, CloseCode, Origins, OrOff, Rule, Seconds, Switch, Whole

if TYPE_CHECKING:
    from typing_extensions import Unpack

PREFIX = "SAFEWS_"
"""An option's environment variable is this and the option's name in capitals."""

NO_ALIAS = "SAFEWS_NO_ALIAS"
"""Not an option: turns off the start-up hook that gives uvicorn the names without a colon."""

_logger = logging.getLogger("uvicorn.error")
_warned: set[str] = set()


class OptionChanges(TypedDict, total=False):
    """The keyword arguments of ``Options``, so that a type checker knows those of ``with_options`` too."""

    close_timeout: float
    close_grace: float
    accept_timeout: float | None
    write_timeout: float | None
    app_grace: float | None
    shutdown_code: int
    drain_spread: float
    allowed_origins: Collection[str] | None
    max_connections: int | None
    after_disconnect: Literal["raise", "drop"]
    receive_buffer: int
    deflate_window_bits: int
    deflate_mem_level: int
    deflate_level: int
    deflate_context_takeover: bool
    deflate_threshold: int
    fast_lane: bool


@dataclass(frozen=True, slots=True)
class Options:
    """How safews behaves where uvicorn has no setting for it. ``None`` always means off.

    Raises ``TypeError`` for a value of the wrong type and ``ValueError`` for one out of range; both name the option and
    the value. Equal options make equal, hashable objects.
    """

    close_timeout: Annotated[float, Seconds()] = 10.0
    """Seconds to wait for the peer's Close and the end of TCP after our Close, before the connection is aborted."""

    close_grace: Annotated[float, Seconds()] = 1.0
    """Seconds that a received Close waits for its turn in the app's queue, while the app may still send."""

    accept_timeout: Annotated[float | None, OrOff(Seconds(zero=False))] = None
    """Seconds that the app has to accept or refuse a connection, before the peer is answered 504."""

    write_timeout: Annotated[float | None, OrOff(Seconds(zero=False))] = 30.0
    """Seconds that the peer may take none of our output, before the connection is aborted."""

    app_grace: Annotated[float | None, OrOff(Seconds())] = None
    """Seconds that the app has to return after its connection has ended on a shutdown, before it is cancelled."""

    shutdown_code: Annotated[int, CloseCode()] = 1012
    """The close code that open connections get when the server shuts down (RFC 6455 section 7.4)."""

    drain_spread: Annotated[float, Seconds()] = 0.0
    """Seconds over which the Closes of a shutdown are spread, so that not every client comes back at once."""

    allowed_origins: Annotated[Collection[str] | None, OrOff(Origins())] = None
    """The origins, such as ``"https://example.org"``, of which a browser's must be one (RFC 6455 section 10.2).

    ``"https://*.example.org"`` stands for every subdomain, and not for ``example.org`` itself. They are kept in lower
    case and without default ports. ``None`` allows all.
    """

    max_connections: Annotated[int | None, OrOff(Whole(1))] = None
    """The most WebSockets in one process, unanswered ones counted; any more are answered 503."""

    after_disconnect: Annotated[Literal["raise", "drop"], Choice(("raise", "drop"))] = "raise"
    """Whether a send after the peer is gone raises ``ClientDisconnected`` or is dropped until the app has been told."""

    receive_buffer: Annotated[int, Whole(1)] = 65536
    """Bytes received and not yet taken by the app, above which reading from the peer pauses."""

    deflate_window_bits: Annotated[int, Whole(9, 15)] = 12
    """The largest window of permessage-deflate, as a power of two in bytes (RFC 7692 section 7.1.2)."""

    deflate_mem_level: Annotated[int, Whole(1, 9)] = 5
    """zlib's ``memLevel`` for what we send: more memory, better compression."""

    deflate_level: Annotated[int, Whole(0, 9)] = 6
    """zlib's compression level for what we send, 0 for none to 9 for the best."""

    deflate_context_takeover: Annotated[bool, Switch()] = True
    """Whether what we send may refer to earlier messages, at the price of memory for each connection."""

    deflate_threshold: Annotated[int, Whole(0)] = 64
    """Bytes below which a message is sent uncompressed."""

    fast_lane: Annotated[bool, Switch()] = True
    """Whether frames are read without the library. ``False`` is for comparing the two ways."""

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, rule.check(value))
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name}={value!r}: {error}") from None

    def changed(self, **changes: Unpack[OptionChanges]) -> Options:
        """Return options that differ in what is given.

        Raises ``TypeError`` for an unknown name and says which known one is nearest.
        """
        for name in changes:
            if name not in _RULES:
                raise TypeError(f"unknown option {name!r}{_nearest(name)}")
        return dataclasses.replace(self, **changes)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Options:
        """Read every option from its variable, such as ``SAFEWS_CLOSE_TIMEOUT=5``.

        ``off`` stands for ``None``, ``1`` and ``0`` for ``True`` and ``False``, and origins are separated by commas.
        Raises ``ValueError`` for a malformed value, naming the variable and the value. A variable with our prefix that
        is no option is one warning on the logger ``uvicorn.error``, the first time in a process.
        """
        _warn_of_strangers(strangers(environ))
        values = {
            name: _value_from_text(variable, environ[variable], _RULES[name])
            for variable, name in _VARIABLES.items()
            if variable in environ
        }
        return cls(**cast("OptionChanges", values))


_RULES: Mapping[str, Rule] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Options, include_extras=True).items()
}


_VARIABLES: Mapping[str, str] = {PREFIX + name.upper(): name for name in _RULES}


def strangers(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with our prefix that are no option, each with the one that was most likely meant, or none.

    Kubernetes sets ``SAFEWS_PORT`` and others for a service of that name.
    """
    found = sorted(name for name in environ if name.startswith(PREFIX) and name not in {*_VARIABLES, NO_ALIAS})
    return {name: "".join(_matches(name, _VARIABLES, cutoff=0.8)) for name in found}


def _value_from_text(variable: str, text: str, rule: Rule) -> object:
    try:
        return rule.check(rule.parse(text.strip()))
    except ValueError as error:
        raise ValueError(f"{variable}={text!r}: {error}") from None


def _warn_of_strangers(found: Mapping[str, str]) -> None:
    new = [f"{name} (did you mean {meant}?)" if meant else name for name, meant in found.items() if name not in _warned]
    if new:
        _warned.update(found)
        _logger.warning("Unknown safews options in the environment, ignored: %s", ", ".join(new))


def _nearest(name: str) -> str:
    matches = _matches(name, _RULES)
    return f", did you mean {matches[0]!r}?" if matches else f", known are {', '.join(_RULES)}"


def _matches(name: str, known: Iterable[str], cutoff: float = 0.6) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, n=1, cutoff=cutoff)
