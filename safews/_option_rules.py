"""What an option takes: one small rule for each kind of value, used for keyword arguments and for the environment.

A rule's ``check`` returns the value as it is kept and raises ``TypeError`` or ``ValueError``. Its ``parse`` reads a
text and raises ``ValueError``; what it returns goes through ``check`` too. The errors say what the value must be, and
whoever knows the name of the option adds that and the value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ._close import may_be_sent
from ._origins import listed_origin

OFF_WORDS = ("off", "none")
"""What the environment says for ``None``."""

SWITCH_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
"""What the environment says for ``True`` and ``False``."""


class Rule(Protocol):
    """What one option takes."""

    def check(self, value: object) -> object:
        """Return the value as it is kept. Raises ``TypeError`` or ``ValueError``."""

    def parse(self, text: str) -> object:
        """Return what the text stands for, which ``check`` may still refuse. Raises ``ValueError``."""


@dataclass(frozen=True)
class Seconds:
    """A time in seconds, kept as a ``float``. Whether 0 is one depends on the option: ``zero``."""

    zero: bool = True

    def check(self, value: object) -> float:
        """Refuse what is not a finite number, and what is negative."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError("must be a number of seconds")
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if not math.isfinite(seconds) or seconds < 0 or (seconds == 0 and not self.zero):
            raise ValueError(f"must be a finite number of seconds, {'0 or more' if self.zero else 'more than 0'}")
        return seconds

    def parse(self, text: str) -> float:
        """Read a number with or without a fraction."""
        try:
            return float(text)
        except ValueError:
            raise ValueError("must be a number of seconds") from None


@dataclass(frozen=True)
class Whole:
    """A whole number between two limits, both included; no upper limit where ``most`` is ``None``."""

    least: int
    most: int | None = None

    def check(self, value: object) -> int:
        """Refuse what is not an ``int`` or lies outside the limits."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError("must be a whole number")
        if value < self.least or (self.most is not None and value > self.most):
            limits = f"{self.least} or more" if self.most is None else f"between {self.least} and {self.most}"
            raise ValueError(f"must be {limits}")
        return value

    def parse(self, text: str) -> int:
        """Read a decimal number."""
        try:
            return int(text)
        except ValueError:
            raise ValueError("must be a whole number") from None


class CloseCode(Whole):
    """A close code that may stand in a Close frame (RFC 6455 section 7.4)."""

    def __init__(self) -> None:
        super().__init__(1000, 4999)

    def check(self, value: object) -> int:
        """Refuse what may not be sent, such as 1005 and 1006."""
        code = super().check(value)
        if not may_be_sent(code):
            raise ValueError("must be a close code that may be sent")
        return code


class Switch:
    """On or off."""

    def check(self, value: object) -> bool:
        """Refuse what is not a ``bool``."""
        if not isinstance(value, bool):
            raise TypeError("must be True or False")
        return value

    def parse(self, text: str) -> bool:
        """Read one of ``SWITCH_WORDS``, in any case."""
        try:
            return SWITCH_WORDS[text.lower()]
        except KeyError:
            raise ValueError(f"must be one of {', '.join(SWITCH_WORDS)}") from None


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    def check(self, value: object) -> str:
        """Refuse any other word."""
        if not isinstance(value, str):
            raise TypeError("must be a str")
        if value not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return value

    def parse(self, text: str) -> str:
        """Read a word in any case."""
        return text.lower()


class Origins:
    """Origins as browsers send them (RFC 6454 section 6.2), kept as a ``tuple`` of normal forms."""

    def check(self, value: object) -> tuple[str, ...]:
        """Refuse what is not a collection of origins."""
        # A str is a collection of strs too, one for each letter, so the error would be a riddle.
        if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
            raise TypeError("must be a list of origins")
        return tuple(listed_origin(origin) for origin in value)

    def parse(self, text: str) -> list[str]:
        """Read origins separated by commas."""
        return [origin.strip() for origin in text.split(",")]


@dataclass(frozen=True)
class OrOff:
    """What another rule takes, or ``None`` for off."""

    rule: Rule

    def check(self, value: object) -> object:
        """Refuse what the other rule refuses, except for ``None``."""
        return None if value is None else self.rule.check(value)

    def parse(self, text: str) -> object:
        """Read one of ``OFF_WORDS``, in any case, or what the other rule reads."""
        return None if text.lower() in OFF_WORDS else self.rule.parse(text)
