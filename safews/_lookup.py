"""What happens when uvicorn looks a protocol class up: the requirements and the environment are read then."""

from __future__ import annotations

import logging
import multiprocessing
import sys
from typing import TYPE_CHECKING

from ._options import Options
from ._requirements import Unsupported, require

if TYPE_CHECKING:
    from ._configure import CodecName, ConfiguredProtocol

STARTUP_FAILURE = 3
"""The exit status of a worker process by which uvicorn knows that another one would fail in the same way."""

FAILURES = (ValueError, Unsupported)
"""What ``look_up`` raises, with a text for whoever has started the server."""

_logger = logging.getLogger("uvicorn.error")


def class_from_environ(codec_name: CodecName) -> type[ConfiguredProtocol]:
    """Return what ``look_up`` does, for uvicorn.

    In a worker process it logs what that raises and exits, since uvicorn would start a worker that ended with any other
    status anew, for ever.
    """
    try:
        return look_up(codec_name)
    except FAILURES as error:
        if multiprocessing.parent_process() is None:
            raise
        _logger.error("%s", error)
        sys.exit(STARTUP_FAILURE)


def look_up(codec_name: CodecName) -> type[ConfiguredProtocol]:
    """Return the protocol class with the options of the environment.

    Raises ``ValueError`` for a malformed variable, ``Unsupported`` for a package that is too old.
    """
    require("uvicorn", "h11")
    # Imports both, so only now.
    from ._configure import protocol_class

    return protocol_class(codec_name, Options.from_environ())
