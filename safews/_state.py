"""The life of a connection, as one table.

Theory of operation
===================

A connection is in exactly one of seven states, and moves from one to the next when one of the inputs below happens.
``TABLE`` holds every move there is; what it does not hold cannot happen: ``Lifecycle.apply`` raises and changes
nothing. Nothing else in safews decides how far a connection has come: no boolean, no timer, no ``None``. What is not a
state is a fact and is kept as a record (``CloseRecord``), which is there once it is known.

The way of a connection that is used and then closed by its peer:

    CONNECTING   the request has come, the app has not answered it yet;
    OPEN         the app has accepted: messages go both ways;
    ENDING       the peer's Close has been read, or a violation. It stands in the queue behind the messages that came
                 before it, and since the peer may still read, the app can still send. It is answered when the app
                 reaches it, or when its grace is over;
    DRAINING     the answer is out. What the peer still sends is thrown away until TCP ends, so that no reset
                 destroys what we sent before (RFC 9112 section 9.6 has the same for HTTP);
    CLOSED       there is no transport any more.

Two detours. When the app or the server closes, our Close goes out at once and the connection is

    CLOSING      until the peer's Close arrives (RFC 6455 section 7.1.1), or for ``close_timeout`` at most.

And when the app answers the request with an HTTP response of its own (the ASGI denial response), it is

    DENYING      while that response is under way. Every other way not to accept, whether the app's (403), ours (400,
                 426, 500, 503, 504) or the clock's, is one step from CONNECTING to DRAINING.

Every state leads to CLOSED when the network says that the connection is lost, and every state that waits for
somebody leads there by the clock too: CONNECTING and DENYING by ``accept_timeout`` (through DRAINING), ENDING by
``close_grace`` (likewise), CLOSING and DRAINING by ``close_timeout``; OPEN and all others, by ``write_timeout``.

The app learns of the end from its one ``websocket.disconnect``, not from the state: messages that arrived before the
end are delivered before it, also when the state is CLOSED already. That is why the peer's inputs are listed there: a
connection can be lost while what came before the loss is still unread.

An input that a state takes without moving is listed as well: the app may return, or close again, after the end.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """How far a connection has come."""

    # Members are singletons; until Python 3.12 an Enum hashes by a function written in Python.
    __hash__ = object.__hash__

    CONNECTING = auto()
    OPEN = auto()
    DENYING = auto()
    ENDING = auto()
    CLOSING = auto()
    DRAINING = auto()
    CLOSED = auto()


class Input(Enum):
    """What can happen to a connection; the first word says from where."""

    __hash__ = object.__hash__

    APP_ACCEPT = auto()
    APP_SEND = auto()
    APP_CLOSE = auto()
    APP_DENY = auto()
    APP_DENY_BODY = auto()
    APP_DENY_END = auto()
    APP_RETURN = auto()
    APP_CRASH = auto()
    APP_CANCELLED = auto()

    PEER_MESSAGE = auto()
    PEER_CLOSE = auto()
    PEER_VIOLATION = auto()
    PEER_EOF = auto()
    PEER_FLOOD = auto()

    QUEUE_ENDING_REACHED = auto()

    NETWORK_LOST = auto()

    SERVER_REFUSE = auto()
    SERVER_SHUTDOWN = auto()

    CLOCK_ACCEPT_TIMEOUT = auto()
    CLOCK_GRACE_OVER = auto()
    CLOCK_PING_TIMEOUT = auto()
    CLOCK_WRITE_TIMEOUT = auto()
    CLOCK_CLOSE_TIMEOUT = auto()


# By these names they are found at once: as an attribute of its Enum each would cost ten times as much.
CONNECTING: Final = State.CONNECTING
OPEN: Final = State.OPEN
DENYING: Final = State.DENYING
ENDING: Final = State.ENDING
CLOSING: Final = State.CLOSING
DRAINING: Final = State.DRAINING
CLOSED: Final = State.CLOSED

APP_ACCEPT: Final = Input.APP_ACCEPT
APP_SEND: Final = Input.APP_SEND
APP_CLOSE: Final = Input.APP_CLOSE
APP_DENY: Final = Input.APP_DENY
APP_DENY_BODY: Final = Input.APP_DENY_BODY
APP_DENY_END: Final = Input.APP_DENY_END
APP_RETURN: Final = Input.APP_RETURN
APP_CRASH: Final = Input.APP_CRASH
APP_CANCELLED: Final = Input.APP_CANCELLED
PEER_MESSAGE: Final = Input.PEER_MESSAGE
PEER_CLOSE: Final = Input.PEER_CLOSE
PEER_VIOLATION: Final = Input.PEER_VIOLATION
PEER_EOF: Final = Input.PEER_EOF
PEER_FLOOD: Final = Input.PEER_FLOOD
QUEUE_ENDING_REACHED: Final = Input.QUEUE_ENDING_REACHED
NETWORK_LOST: Final = Input.NETWORK_LOST
SERVER_REFUSE: Final = Input.SERVER_REFUSE
SERVER_SHUTDOWN: Final = Input.SERVER_SHUTDOWN
CLOCK_ACCEPT_TIMEOUT: Final = Input.CLOCK_ACCEPT_TIMEOUT
CLOCK_GRACE_OVER: Final = Input.CLOCK_GRACE_OVER
CLOCK_PING_TIMEOUT: Final = Input.CLOCK_PING_TIMEOUT
CLOCK_WRITE_TIMEOUT: Final = Input.CLOCK_WRITE_TIMEOUT
CLOCK_CLOSE_TIMEOUT: Final = Input.CLOCK_CLOSE_TIMEOUT

TABLE: dict[tuple[State, Input], State] = {
    # The request waits for the app's answer. Every refusal is an HTTP response.
    (CONNECTING, APP_ACCEPT): OPEN,
    (CONNECTING, APP_CLOSE): DRAINING,
    (CONNECTING, APP_DENY): DENYING,
    (CONNECTING, APP_RETURN): DRAINING,
    (CONNECTING, APP_CRASH): DRAINING,
    (CONNECTING, APP_CANCELLED): DRAINING,
    (CONNECTING, PEER_EOF): DRAINING,
    (CONNECTING, NETWORK_LOST): CLOSED,
    (CONNECTING, SERVER_REFUSE): DRAINING,
    (CONNECTING, SERVER_SHUTDOWN): DRAINING,
    (CONNECTING, CLOCK_ACCEPT_TIMEOUT): DRAINING,
    (CONNECTING, CLOCK_WRITE_TIMEOUT): CLOSED,
    # Messages go both ways.
    (OPEN, APP_SEND): OPEN,
    (OPEN, APP_CLOSE): CLOSING,
    (OPEN, APP_RETURN): CLOSING,
    (OPEN, APP_CRASH): CLOSING,
    (OPEN, APP_CANCELLED): CLOSING,
    (OPEN, PEER_MESSAGE): OPEN,
    (OPEN, PEER_CLOSE): ENDING,
    (OPEN, PEER_VIOLATION): ENDING,
    (OPEN, PEER_EOF): DRAINING,
    (OPEN, NETWORK_LOST): CLOSED,
    (OPEN, SERVER_SHUTDOWN): CLOSING,
    (OPEN, CLOCK_PING_TIMEOUT): CLOSING,
    (OPEN, CLOCK_WRITE_TIMEOUT): CLOSED,
    # The app's own HTTP response is under way.
    (DENYING, APP_DENY_BODY): DENYING,
    (DENYING, APP_DENY_END): DRAINING,
    (DENYING, APP_RETURN): DRAINING,
    (DENYING, APP_CRASH): DRAINING,
    (DENYING, APP_CANCELLED): DRAINING,
    (DENYING, PEER_EOF): DRAINING,
    (DENYING, NETWORK_LOST): CLOSED,
    (DENYING, SERVER_SHUTDOWN): DENYING,
    (DENYING, CLOCK_ACCEPT_TIMEOUT): DRAINING,
    (DENYING, CLOCK_WRITE_TIMEOUT): CLOSED,
    (DENYING, CLOCK_CLOSE_TIMEOUT): CLOSED,
    # The peer's Close, or a violation, stands in the queue. A peer that has only shut down its side still reads.
    (ENDING, APP_SEND): ENDING,
    (ENDING, APP_CLOSE): DRAINING,
    (ENDING, APP_RETURN): DRAINING,
    (ENDING, APP_CRASH): DRAINING,
    (ENDING, APP_CANCELLED): DRAINING,
    (ENDING, PEER_EOF): ENDING,
    (ENDING, QUEUE_ENDING_REACHED): DRAINING,
    (ENDING, NETWORK_LOST): CLOSED,
    (ENDING, SERVER_SHUTDOWN): DRAINING,
    (ENDING, CLOCK_GRACE_OVER): DRAINING,
    (ENDING, CLOCK_WRITE_TIMEOUT): CLOSED,
    # Our Close is out. Messages that cross it are dropped (RFC 6455 section 1.4).
    (CLOSING, APP_CLOSE): CLOSING,
    (CLOSING, APP_RETURN): CLOSING,
    (CLOSING, APP_CRASH): CLOSING,
    (CLOSING, APP_CANCELLED): CLOSING,
    (CLOSING, PEER_MESSAGE): CLOSING,
    (CLOSING, PEER_CLOSE): DRAINING,
    (CLOSING, PEER_VIOLATION): DRAINING,
    (CLOSING, PEER_EOF): DRAINING,
    (CLOSING, NETWORK_LOST): CLOSED,
    (CLOSING, SERVER_SHUTDOWN): CLOSING,
    (CLOSING, CLOCK_WRITE_TIMEOUT): CLOSED,
    (CLOSING, CLOCK_CLOSE_TIMEOUT): CLOSED,
    # Nothing more is to be said. What arrived before an end of the stream may still be unread.
    (DRAINING, APP_CLOSE): DRAINING,
    (DRAINING, APP_RETURN): DRAINING,
    (DRAINING, APP_CRASH): DRAINING,
    (DRAINING, APP_CANCELLED): DRAINING,
    (DRAINING, PEER_MESSAGE): DRAINING,
    (DRAINING, PEER_CLOSE): DRAINING,
    (DRAINING, PEER_VIOLATION): DRAINING,
    (DRAINING, PEER_EOF): DRAINING,
    (DRAINING, PEER_FLOOD): CLOSED,
    (DRAINING, NETWORK_LOST): CLOSED,
    (DRAINING, SERVER_SHUTDOWN): DRAINING,
    (DRAINING, CLOCK_WRITE_TIMEOUT): CLOSED,
    (DRAINING, CLOCK_CLOSE_TIMEOUT): CLOSED,
    # There is no transport any more. What arrived before it was lost may still be unread.
    (CLOSED, APP_CLOSE): CLOSED,
    (CLOSED, APP_RETURN): CLOSED,
    (CLOSED, APP_CRASH): CLOSED,
    (CLOSED, APP_CANCELLED): CLOSED,
    (CLOSED, PEER_MESSAGE): CLOSED,
    (CLOSED, PEER_CLOSE): CLOSED,
    (CLOSED, PEER_VIOLATION): CLOSED,
    (CLOSED, PEER_EOF): CLOSED,
    (CLOSED, NETWORK_LOST): CLOSED,
    (CLOSED, SERVER_SHUTDOWN): CLOSED,
}


class InvalidTransition(Exception):
    """An input came that the state does not take. The text names both."""

    def __init__(self, state: State, input: Input) -> None:
        super().__init__(f"{input.name} is not possible in state {state.name}")
        self.state = state
        self.input = input


class Lifecycle:
    """A state and the one way to change it."""

    __slots__ = ("state",)

    def __init__(self) -> None:
        self.state = CONNECTING

    def takes(self, input: Input) -> bool:
        """Say whether the state takes an input."""
        return (self.state, input) in TABLE

    def apply(self, input: Input) -> State:
        """Move as the table says and return the state before; raise ``InvalidTransition`` where it says nothing."""
        before = self.state
        after = TABLE.get((before, input))
        if after is None:
            raise InvalidTransition(before, input)
        self.state = after
        return before
