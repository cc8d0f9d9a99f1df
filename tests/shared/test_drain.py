"""Reading plain ZeroMQ sockets on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import zmq

from shared import drain as drain_module
from shared.drain import Drain
from tests.support.timing import eventually

Pair = tuple["zmq.Socket[bytes]", "zmq.Socket[bytes]"]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two connected sockets."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    first, second = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    first.bind("inproc://pair")
    second.connect("inproc://pair")
    yield first, second
    first.close(0)
    second.close(0)
    context.term()


def numbers(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


async def test_messages_come_in_order(pair: Pair) -> None:
    """Those that were there before, and those that come later; each with all its parts."""
    ours, theirs = pair
    taken: list[list[bytes]] = []
    theirs.send_multipart([b"early", b"part"])
    drain = Drain(ours, taken.append)
    await eventually(lambda: taken)
    theirs.send(b"late")
    await eventually(lambda: len(taken) == 2)
    drain.stop()
    assert taken == [[b"early", b"part"], [b"late"]]


async def test_a_flood_leaves_time_for_others(pair: Pair) -> None:
    """Of many messages only so many are taken in one turn of the loop; none is forgotten, although
    the descriptor signals only once; and ``after`` is called once for each such turn."""
    ours, theirs = pair
    count = 5 * drain_module._BATCH + 7
    for number in numbers(count):
        theirs.send(number)
    taken: list[bytes] = []
    turns: list[int] = []
    drain = Drain(ours, lambda parts: taken.append(parts[0]), lambda: turns.append(len(taken)))
    await eventually(lambda: len(taken) == count)
    drain.stop()
    assert taken == numbers(count)
    assert turns == [*range(drain_module._BATCH, count, drain_module._BATCH), count]


async def test_sending_does_not_hide_what_came(pair: Pair) -> None:
    """A send may take in the signal of a message: after ``look`` it is read all the same."""
    ours, theirs = pair
    taken: list[bytes] = []
    drain = Drain(ours, lambda parts: taken.append(parts[0]))
    for number in numbers(200):
        theirs.send(number)
        ours.send(b"answer")
        drain.look()
        if len(number) == 2:
            await asyncio.sleep(0)
    await eventually(lambda: len(taken) == 200)
    drain.stop()
    assert taken == numbers(200)


async def test_answers_from_within(pair: Pair) -> None:
    """Whoever takes a message may send on the socket while doing so."""
    ours, theirs = pair

    def answer(parts: list[bytes]) -> None:
        ours.send(parts[0] + b"!")

    drain = Drain(ours, answer)
    back: list[bytes] = []
    other = Drain(theirs, lambda parts: back.append(parts[0]))
    for number in numbers(300):
        theirs.send(number)
        other.look()
    await eventually(lambda: len(back) == 300)
    drain.stop()
    other.stop()
    assert back == [number + b"!" for number in numbers(300)]


async def test_a_fault_does_not_stop_the_reading(pair: Pair) -> None:
    """A message that raises is reported to the loop; those behind it are taken."""
    ours, theirs = pair
    taken: list[bytes] = []
    faults: list[str] = []

    def take(parts: list[bytes]) -> None:
        if parts[0] == b"bad":
            raise RuntimeError("a bad message")
        taken.append(parts[0])

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: faults.append(str(context["exception"])))
    drain = Drain(ours, take)
    for message in (b"1", b"bad", b"2", b"bad", b"3"):
        theirs.send(message)
    await eventually(lambda: len(taken) == 3)
    drain.stop()
    assert taken == [b"1", b"2", b"3"]
    assert faults == ["a bad message"] * 2


async def test_stopping_takes_nothing_more(pair: Pair) -> None:
    """After stop(), called by whoever takes a message too, nothing is read and the socket may be
    closed; it may be called twice."""
    ours, theirs = pair
    for number in numbers(10):
        theirs.send(number)
    taken: list[bytes] = []

    def take(parts: list[bytes]) -> None:
        taken.append(parts[0])
        if len(taken) == 3:
            drain.stop()
            ours.close(0)

    drain = Drain(ours, take, lambda: taken.append(b"after"))
    await eventually(lambda: ours.closed)
    drain.stop()
    drain.look()
    await asyncio.sleep(0.02)
    assert taken == numbers(3)
