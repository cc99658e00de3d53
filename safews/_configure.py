"""The protocol classes that uvicorn is given: the protocol bound to a codec and to options.

uvicorn takes a class and pickles it into its worker processes, so a configured class carries the recipe that makes it
again. Equal recipes give the same class.
"""

from __future__ import annotations

import copyreg
import logging
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeVar, cast

from ._options import Options
from ._protocol import WebSocketProtocol
from ._requirements import Unsupported, require

if TYPE_CHECKING:
    import asyncio

    from typing_extensions import Unpack

    from ._codecs._base import Codec
    from ._options import OptionChanges

    class _Base(WebSocketProtocol, asyncio.Protocol):
        """uvicorn's annotations ask for an ``asyncio.Protocol``, though a ``BufferedProtocol`` serves it as well."""

else:
    _Base = WebSocketProtocol

CodecName = Literal["auto", "websockets", "wsproto"]
"""``auto`` stands for websockets where that library can be imported, else for wsproto."""

HOMES: dict[CodecName, str] = {"auto": "safews", "websockets": "safews.websockets", "wsproto": "safews.wsproto"}
"""The module in which users find the protocol class with that codec. uvicorn can be given these names too."""

_P = TypeVar("_P", bound="ConfiguredProtocol")

_logger = logging.getLogger("uvicorn.error")


class Recipe(NamedTuple):
    """What a configured class is made of."""

    base: type[ConfiguredProtocol]
    codec_name: CodecName
    options: Options


class ConfiguredType(type):
    """The type of the configured classes: ``copyreg`` pickles by type, and plain classes must pickle as ever."""


class ConfiguredProtocol(_Base, metaclass=ConfiguredType):
    """safews's protocol class, whose options can be changed."""

    __slots__ = ()

    recipe: ClassVar[Recipe]

    @classmethod
    def with_options(cls: type[_P], **changes: Unpack[OptionChanges]) -> type[_P]:
        """Return this class with other options; what is given here wins over the environment.

        The result is for uvicorn's ``ws`` setting, with ``workers`` and ``reload`` too. Raises what ``Options`` raises,
        and ``TypeError`` for an unknown option.
        """
        # A class that somebody derived from ours has inherited the recipe, but can only be made from itself.
        base = cls.recipe.base if "recipe" in vars(cls) else cls
        recipe = Recipe(base, cls.recipe.codec_name, cls.recipe.options.changed(**changes))
        return cast("type[_P]", _configured(recipe))


def protocol_class(codec_name: CodecName, options: Options) -> type[ConfiguredProtocol]:
    """Return the protocol class with this codec and these options."""
    return _configured(Recipe(ConfiguredProtocol, codec_name, options))


def codec_class(codec_name: CodecName) -> type[Codec]:
    """Import a codec. Raises ``ImportError`` where its library is missing, ``Unsupported`` where it is too old."""
    if codec_name == "wsproto":
        require("wsproto")
        from ._codecs.wsproto import WsprotoCodec

        return WsprotoCodec
    try:
        require("websockets")
        from ._codecs.websockets import WebsocketsCodec
    except ImportError as error:
        if codec_name == "websockets":
            raise
        if isinstance(error, Unsupported):
            warn_of(f"{error}: using wsproto")
        return codec_class("wsproto")
    return WebsocketsCodec


@cache
def warn_of(text: str) -> None:
    """Log a warning, once."""
    _logger.warning("%s", text)


@cache
def _configured(recipe: Recipe) -> type[ConfiguredProtocol]:
    ours = recipe.base is ConfiguredProtocol
    name = "Protocol" if ours else recipe.base.__name__
    namespace = {
        "__slots__": (),
        "__doc__": recipe.base.__doc__,
        "__module__": HOMES[recipe.codec_name] if ours else recipe.base.__module__,
        "__qualname__": "Protocol" if ours else recipe.base.__qualname__,
        "recipe": recipe,
        "codec": codec_class(recipe.codec_name),
        "options": recipe.options,
    }
    return cast("type[ConfiguredProtocol]", ConfiguredType(name, (recipe.base,), namespace))


def _reduce(cls: ConfiguredType) -> str | tuple[Callable[[Recipe], type[ConfiguredProtocol]], tuple[Recipe]]:
    recipe = vars(cls).get("recipe")
    return cls.__qualname__ if recipe is None else (_configured, (recipe,))


copyreg.pickle(ConfiguredType, _reduce)
