"""The targets notice what they are there for: each of these faults is put in, and some seed shows it."""

from __future__ import annotations

import importlib

import pytest

from safews._answer import Answer
from safews._codecs.websockets import WebsocketsCodec
from safews._codecs.wsproto import WsprotoCodec
from safews._connection import Connection
from safews._deflate import DeflateParameters, Inflater
from safews._events import Ping
from safews._framing import Framing
from safews._handshake import Handshake
from safews._inbox import Inbox
from tests.fuzz.script import Conforming, Kind, Peer, Script, raw, repeated, written
from tests.fuzz.seeds import SEEDS
from tests.reference import BINARY, FIN, PING, RSV1, RSV2, RSV3, TEXT, Reference
from tests.reference import frame as wire_frame


def finds_a_fault(target):
    """Say whether some seed breaks a property."""
    check = importlib.import_module(f"tests.fuzz.{target}").check
    for data in SEEDS[target]:
        try:
            check(data)
        except Exception:
            return True
    return False


def returns(value):
    """Return a method that returns that."""
    return lambda *args, **kwargs: value


def raises(*args, **kwargs):
    """Raise as a library does that is wrong."""
    raise IndexError


FRAMES = ["codecs", "framing", "connection"]
FRAMINGS = ["codecs", "framing"]


@pytest.mark.parametrize("target", SEEDS)
def test_nothing_is_found_where_nothing_is_wrong(target):
    assert not finds_a_fault(target)


@pytest.mark.parametrize("target", FRAMES)
@pytest.mark.parametrize("codec", [WsprotoCodec, WebsocketsCodec])
def test_codecs_that_differ(monkeypatch, target, codec):
    monkeypatch.setattr(codec, "receive", returns(Ping(b"")))
    assert finds_a_fault(target)


@pytest.mark.parametrize("target", FRAMES)
@pytest.mark.parametrize("codec", [WsprotoCodec, WebsocketsCodec])
def test_codec_that_raises(monkeypatch, target, codec):
    monkeypatch.setattr(codec, "receive", raises)
    assert finds_a_fault(target)


@pytest.mark.parametrize("target", FRAMINGS)
def test_inflating_without_a_limit(monkeypatch, target):
    init = Inflater.__init__
    monkeypatch.setattr(Inflater, "__init__", lambda self, agreed, _: init(self, agreed, None))
    assert finds_a_fault(target)


def test_all_lanes_wrong_alike(monkeypatch):
    # Only the reference shows it.
    feed = Framing.feed
    monkeypatch.setattr(Framing, "feed", lambda self, data: feed(self, data[:-1]))
    assert finds_a_fault("framing")


@pytest.mark.parametrize("target", FRAMINGS)
def test_framing_that_reads_too_much_at_once(monkeypatch, target):
    parse = Framing.parse
    monkeypatch.setattr(Framing, "parse", lambda self, frames, size: parse(self, frames + 1, size))
    assert finds_a_fault(target)


@pytest.mark.parametrize("target", FRAMINGS)
def test_framing_that_holds_too_much(monkeypatch, target):
    monkeypatch.setattr(Framing, "buffered", 1 << 30)
    assert finds_a_fault(target)


def test_inbox_without_an_end(monkeypatch):
    monkeypatch.setattr(Inbox, "room", (1 << 30, 1 << 30))
    assert finds_a_fault("connection")


def test_transport_that_is_always_read(monkeypatch):
    monkeypatch.setattr(Framing, "buffered", 1 << 30)
    assert finds_a_fault("connection")


def test_exception_that_leaves(monkeypatch):
    monkeypatch.setattr(Connection, "_peer_closed", raises)
    assert finds_a_fault("connection")


def test_answer_that_is_cut(monkeypatch):
    body = Answer.body
    monkeypatch.setattr(Answer, "body", lambda self, part, more: body(self, part, more)[:-2])
    assert finds_a_fault("handshake")


def test_handshake_that_raises(monkeypatch):
    monkeypatch.setattr(Handshake, "_read", raises)
    assert finds_a_fault("handshake")


def test_script_is_read_to_its_end_and_beyond():
    script = Script(b"\x01abc")
    assert (script.byte(), script.take(2), script.has_more) == (1, b"ab", True)
    assert (script.take(9), script.has_more, script.byte(), script.take(1)) == (b"c", False, 0, b"")


CONFORMING = [
    (written(Kind.FRAME, TEXT, b"a") + written(Kind.FRAME, FIN | TEXT, b"b"), [(TEXT, b"a"), (FIN, b"b")]),
    (written(Kind.FRAME, FIN, b"a"), [(FIN | BINARY, b"a")]),
    (written(Kind.FRAME, FIN | RSV1 | RSV2 | TEXT, b"a"), [(FIN | TEXT, b"a")]),
    (written(Kind.FRAME, RSV1 | PING, b"a"), [(FIN | PING, b"a")]),
    (repeated(Kind.LONG, PING, ord("a"), 1), [(FIN | PING, b"a")]),
    (written(Kind.FRAME, RSV2 | RSV3 | PING, b"a"), [(PING, b"a")]),
]


@pytest.mark.parametrize(("data", "frames"), CONFORMING)
def test_conforming_peer_writes_the_nearest_that_is_allowed(data, frames):
    script, peer = Script(data), Conforming(None)
    wire = b"".join(peer.write(script.byte(), script) for _ in frames)
    assert wire == b"".join(wire_frame(*frame) for frame in frames)


@pytest.mark.parametrize("kind", [Kind.FRAME, Kind.COMPRESSED])
def test_conforming_peer_compresses_a_message_or_does_not(kind):
    """All of its frames, whatever the script says of the second."""
    peer = Conforming(DeflateParameters())
    others = {Kind.FRAME: Kind.COMPRESSED, Kind.COMPRESSED: Kind.FRAME}
    scripts = [Script(written(kind, TEXT, b"a")), Script(written(others[kind], FIN, b"b"))]
    wire = b"".join(peer.write(script.byte(), script) for script in scripts)
    assert Reference(DeflateParameters(), None).decode(wire) == ["ab"]
    assert bool(wire[0] & RSV1) == (kind is Kind.COMPRESSED)


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (raw(b"\x81\x00"), b"\x81\x00"),
        (written(Kind.FRAME, FIN | PING, b"?"), wire_frame(FIN | PING, b"?")),
        (repeated(Kind.LONG, TEXT, ord("a"), 2), wire_frame(TEXT, b"a" * 16)),
    ],
)
def test_peer_writes_what_the_script_says(data, wire):
    script = Script(data)
    assert Peer(None).write(script.byte(), script) == wire
    assert not script.has_more
