"""One client socket: what it says, what it is told, how it ends. No sockets, no loop."""

from __future__ import annotations

import random
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN as WS_OPEN
from websockets.protocol import Protocol, Side

from gateway import frames
from gateway.connection import CLOSED, CLOSING, HANDSHAKE, OPEN, WAITING, Connection, service_name
from gateway.server import origins
from shared import close_codes

from .fakes import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    FakeGateway,
    FakeTransport,
    client_frame,
    connect,
    make_service,
    open_connection,
    server_frames,
)
from .test_handshake import BAD, BROWSER, GOOD, request

MAX_SIZE = 300

Verdict = tuple[list[tuple[int, bytes]], list[tuple[int, bytes]], int | None, bool]
"""Messages forwarded, frames sent, close code told to the worker, whether the socket was closed."""


class SlowConnection(Connection):
    """A connection without the fast path: everything goes through the library."""

    __slots__ = ()

    def _receive_fast(self, data: bytes) -> int:
        return 0


def judge(stream: bytes, max_size: int) -> Verdict:
    """What the library alone makes of the bytes, which it gets one by one, so that everything
    happens in its order. Texts that are not UTF-8 are failed here, as its caller has to."""
    protocol = Protocol(Side.SERVER, state=WS_OPEN, max_size=max_size)
    messages: list[tuple[int, bytes]] = []
    written = b""
    parts: list[bytes] = []
    first = Opcode.TEXT
    for index in range(len(stream)):
        protocol.receive_data(stream[index : index + 1])
        for event in protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                first = event.opcode
            if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                parts.append(bytes(event.data))
                if event.fin:
                    whole, parts = b"".join(parts), []
                    try:
                        if first is Opcode.TEXT:
                            whole.decode()
                    except UnicodeDecodeError:
                        protocol.fail(1007)
                    else:
                        messages.append((int(first), whole))
        written += b"".join(protocol.data_to_send())
    close = protocol.close_rcvd or protocol.close_sent
    code = None if close is None else int(close.code)
    kept = [message for message in messages if message != (TEXT, b"ping")]
    return kept, plain(written), code, protocol.eof_sent


def plain(written: bytes) -> list[tuple[int, bytes]]:
    """Frames without the words in close frames, which may differ."""
    found = server_frames(written)
    return [(op, payload[:2] if op == CLOSE else payload) for op, payload in found]


def run(kind: type[Connection], chunks: list[bytes], max_size: int) -> tuple[Verdict, int]:
    """What a connection makes of the same bytes; and how many messages it counted."""
    gateway = FakeGateway()
    gateway.max_message_size = max_size
    connection, transport = open_connection(gateway, kind)
    for chunk in chunks:
        if not transport.closed:
            connection.data_received(chunk)
    code = gateway.left_with[0][0] if gateway.left_with else None
    assert len(gateway.left_with) <= 1
    assert (connection.state == OPEN) == (code is None)
    verdict = (gateway.routing.messages, plain(transport.written), code, transport.closed)
    return verdict, gateway.messages_in


def text(content: str | bytes, **options: Any) -> bytes:
    return client_frame(TEXT, content.encode() if isinstance(content, str) else content, **options)


