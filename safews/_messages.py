"""Reading the messages an app sends: ASGI specification 2.4, WebSocket "send" events.

Every function takes a message as the app gave it, and returns what is in it or raises ``TypeError`` or ``ValueError``
with the name of the key and its value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ._close import MAX_REASON, may_be_sent
from ._headers import shown

Message = Mapping[str, Any]
Data = str | bytes


def message_type(message: object) -> str:
    """Return the type of a message."""
    # A dict is what everybody sends; asking for a Mapping costs ten times as much.
    if type(message) is not dict and not isinstance(message, Mapping):
        raise TypeError(f"an ASGI message must be a dict, not {shown(message)}")
    type_ = message.get("type")
    if not isinstance(type_, str):
        raise TypeError(f"'type' of an ASGI message must be a str, not {shown(type_)}")
    return type_


def sent_data(message: Message) -> Data:
    """Return what a ``websocket.send`` sends; ``bytearray`` and ``memoryview`` become ``bytes``: they could change."""
    text = message.get("text")
    data = message.get("bytes")
    if data is None:
        if isinstance(text, str):
            return text
        if text is not None:
            raise TypeError(f"'text' of websocket.send must be a str, not {shown(text)}")
        raise ValueError("one of 'bytes' and 'text' of websocket.send must be set")
    if text is not None:
        raise ValueError(f"only one of 'bytes' and 'text' of websocket.send may be set, 'text' is {shown(text)}")
    if isinstance(data, bytes):
        return data
    if isinstance(data, (bytearray, memoryview)):
        return bytes(data)
    raise TypeError(f"'bytes' of websocket.send must be bytes, not {shown(data)}")


def not_utf8(exc: UnicodeEncodeError) -> ValueError:
    """Return what to raise for a text message that UTF-8 cannot express."""
    error = ValueError(f"'text' of websocket.send cannot be UTF-8: {exc.reason} at position {exc.start}")
    # The "from None" of a compiled module says nothing.
    error.__cause__ = None
    return error


def close_code_and_reason(message: Message) -> tuple[int, str]:
    """Return the code (1000 where there is none) and the reason of a ``websocket.close`` (RFC 6455 section 7.4)."""
    code = message.get("code")
    reason = message.get("reason")
    if code is None:
        code = 1000
    if reason is None:
        reason = ""
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"'code' of websocket.close must be an int, not {shown(code)}")
    if not may_be_sent(code):
        raise ValueError(
            f"'code' of websocket.close cannot be {code}: not a code that may be sent (RFC 6455 section 7.4)"
        )
    if not isinstance(reason, str):
        raise TypeError(f"'reason' of websocket.close must be a str, not {shown(reason)}")
    try:
        length = len(reason.encode())
    except UnicodeEncodeError:
        raise ValueError(f"'reason' of websocket.close cannot be UTF-8: {shown(reason)}") from None
    if length > MAX_REASON:
        raise ValueError(f"'reason' of websocket.close has {length} bytes, more than {MAX_REASON}: {shown(reason)}")
    return code, reason


def header_list(message: Message) -> list[tuple[bytes, bytes]]:
    """Return the headers of a message; what is in them is checked where they are written."""
    headers = message.get("headers")
    if headers is None:
        return []
    if isinstance(headers, (str, bytes, Mapping)) or not isinstance(headers, Iterable):
        raise TypeError(f"'headers' of {message['type']} must be an iterable of pairs, not {shown(headers)}")
    return list(headers)


def denial_status(message: Message) -> int:
    """Return the status of a ``websocket.http.response.start``; its range is checked where it is written."""
    if "status" not in message:
        raise ValueError("'status' of websocket.http.response.start is missing")
    status = message["status"]
    if not isinstance(status, int) or isinstance(status, bool):
        raise TypeError(f"'status' of websocket.http.response.start must be an int, not {shown(status)}")
    return status


def denial_body(message: Message) -> tuple[bytes, bool]:
    """Return the body of a ``websocket.http.response.body`` and whether more is to come."""
    body = message.get("body", b"")
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"'body' of websocket.http.response.body must be bytes, not {shown(body)}")
    return bytes(body), bool(message.get("more_body", False))
