"""The quick reading of handshakes, against what ``websockets`` says of the same bytes."""

from __future__ import annotations

import base64
import random
import time

import pytest
from websockets.client import ClientProtocol
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from gateway import handshake
from tests.support.timing import SECOND

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 section 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def request(
    *headers: bytes, line: bytes = b"GET /servicer?x=1 HTTP/1.1", without: bytes = b""
) -> bytes:
    """A good request, with further headers, and without one of its own."""
    usual = [
        b"Host: shop.example",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: " + KEY,
        b"Sec-WebSocket-Version: 13",
    ]
    kept = [header for header in usual if not without or not header.startswith(without)]
    return b"\r\n".join((line, *kept, *headers, b"", b""))


BROWSER = request(
    b"Pragma: no-cache",
    b"Cache-Control: no-cache",
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)",
    b"Origin: https://shop.example",
    b"Accept-Encoding: gzip, deflate, br, zstd",
    b"Accept-Language: zh-CN,zh;q=0.9",
    b"Cookie: a=b; c=d",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
)

GOOD = {
    "smallest": request(without=b"Host"),
    "browser": BROWSER,
    "firefox": request(b"Connection: keep-alive, Upgrade", without=b"Connection"),
    "other case": request(b"upgrade: WebSocket", b"CONNECTION: x,UPGRADE", without=b"Upgrade")
    .replace(b"Connection: Upgrade\r\n", b""),
    "no space after the colon": request().replace(b": ", b":"),
    "space around the value": request().replace(b"13", b" \t 13 \t"),
    "empty value": request(b"X-Empty:"),
    "several lines of one name": request(b"X-Forwarded-For: 1.2.3.4", b"x-forwarded-for: 5.6.7.8"),
    "only a slash": request(line=b"GET / HTTP/1.1"),
    "many headers": request(*[b"X-%d: y" % number for number in range(123)]),
}  # fmt: skip