def close(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return client_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def fragments(opcode: int, *parts: bytes) -> list[bytes]:
    last = len(parts) - 1
    return [
        client_frame(opcode if index == 0 else CONT, part, fin=index == last)
        for index, part in enumerate(parts)
    ]


CHINESE = "客服在线".encode()
SPLIT = fragments(TEXT, CHINESE[:4], CHINESE[4:8], CHINESE[8:])  # in the middle of characters

PIECES: dict[str, list[bytes]] = {
    "text": [text("hello")],
    "text of several bytes per character": [text("客服 😀 é")],
    "empty text": [text("")],
    "empty binary": [client_frame(BINARY)],
    "binary that is no text": [client_frame(BINARY, b"\xff\x00\xfe")],
    "heartbeat": [text("ping")],
    "nearly a heartbeat": [text("ping ")],
    "heartbeat in binary": [client_frame(BINARY, b"ping")],
    "heartbeat in fragments": fragments(TEXT, b"pi", b"ng"),
    "several at once": [text("one"), text("two"), client_frame(BINARY, b"3"), text("four")],
    "125 bytes": [text("x" * 125)],
    "126 bytes": [text("x" * 126)],
    "127 bytes": [text("x" * 127)],
    "largest": [text("x" * MAX_SIZE)],
    "short length in the form of 126": [text("x" * 5, form=126)],
    "short length in the form of 127": [text("x" * 5, form=127)],
    "no length in the form of 126": [text("", form=126)],
    "middle length in the form of 127": [text("x" * 200, form=127)],
    "mask of zeros": [text("masked", mask=b"\0\0\0\0")],
    "fragments": fragments(TEXT, b"a", b"b", b"c"),
    "fragments of binary": fragments(BINARY, b"\xff", b"", b"\xfe"),
    "fragments within characters": SPLIT,
    "empty fragments": fragments(TEXT, b"", b"", b""),
    "ping": [client_frame(PING, b"are you there")],
    "empty ping": [client_frame(PING)],
    "longest ping": [client_frame(PING, b"x" * 125)],
    "pong": [client_frame(PONG)],
    "pong with bytes": [client_frame(PONG, b"\xff" * 125)],
    "ping between fragments": [SPLIT[0], client_frame(PING, b"1"), *SPLIT[1:]],
    "pong between fragments": [SPLIT[0], client_frame(PONG, b"1"), *SPLIT[1:]],
    "pings between texts": [text("a"), client_frame(PING, b"1"), text("b"), client_frame(PING)],
}
"""What is allowed and leaves the connection open."""

ENDS: dict[str, list[bytes]] = {
    "close": [close()],
    "close without code": [close(None)],
    "close with reason": [close(4300, "再见".encode())],
    "close with half a code": [client_frame(CLOSE, b"\x03")],
    "close with a code that may not be sent": [close(1005)],
    "close with a code that does not exist": [close(999)],
    "close with a reason that is not utf-8": [close(1000, b"\xff")],
    "close that is too long": [client_frame(CLOSE, b"\x03\xe8" + b"x" * 124)],
    "close between fragments": [SPLIT[0], close()],
    "text after close": [close(), text("nobody hears this")],
    "unmasked": [text("x", mask=None)],
    "unmasked and empty": [text("", mask=None)],
    "unmasked ping": [client_frame(PING, mask=None)],
    "reserved bit 1": [text("x", rsv=4)],
    "reserved bit 2": [text("x", rsv=2)],
    "reserved bit 3": [text("x", rsv=1)],
    "reserved bit on a pong": [client_frame(PONG, rsv=1)],
    "opcode 3": [client_frame(3, b"x")],
    "opcode 11": [client_frame(11)],
    "fragmented ping": [client_frame(PING, b"x", fin=False)],
    "ping that is too long": [client_frame(PING, b"x" * 126)],
    "pong that is too long": [client_frame(PONG, b"x" * 126)],
    "lone continuation": [client_frame(CONT, b"x")],
    "lone continuation that goes on": [client_frame(CONT, b"x", fin=False)],
    "text within a fragmented text": [SPLIT[0], text("x")],
    "binary within a fragmented text": [SPLIT[0], client_frame(BINARY, b"x")],
    "too big": [text("x" * (MAX_SIZE + 1))],
    "too big by its header only": [text("x", length=MAX_SIZE + 1)],
    "far too big by its header only": [text("x", length=2**62)],
    "length with its highest bit set": [text("x", length=2**63)],
    "too big in fragments": fragments(BINARY, b"x" * (MAX_SIZE - 1), b"xx"),
    "too big as the last empty fragments show": fragments(BINARY, b"x" * MAX_SIZE, b"x", b""),
    "not utf-8": [text(b"\xff")],
    "not utf-8 at its end": [text(b"abc\xe5\xae")],
    "not utf-8 in fragments": fragments(TEXT, b"ok", b"\xc3", b"("),
    "not utf-8 as fragments end": fragments(TEXT, CHINESE[:4], b"", b""),
    "surrogate": [text(b"\xed\xa0\x80")],
    "overlong": [text(b"\xc0\xaf")],
    "beyond unicode": [text(b"\xf4\x90\x80\x80")],
    "text after bad text": [text(b"\xff"), text("nobody hears this")],
    "ping after bad text": [text(b"\xff"), client_frame(PING)],
    "close after bad text": [text(b"\xff"), close()],
    "http": [b"GET / HTTP/1.1\r\n\r\n"],
    "garbage": [b"\x00" * 64],
    "high garbage": [b"\xff" * 64],
}
"""What ends the connection, one way or another."""

SEQUENCES = (
    {name: list(pieces) for name, pieces in PIECES.items()}
    | {name: list(pieces) for name, pieces in ENDS.items()}
    | {f"text, then {name}": [text("before"), *pieces] for name, pieces in ENDS.items()}
)


def cuts(stream: bytes, edges: list[int], seed: random.Random) -> list[list[bytes]]:
    """Ways in which the network may cut a stream: not at all, everywhere, and at random, often
    at or next to the edge of a frame."""
    ways = [[stream], [stream[i : i + 1] for i in range(len(stream))]]
    for _ in range(12):
        places = {seed.randrange(len(stream) + 1) for _ in range(seed.randint(1, 4))}
        for edge in edges:
            if seed.random() < 0.5:
                places.add(edge + seed.choice((-1, 0, 0, 1, 2, 3, 4, 5, 6, 7)))
        bounds = sorted(place for place in places if 0 < place < len(stream))
        ways.append([stream[a:b] for a, b in zip([0, *bounds], [*bounds, None], strict=True)])
    return ways


def edges_of(pieces: list[bytes]) -> list[int]:
    edges, place = [0], 0
    for piece in pieces:
        place += len(piece)
        edges.append(place)
    return edges


def check(pieces: list[bytes], seed: random.Random, max_size: int = MAX_SIZE) -> Verdict:
    """Both paths, cut in any way, come to the verdict of the library."""
    stream = b"".join(pieces)
    expected = judge(stream, max_size)
    for chunks in cuts(stream, edges_of(pieces), seed):
        assert b"".join(chunks) == stream
        for kind in (Connection, SlowConnection):
            found, _ = run(kind, chunks, max_size)
            assert found == expected, (kind, chunks)
    return expected


@pytest.mark.parametrize("pieces", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_both_paths_give_the_verdict_of_the_library(pieces: list[bytes]) -> None:
    """Whatever comes, however it is cut: the fast path, the slow path and the library agree on the
    messages, on what is answered, and on how the connection ends."""
    check(pieces, random.Random(1))


def test_what_is_allowed_leaves_the_connection_open() -> None:
    """The sequences mean what their names say."""
    for name, pieces in PIECES.items():
        assert judge(b"".join(pieces), MAX_SIZE)[2:] == (None, False), name
    for name, pieces in ENDS.items():
        assert judge(b"".join(pieces), MAX_SIZE)[3], name


def test_random_sequences_get_the_verdict_of_the_library() -> None:
    """The same for random sequences of everything above, most of them without their end."""
    seed = random.Random(2)
    pieces = list(PIECES.values())
    ends = list(ENDS.values())
    open_ones = 0
    for _ in range(300):
        sequence = [frame for _ in range(seed.randint(1, 6)) for frame in seed.choice(pieces)]
        if seed.random() < 0.3:
            sequence += seed.choice(ends) + seed.choice(pieces)
        open_ones += check(sequence, seed)[2] is None
    assert 100 < open_ones < 250


def test_random_bytes_get_the_verdict_of_the_library() -> None:
    """The same where bytes of good sequences were changed."""
    seed = random.Random(3)
    pieces = list(PIECES.values()) + list(ENDS.values())
    for _ in range(500):
        stream = bytearray(b"".join(b"".join(seed.choice(pieces)) for _ in range(3)))
        for _ in range(seed.randint(1, 3)):
            stream[seed.randrange(len(stream))] = seed.randrange(256)
        check([bytes(stream)], seed)


@pytest.mark.parametrize("size", [65534, 65535, 65536, 65537])
def test_large_messages(size: int) -> None:
    """Around the largest length of the middle form, which is near the default limit."""
    stream = text("x" * size)
    expected = (
        ([(TEXT, b"x" * size)], [], None, False)
        if size <= 65536
        else ([], [(CLOSE, (1009).to_bytes(2, "big"))], 1009, True)
    )
    for chunks in ([stream], [stream[:9], stream[9:40000], stream[40000:]]):
        for kind in (Connection, SlowConnection):
            assert run(kind, chunks, 65536)[0] == expected


@pytest.mark.parametrize("kind", [Connection, SlowConnection])
def test_every_message_is_counted_once(kind: type[Connection]) -> None:
    """Heartbeats count as messages too; control frames do not."""
    stream = [text("a"), text("ping"), client_frame(PONG), client_frame(BINARY), *SPLIT]
    assert run(kind, [b"".join(stream)], MAX_SIZE)[1] == 4
    assert run(kind, stream, MAX_SIZE)[1] == 4


def test_the_protocol_object_is_dropped_when_it_is_not_needed() -> None:
    """After something unusual a connection is as small as before; not while it is half through."""
    connection, _ = open_connection(FakeGateway())
    assert connection.websocket is None
    connection.data_received(client_frame(PING))
    assert connection.websocket is None
    for piece in SPLIT[:-1]:
        connection.data_received(piece)
        assert connection.websocket is not None
    connection.data_received(SPLIT[-1])
    assert connection.websocket is None
    frame = text("x" * 100)
    for byte in frame[:-1]:
        connection.data_received(bytes((byte,)))
        assert connection.websocket is not None
    connection.data_received(frame[-1:])
    assert connection.websocket is None


def test_endless_empty_fragments_take_no_memory() -> None:
    """Fragments without payload, which no limit of size stops, are not collected."""
    connection, _ = open_connection(FakeGateway())
    connection.data_received(client_frame(TEXT, b"", fin=False))
    protocol = connection.websocket
    assert protocol is not None
    connection.data_received(client_frame(CONT, b"", fin=False) * 1000)
    assert not protocol._begun
    assert not protocol.events


# Services


def test_a_service_without_on_message_gets_none() -> None:
    """Messages are read, judged and dropped; the connection works as usual."""
    gateway = FakeGateway(make_service("on_connect"))
    connection, transport = open_connection(gateway)
    for piece in (text("a"), *SPLIT, client_frame(PING, b"1"), client_frame(BINARY, b"x")):
        connection.data_received(piece)
    gateway.routing.space = 0
    connection.data_received(text("b"))
    assert gateway.routing.messages == []
    assert server_frames(transport.written) == [(PONG, b"1")]
    assert transport.reading
    connection.data_received(text(b"\xff"))
    assert gateway.left_with[0][0] == 1007


def test_a_service_may_want_heartbeats_itself() -> None:
    """With HEARTBEAT_TEXT = None every text is a message; with another text all but that one."""
    for heartbeat, expected in ((None, [b"ping", b"{}"]), ("{}", [b"ping"])):
        gateway = FakeGateway(make_service(heartbeat=heartbeat))
        connection, _ = open_connection(gateway)
        connection.data_received(text("ping") + text("{}"))
        assert [payload for _, payload in gateway.routing.messages] == expected


def test_any_byte_is_a_sign_of_life() -> None:
    """Whatever comes sets the count of silent ticks back, while it is held too."""
    gateway = FakeGateway()
    connection, _ = open_connection(gateway)
    for data in (text("ping"), client_frame(PONG), text("x")[:3]):
        connection.idle = 3
        connection.data_received(data)
        assert connection.idle == 0
    connection.held = []
    connection.idle = 3
    connection.data_received(b"x")
    assert connection.idle == 0


# Holding


STREAM = [
    text("one"), text("ping"), client_frame(BINARY, b"\x02"), *SPLIT, client_frame(PING, b"p"),
    text("three"), *fragments(BINARY, b"4", b"4"), text("five"), text("x" * 200),
]  # fmt: skip


@pytest.mark.parametrize("kind", [Connection, SlowConnection])
@pytest.mark.parametrize("ending", ["open", "close frame", "broken", "closed by the service"])
def test_holding_loses_nothing(kind: type[Connection], ending: str) -> None:
    """While messages cannot be forwarded the socket is not read; with space they go on, one by one
    or all at once, in their order, and nothing is lost: not even when the client, having said it,
    closes or breaks off, or the service closes it meanwhile (what comes later is then nothing)."""
    seed = random.Random(5)
    stream = b"".join(STREAM)
    expected = judge(stream, MAX_SIZE)[0]
    if ending == "close frame":
        stream += close(4321)
    for chunks in cuts(stream, edges_of(STREAM), seed):
        for start in range(len(expected)):
            gateway = FakeGateway()
            gateway.max_message_size = MAX_SIZE
            gateway.routing.space = start
            connection, transport = open_connection(gateway, kind)
            unread = list(chunks)
            while unread and transport.reading:
                connection.data_received(unread.pop(0))
            assert is_held(connection)
            if unread:  # one more read may come through
                connection.data_received(unread.pop(0))
            assert gateway.routing.messages == expected[:start]
            assert list(gateway.routing.blocked) == [connection]
            end(ending, connection, transport)
            read = stream[: len(stream) - sum(map(len, unread))]
            told = list(gateway.left_with)
            while gateway.routing.blocked:
                gateway.routing.give_space(seed.choice((1, 1, 2, None)))
                while unread and transport.is_reading():
                    connection.data_received(unread.pop(0))
            assert not is_held(connection)
            if ending in ("open", "close frame"):
                assert gateway.routing.messages == expected
                assert unread == []
            else:
                assert gateway.routing.messages == judge(read, MAX_SIZE)[0]
            if ending == "close frame":
                assert [code for code, *_ in gateway.left_with] == [4321]
                assert transport.closed
            elif ending != "open":
                assert gateway.left_with == told
            assert (connection.state == OPEN) == (ending == "open")


def is_held(connection: Connection) -> bool:
    return connection.held is not None


def end(ending: str, connection: Connection, transport: FakeTransport) -> None:
    """End a connection while it is held."""
    if ending == "broken":
        transport.break_(ConnectionResetError())
        assert connection.state == CLOSED
    elif ending == "closed by the service":
        connection.close(close_codes.NORMAL)
        assert connection.state == CLOSING


def test_a_connection_that_broke_keeps_nothing_once_it_is_forwarded() -> None:
    """The protocol object lives until what was held has gone, and no longer."""
    gateway = FakeGateway()
    gateway.routing.space = 0
    connection, transport = open_connection(gateway)
    connection.data_received(b"".join(STREAM[:4]))
    connection.data_received(b"".join(STREAM[4:]))
    transport.break_()
    gateway.routing.give_space(None)
    assert connection.websocket is None
    assert connection.held is None


@pytest.mark.parametrize("kind", [Connection, SlowConnection])
def test_messages_that_were_held_are_counted_once(kind: type[Connection]) -> None:
    """The number of messages does not depend on how often they had to wait."""
    gateway = FakeGateway()
    gateway.routing.space = 0
    connection, _ = open_connection(gateway, kind)
    connection.data_received(text("a") + text("b"))
    for _ in range(2):
        gateway.routing.give_space(1)
    gateway.routing.give_space(None)
    assert [payload for _, payload in gateway.routing.messages] == [b"a", b"b"]
    assert gateway.messages_in == 2


def test_what_is_said_while_waiting_for_a_worker_is_held() -> None:
    """A client may speak as soon as it has its answer; it is heard when a worker is there."""
    gateway = FakeGateway()
    gateway.opens = False
    connection, transport = connect(gateway)
    connection.data_received(BROWSER)
    assert connection.state == WAITING
    connection.data_received(text("early"))
    assert connection.held is not None
    assert not transport.reading
    gateway.open(connection)
    gateway.routing.give_space(None)
    assert gateway.routing.messages == [(TEXT, b"early")]
    assert transport.reading


# Handshakes


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_handshakes_are_accepted(data: bytes, cut: bool) -> None:
    """A good handshake is answered with 101 and opens the connection, in one piece or many; the
    request reaches the gateway as it was sent."""
    gateway = FakeGateway()
    connection, transport = connect(gateway)
    for chunk in [data[:40], data[40:-3], data[-3:]] if cut else [data]:
        assert transport.written == b""
        connection.data_received(chunk)
    assert transport.written.startswith(b"HTTP/1.1 101 ")
    assert transport.written.endswith(b"\r\n\r\n")
    assert connection.state == OPEN
    assert connection.websocket is None
    path, headers = gateway.requests[0]
    assert path == data.split(b" ")[1].decode()
    assert ("Sec-WebSocket-Version", "13") in headers
    transport.take()
    connection.data_received(text("hello") + client_frame(PING, b"1"))
    assert gateway.routing.messages == [(TEXT, b"hello")]
    assert server_frames(transport.written) == [(PONG, b"1")]


@pytest.mark.parametrize("name", [name for name in BAD if name not in (
    "upgrade to two things", "http/2", "half", "without its end", "nothing", "two requests",
    "with something behind", "with an end behind", "far too many headers", "tls",
)])  # fmt: skip
def test_bad_handshakes_are_refused(name: str) -> None:
    """A bad handshake is answered with an error or not at all, and the socket closed; the gateway
    never hears of a client."""
    gateway = FakeGateway()
    connection, transport = connect(gateway)
    connection.data_received(BAD[name])
    if transport.closed:
        assert not transport.written.startswith(b"HTTP/1.1 101")
        assert gateway.requests == []
        assert connection.state == HANDSHAKE
        transport.break_()
        assert gateway.left_with == []
    else:  # unusual, but what the library takes
        assert transport.written.startswith(b"HTTP/1.1 101")


def test_nothing_is_refused_before_it_is_whole() -> None:
    """Half a request is waited for; the clockwork ends the wait."""
    for data in (b"G", BROWSER[:100], BROWSER[:-1]):
        connection, transport = connect(FakeGateway())
        connection.data_received(data)
        assert not transport.closed
        assert transport.written == b""
        assert connection.state == HANDSHAKE


def test_an_endless_request_is_cut_off() -> None:
    """Headers that never end are not collected for as long as the handshake may take."""
    gateway = FakeGateway()
    connection, transport = connect(gateway)
    connection.data_received(request()[:-2])
    size = 0
    while not transport.closed:
        header = b"X-%d: %s\r\n" % (size, b"y" * 4000)
        connection.data_received(header)
        size += len(header)
        assert size < 100_000
    assert transport.aborted
    assert transport.written == b""
    assert gateway.handshakes_refused == 1


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://shop.example", 101), ("https://www.shop.example", 101), (None, 101),
        ("https://evil.example", 403), ("https://shop.example.evil.example", 403),
        ("http://shop.example", 403), ("https://shop.example:444", 403), ("null", 403),
        ("https://evil-shop.example", 403), ("https://x.shop.example/", 403), ("", 403),
    ],
)  # fmt: skip
def test_origins(origin: str | None, status: int) -> None:
    """Only pages of allowed origins may connect, and programs that send none."""
    gateway = FakeGateway()
    gateway.origins = origins(["https://shop.example", "https://*.shop.example"])
    connection, transport = connect(gateway)
    connection.data_received(
        request() if origin is None else request(b"Origin: " + origin.encode())
    )
    assert transport.written.startswith(b"HTTP/1.1 %d " % status)
    assert (connection.state == OPEN) == (status == 101)
    assert gateway.handshakes_refused == (status != 101)


def test_what_comes_with_the_handshake_is_not_lost() -> None:
    """Frames in the same piece as the request, or its last line, are heard after it."""
    for data in (BROWSER + text("hello"), BROWSER + SPLIT[0]):
        gateway = FakeGateway()
        connection, transport = connect(gateway)
        connection.data_received(data)
        connection.data_received(b"".join(SPLIT[1:]) if data.endswith(SPLIT[0]) else b"")
        assert transport.written.startswith(b"HTTP/1.1 101 ")
        assert len(gateway.routing.messages) == 1
        assert connection.websocket is None


def test_what_a_worker_sends_at_once_comes_after_the_answer() -> None:
    """A worker may send as soon as the client is open: the 101 is always first."""
    for data in (BROWSER, BROWSER + text("x")):
        gateway = FakeGateway()
        connection, transport = connect(gateway)
        gateway.greeting = frames.frame(TEXT, b"init")
        connection.data_received(data)
        answer, _, rest = transport.written.partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        assert server_frames(rest) == [(TEXT, b"init")]


# Sending and closing


def test_a_turns_frames_leave_in_one_write() -> None:
    """What is sent within a turn of the loop is written once, in order."""
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    for number in range(3):
        connection.send(frames.frame(TEXT, b"%d" % number))
    assert transport.writes == 0
    assert gateway.dirty == [connection]
    gateway.flush()
    assert transport.writes == 1
    assert [payload for _, payload in server_frames(transport.written)] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 100_000])