BAD = {
    "post": request(line=b"POST / HTTP/1.1"),
    "http/1.0": request(line=b"GET / HTTP/1.0"),
    "http/2": request(line=b"GET / HTTP/2"),
    "no path": request(line=b"GET HTTP/1.1"),
    "space in the path": request(line=b"GET /a b HTTP/1.1"),
    "path that is not ascii": request(line="GET /客服 HTTP/1.1".encode()),
    "no upgrade": request(without=b"Upgrade"),
    "upgrade to something else": request(b"Upgrade: h2c", without=b"Upgrade"),
    "upgrade to two things": request(b"Upgrade: websocket, h2c", without=b"Upgrade"),
    "upgrade twice": request(b"Upgrade: websocket"),
    "no connection": request(without=b"Connection"),
    "connection without upgrade": request(b"Connection: keep-alive", without=b"Connection"),
    "connection that is no list": request(b"Connection: Upgrade, @", without=b"Connection"),
    "connection with words": request(b"Connection: Upgrade now", without=b"Connection"),
    "connection in quotes": request(b'Connection: Upgrade, "x"', without=b"Connection"),
    "no key": request(without=b"Sec-WebSocket-Key"),
    "key twice": request(b"Sec-WebSocket-Key: " + KEY),
    "short key": request(b"Sec-WebSocket-Key: " + KEY[:20], without=b"Sec-WebSocket-Key"),
    "long key": request(
        b"Sec-WebSocket-Key: " + base64.b64encode(b"x" * 17), without=b"Sec-WebSocket-Key"
    ),
    "key that is no base64": request(
        b"Sec-WebSocket-Key: " + KEY.replace(b"s", b"*"), without=b"Sec-WebSocket-Key"
    ),
    "no version": request(without=b"Sec-WebSocket-Version"),
    "version 8": request(b"Sec-WebSocket-Version: 8", without=b"Sec-WebSocket-Version"),
    "version twice": request(b"Sec-WebSocket-Version: 13"),
    "origin twice": request(b"Origin: https://a.example", b"Origin: https://a.example"),
    "body": request(b"Content-Length: 5"),
    "chunks": request(b"Transfer-Encoding: chunked"),
    "folded header": request(b"X-Long: a", b"  b"),
    "header without colon": request(b"nonsense"),
    "header without name": request(b": x"),
    "space before the colon": request(b"X : y"),
    "control character": request(b"X: a\x00b"),
    "bare newline": request(b"X: a\nY: b"),
    "bare carriage return": request(b"X: a\rY: b"),
    "line feeds only": request().replace(b"\r\n", b"\n"),
    "too many headers": request(*[b"X-%d: y" % number for number in range(124)]),
    "far too many headers": request(*[b"X:"] * 1500),
    "long line": request(b"X: " + b"y" * 8200),
    "long path": request(line=b"GET /" + b"y" * 8200 + b" HTTP/1.1"),
    "half": BROWSER[: len(BROWSER) // 2],
    "without its end": BROWSER[:-2],
    "with something behind": BROWSER + b"\x81\x80\0\0\0\0",
    "with an end behind": BROWSER + b"\r\n\r\n",
    "two requests": BROWSER + BROWSER,
    "nothing": b"",
    "only an end": b"\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 90 + b"\r\n\r\n",
}


def judge(data: bytes) -> tuple[bytes, str, list[tuple[str, str]]] | None:
    """What the library says: accept value, path and headers; None where it does not accept these
    bytes as one whole handshake and nothing else."""
    protocol = ServerProtocol()
    protocol.receive_data(data)
    events = protocol.events_received()
    if len(events) != 1 or not isinstance(events[0], Request) or protocol.reader.buffer:
        return None
    response = protocol.accept(events[0])
    if response.status_code != 101:
        return None
    accept = response.headers["Sec-WebSocket-Accept"].encode()
    return accept, events[0].path, list(events[0].headers.raw_items())


def agrees(data: bytes) -> bool:
    """Whether parse() takes it; fails where the library does not, or says something else of it."""
    opening = handshake.parse(data)
    if opening is None:
        return False
    verdict = judge(data)
    assert verdict is not None, data
    accept, path, headers = verdict
    assert b"\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n" in opening.answer, data
    assert opening.path == path
    assert opening.headers == headers
    origins = [value for name, value in headers if name.lower() == "origin"]
    assert opening.origin == (origins[0] if origins else None)
    return True


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_ordinary_handshakes_are_taken(data: bytes) -> None:
    """What ordinary clients send is read here, with the same result as by the library."""
    assert agrees(data)


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_others_are_left_to_the_library(data: bytes) -> None:
    """What is wrong, unusual or not whole gives None: the library decides and words the answer."""
    assert handshake.parse(data) is None


def test_the_judge_can_tell() -> None:
    """The comparison means something: the library refuses most of the bad ones."""
    refused = [name for name, data in BAD.items() if judge(data) is None]
    assert len(refused) >= len(BAD) - 2


def test_the_answer_is_that_of_the_rfc() -> None:
    """The example of RFC 6455 section 1.3."""
    opening = handshake.parse(request())
    assert opening is not None
    assert opening.answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert ACCEPT in opening.answer


def test_a_client_takes_the_answer() -> None:
    """The client side of the library completes its handshake with it."""
    client = ClientProtocol(parse_uri("ws://shop.example/servicer"))
    client.send_request(client.connect())
    opening = handshake.parse(b"".join(client.data_to_send()))
    assert opening is not None
    client.receive_data(opening.answer)
    assert client.state is OPEN
    assert client.handshake_exc is None


def test_mutated_handshakes_never_get_by_the_library() -> None:
    """Whatever is flipped, cut, doubled or put in: nothing is accepted here that the library
    rejects, and what is accepted is answered and understood in the same way."""
    seed = random.Random(6455)
    tokens = [
        b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"=", b'"', b"@", b"\x00", b"\x80",
        b"\xff", b"Upgrade", b"websocket", b"Connection: ", b"13", KEY, b"HTTP/1.1", b"GET ",
        b"Sec-WebSocket-Key: ", b"Content-Length: 0\r\n", b"Origin: x\r\n", b"\r\n\r\n", b"/",
    ]  # fmt: skip
    sources = [list(GOOD.values()), list(BAD.values())]
    taken = 0
    for _ in range(30_000):
        data = bytearray(seed.choice(seed.choice(sources)))
        for _ in range(seed.choice((1, 1, 1, 2, 3))):
            place = seed.randrange(len(data) + 1)
            match seed.randrange(5):
                case 0:
                    data[place : place + 1] = bytes((seed.randrange(256),))
                case 1:
                    data[place:place] = seed.choice(tokens)
                case 2:
                    del data[place : place + seed.randint(1, 20)]
                case 3:
                    lines = bytes(data).split(b"\r\n")
                    lines.insert(seed.randrange(len(lines)), seed.choice(lines))
                    data = bytearray(b"\r\n".join(lines))
                case _:
                    end = min(len(data), place + seed.randint(1, 20))
                    data[place:end] = bytes(data[place:end]).swapcase()
        taken += agrees(bytes(data))
    assert taken > 2000


@pytest.mark.parametrize(
    "line",
    [
        b"X:" + b" " * 7900 + b"\x00",
        b"X: y" + b" \t" * 3900 + b"\x00",
        b"X:" * 3900 + b"\x00",
        b"Connection: Upgrade" + b" ," * 3900 + b"@",
        b"Connection: " + b"a," * 3900 + b"@",
        b"Connection: " + b"a" * 7900 + b"@",
    ],
    ids=lambda line: repr(line[:30]),
)
def test_no_request_keeps_the_gateway_busy(line: bytes) -> None:
    """Reading takes time in proportion to the size, whatever is in it."""
    data = request(line, without=b"Connection")
    assert len(data) <= handshake.MAX_SIZE
    begin = time.process_time()
    for _ in range(10):
        handshake.parse(data)
    assert time.process_time() - begin < 0.1 * SECOND