def test_frames_of_every_size(size: int) -> None:
    """The client side of the library reads them as they were meant."""
    protocol = Protocol(Side.CLIENT, max_size=None)
    protocol.receive_data(frames.frame(BINARY, b"x" * size) + frames.PING)
    data, ping = protocol.events_received()
    assert isinstance(data, Frame)
    assert isinstance(ping, Frame)
    assert (data.opcode, data.fin, bytes(data.data)) == (Opcode.BINARY, True, b"x" * size)
    assert ping.opcode is Opcode.PING


def test_pongs_do_not_overtake() -> None:
    """What was sent before in this turn is written before the answer to a ping."""
    connection, transport = open_connection(FakeGateway())
    connection.send(frames.frame(TEXT, b"first"))
    connection.data_received(client_frame(PING, b"then"))
    assert server_frames(transport.written) == [(TEXT, b"first"), (PONG, b"then")]


@pytest.mark.parametrize("middle", [b"", SPLIT[0], text("x")[:3]])
def test_closing_by_the_service(middle: bytes) -> None:
    """What was sent before leaves first, then the close frame; the worker is told at once, and only
    once, whatever the client does; the socket is closed with the client's answer."""
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    if middle:
        connection.data_received(middle)
    connection.send(frames.frame(TEXT, b"last words"))
    connection.close(close_codes.SLOW)
    connection.close(close_codes.NORMAL)
    reason = close_codes.SLOW.reason.encode()
    assert server_frames(transport.take()) == [
        (TEXT, b"last words"),
        (CLOSE, (4000).to_bytes(2, "big") + reason),
    ]
    assert gateway.left_with == [(4000, "too slow", True)]
    assert gateway.closing_clients == [connection]
    assert transport.is_reading()
    rest = {b"": b"", SPLIT[0]: b"".join(SPLIT[1:])}.get(middle, text("x")[3:])
    connection.data_received(rest + text("not heard") + client_frame(PING, b"1"))
    assert gateway.routing.messages == []
    connection.data_received(close(4000))
    assert transport.closed
    transport.break_()
    assert len(gateway.left_with) == 1
    assert gateway.lost == [connection]
    assert connection.state == CLOSED


def test_closing_with_words_of_the_service() -> None:
    """A service may give its own reason."""
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    connection.close(close_codes.NORMAL, "再见")
    assert server_frames(transport.written) == [(CLOSE, b"\x03\xe8" + "再见".encode())]
    assert gateway.left_with == [(1000, "再见", True)]


def test_closing_without_a_close_frame() -> None:
    """A connection that breaks has code 1006; one that is destroyed too, and nothing is sent."""
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    transport.break_(ConnectionResetError())
    assert gateway.left_with == [(1006, "", True)]
    assert connection.state == CLOSED
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    connection.send(frames.frame(TEXT, b"unsent"))
    connection.destroy()
    assert transport.aborted
    gateway.flush()
    transport.break_()
    assert transport.written == b""
    assert gateway.left_with == [(1006, "", True)]


def test_closing_before_it_was_open() -> None:
    """One that waits for a worker gets a close frame; one in its handshake is dropped."""
    gateway = FakeGateway()
    gateway.opens = False
    connection, transport = connect(gateway)
    connection.data_received(BROWSER)
    transport.take()
    connection.close(close_codes.NO_WORKER)
    assert server_frames(transport.written) == [(CLOSE, b"\x03\xf5no worker")]
    assert gateway.left_with == [(1013, "no worker", False)]
    connection, transport = connect(gateway)
    connection.close(close_codes.GOING_AWAY)
    assert transport.aborted
    transport.break_()
    assert len(gateway.left_with) == 1


def test_the_client_closes_first() -> None:
    """Its code and reason reach the worker; a close by the service that comes later is nothing."""
    gateway = FakeGateway()
    connection, transport = open_connection(gateway)
    connection.data_received(text("a") + close(4301, b"bye"))
    connection.close(close_codes.NORMAL)
    assert gateway.left_with == [(4301, "bye", True)]
    assert server_frames(transport.written) == [(CLOSE, (4301).to_bytes(2, "big") + b"bye")]
    assert transport.closed


def test_who_a_client_is() -> None:
    """Its id carries the gateway's prefix and its number; its state what events tell of it."""
    gateway = FakeGateway()
    connection, _ = open_connection(gateway)
    assert connection.client_id == gateway.prefix + f"{connection.number:08x}"
    assert connection.address == "192.0.2.7:4711"
    assert connection.host == "192.0.2.7"
    connection.uid, connection.groups = "7", {"a", "b"}
    address, uid, groups, session = connection.describe()
    assert (address, uid, sorted(groups), session) == ("192.0.2.7:4711", "7", ["a", "b"], b"")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", ""), ("/wss", "wss"), ("/servicer", "servicer"), ("/servicer/", "servicer"),
        ("/servicer/x/y", "servicer"), ("/servicer?token=a/b", "servicer"), ("/?x=/servicer", ""),
        ("//servicer", "servicer"),
    ],
)  # fmt: skip
def test_the_first_segment_names_the_service(path: str, name: str) -> None:
    """Without query and slashes."""
    assert service_name(path) == name
