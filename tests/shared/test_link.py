"""One link, against a gateway that does what the test says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import zmq

from shared import link as link_module
from shared import protocol
from shared.errors import BadArgument, CallFailed, GatewayTimeout, LinkLost
from shared.link import Link, LinkState
from shared.protocol import CallError
from tests.support.ports import Ports
from tests.support.timing import SECOND, TIMEOUT, eventually, within

from .fakes import SECRET, Events, FakeGateway

SEND, ASK = protocol.SEND_TO_CLIENT, protocol.GET_UID
FIELDS = (7, 1, b"payload")


class Owner:
    """What a link needs of its pool."""

    def __init__(self) -> None:
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.secret = SECRET
        self.instance = "fedcba9876543210"
        self.hello: tuple[Any, ...] = (
            protocol.HELLO,
            protocol.VERSION,
            "worker",
            "business-0",
            self.instance,
            [["servicer", ["on_message"], {}]],
        )
        self.events: Any = Events()
        self.heartbeat_interval = 5.0
        self.heartbeat_timeout = 15.0
        self.changes: list[LinkState] = []
        self.errors: list[str] = []
        self.refusals = 0

    def link_changed(self, link: Link) -> None:
        self.changes.append(link.state)
        self.errors.append(link.error)
        self.refusals += link.refused


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hardly any pause between two attempts."""
    monkeypatch.setattr(link_module, "FIRST_PAUSE", 0.01)


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Free ports."""
    ports = Ports()
    yield ports
    ports.close()


@pytest.fixture
async def gateway(ports: Ports) -> AsyncIterator[FakeGateway]:
    """A gateway that listens."""
    gateway = FakeGateway(ports)
    gateway.open()
    yield gateway
    await gateway.close()


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    """The pool."""
    owner = Owner()
    yield owner
    await asyncio.to_thread(owner.context.destroy, 0)


@pytest.fixture
async def link(gateway: FakeGateway, owner: Owner) -> AsyncIterator[Link]:
    """A link that has not begun to connect."""
    link = Link(owner, gateway.prefix, gateway.address, gateway.address)
    yield link
    link.close()


@pytest.fixture
async def up(link: Link) -> Link:
    """A link that is up."""
    link.connect()
    await is_up(link)
    return link


async def is_up(link: Link) -> None:
    await eventually(lambda: link.state is LinkState.UP)


# Connecting


async def test_hello_is_the_first_message(gateway: FakeGateway, owner: Owner, up: Link) -> None:
    """A connection begins with the pool's HELLO, and is up with the gateway's WELCOME."""
    assert gateway.hellos == [list(owner.hello)]
    assert gateway.messages == []
    assert up.gateway_instance == gateway.instance
    assert up.lost_at is None
    assert owner.events.calls == [("on_link_up", False)]
    assert owner.changes == [LinkState.UP]


async def test_a_gateway_that_comes_later_is_found(
    gateway: FakeGateway, owner: Owner, link: Link
) -> None:
    """While nobody listens the link tries again and again, and says why it is down."""
    await gateway.close()
    link.connect()
    await eventually(lambda: owner.changes.count(LinkState.DOWN) >= 2)
    assert link.error
    gateway.open()
    await is_up(link)
    assert link.error == ""


async def test_a_wrong_secret_is_noticed(gateway: FakeGateway, owner: Owner, link: Link) -> None:
    """A gateway of another secret gets no hello, and the link does not come up."""
    owner.secret = "another one that is also long enough"
    link.connect()
    await eventually(lambda: LinkState.DOWN in owner.changes)
    assert gateway.hellos == []


async def test_another_version_is_noticed(gateway: FakeGateway, owner: Owner, link: Link) -> None:
    """REFUSED puts the link down with the reason in words, and it tries again later."""
    gateway.welcomes = False
    link.connect()
    await eventually(lambda: gateway.hellos)
    gateway.welcomes = True
    gateway.send((protocol.REFUSED, "version", 2, "this gateway speaks version 2"))
    await is_up(link)
    assert owner.changes == [LinkState.DOWN, LinkState.UP]
    assert "version 2" in owner.errors[0]
    assert owner.refusals == 1


async def test_a_gateway_of_another_prefix_is_not_believed(
    gateway: FakeGateway, owner: Owner, link: Link
) -> None:
    """Whoever answers at the address must be the gateway whose client ids are meant."""
    gateway.prefix = "0" * 12
    link.connect()
    await eventually(lambda: len(owner.changes) >= 3)
    assert set(owner.changes) == {LinkState.DOWN}
    assert "answers for 000000000000" in owner.errors[0]


async def test_a_gateway_that_does_not_welcome_is_left(
    gateway: FakeGateway, owner: Owner, link: Link
) -> None:
    """Without an answer to HELLO within the heartbeat timeout the connection is made anew."""
    owner.heartbeat_interval, owner.heartbeat_timeout = 0.05, 0.2
    gateway.welcomes = False
    link.connect()
    await eventually(lambda: len(gateway.hellos) >= 2)


@pytest.mark.parametrize(
    "loss",
    [
        (protocol.pack((protocol.HELLO_REQUIRED,)), "does not know us"),
        (protocol.pack((protocol.BYE,)), "bye"),
        (b"\xc1", "bad message"),
        (protocol.pack((99,)), "unexpected code 99"),
        (protocol.pack((protocol.READY,)), "unexpected READY"),
        (protocol.pack((protocol.REPLY,)), "bad message"),
    ],
    ids=["hello required", "bye", "garbage", "unknown", "unexpected", "malformed"],
)
async def test_the_connection_is_made_anew(
    gateway: FakeGateway, owner: Owner, up: Link, loss: tuple[bytes, str]
) -> None:
    """Whatever ends a connection, a new one with its own HELLO follows; the worker hears it."""
    gateway.send_bytes(loss[0])
    await eventually(lambda: LinkState.DOWN in owner.changes)
    assert loss[1] in owner.errors[1]
    await is_up(up)
    assert owner.changes == [LinkState.UP, LinkState.DOWN, LinkState.UP]
    assert len(gateway.hellos) == 2
    assert owner.events.calls == [("on_link_up", False), ("on_link_lost",), ("on_link_up", True)]


async def test_a_silent_gateway_is_lost(gateway: FakeGateway, owner: Owner, link: Link) -> None:
    """Nothing for longer than the heartbeat timeout: lost. Heartbeats, ours and its own, go on
    every interval while the link is up, and keep it up."""
    owner.heartbeat_interval, owner.heartbeat_timeout = 0.05, 1.0 * SECOND
    link.connect()
    await is_up(link)
    for _ in range(round(30 * SECOND)):
        beat = await gateway.receive(protocol.HEARTBEAT)
        assert beat == [protocol.HEARTBEAT, owner.instance, 0]
        gateway.send((protocol.HEARTBEAT, gateway.instance, gateway.clock()))
    assert owner.events.names() == ["on_link_up"]
    await eventually(lambda: "on_link_lost" in owner.events.names())
    assert owner.errors[:2] == ["", "silent"]


# Commands


async def test_calls_are_numbered_and_answered(gateway: FakeGateway, up: Link) -> None:
    """Numbers count up from 1; answers find their calls in any order."""
    first = up.call(ASK, 0, 7, timeout=TIMEOUT)
    second = up.call(ASK, 0, 8, timeout=TIMEOUT)
    await gateway.answer(ASK, "for 8", number=2)
    assert await within(second) == "for 8"
    assert not first.done()
    message = await gateway.answer(ASK, "for 7", number=1)
    assert await within(first) == "for 7"
    assert message[3:] == [0, 7]


async def test_what_is_said_in_one_turn_leaves_in_one_frame(gateway: FakeGateway, up: Link) -> None:
    """Calls, casts and acknowledgements of one turn of the loop share a frame, in order."""
    before = gateway.frames
    up.ack(1)
    calls = [up.call(ASK, 0, 7, timeout=TIMEOUT)]
    up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    calls.append(up.call(ASK, 0, 8, timeout=TIMEOUT))
    await eventually(lambda: gateway.frames > before)
    assert gateway.frames == before + 1
    assert [message[:2] for message in gateway.messages] == [
        [ASK, 1],
        [SEND, -2],
        [ASK, 3],
        [protocol.ACK, 1],
    ]
    for number in (1, 3):
        await gateway.answer(ASK, None, number)
    await within(asyncio.gather(*calls))


async def test_deadlines_are_in_the_gateways_clock(gateway: FakeGateway, up: Link) -> None:
    """A command's deadline is never later than the caller's own, and hardly earlier."""
    call = up.call(ASK, 0, 7, timeout=5)
    message = await gateway.answer(ASK, None)
    await within(call)
    left = message[2] - gateway.clock()
    assert 5000 - 1000 * SECOND < left <= 5000


async def test_a_slow_welcome_does_no_lasting_harm(gateway: FakeGateway, link: Link) -> None:
    """The clock of a heartbeat counts where it is ahead of what WELCOME said: a WELCOME that was
    long on its way would make every command seem late for good."""
    gateway.clock_ahead -= 60
    link.connect()
    await is_up(link)
    gateway.clock_ahead += 60
    gateway.send((protocol.HEARTBEAT, gateway.instance, gateway.clock()))
    gateway.send((protocol.HEARTBEAT, gateway.instance, gateway.clock() - 30_000))
    gateway.send((protocol.TEXT, 1, 2, b"x"))
    await eventually(lambda: link._pool.events.names()[-1] == "on_text")  # type: ignore[union-attr]
    call = link.call(ASK, 0, 7, timeout=5)
    message = await gateway.answer(ASK, None)
    await within(call)
    assert 5000 - 1000 * SECOND < message[2] - gateway.clock() <= 5000


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (CallError.LATE, GatewayTimeout),
        (CallError.UNKNOWN_OUTCOME, LinkLost),
        (CallError.BAD_COMMAND, CallFailed),
        (CallError.FAILED, CallFailed),
        ("of a later version", CallFailed),
    ],
)
async def test_errors_are_raised(
    gateway: FakeGateway, up: Link, code: str, error: type[Exception]
) -> None:
    """Each code of ERROR has its exception, which tells who did not do it."""
    call = up.call(SEND, 0, *FIELDS, timeout=TIMEOUT)
    message = await gateway.receive(SEND)
    gateway.send((protocol.ERROR, message[1], str(code), "why"))
    with pytest.raises(error) as raised:
        await within(call)
    if isinstance(raised.value, CallFailed):
        assert (raised.value.code, raised.value.message) == (code, "why")
    else:
        assert raised.value.missing == [up.address]  # type: ignore[attr-defined]
        assert raised.value.reached is None  # type: ignore[attr-defined]


async def test_an_error_of_a_cast_is_logged(
    gateway: FakeGateway, up: Link, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody waits for a cast, so that its failure is only in the log."""
    up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    message = await gateway.receive(SEND)
    gateway.send((protocol.ERROR, message[1], "bad_command", "no such thing"))
    await eventually(lambda: "no such thing" in caplog.text)
    assert up.state is LinkState.UP


async def test_a_call_times_out(gateway: FakeGateway, up: Link) -> None:
    """Without an answer GatewayTimeout comes at the deadline, and an answer after it is ignored."""
    begin = time.monotonic()
    with pytest.raises(GatewayTimeout) as raised:
        await within(up.call(ASK, 0, 7, timeout=0.2))
    assert 0.2 <= time.monotonic() - begin < 0.2 + SECOND
    assert raised.value.missing == [up.address]
    await gateway.answer(ASK, "too late")
    call = up.call(ASK, 0, 7, timeout=TIMEOUT)
    await gateway.answer(ASK, "in time")
    assert await within(call) == "in time"


async def test_a_field_that_cannot_be_packed_is_the_callers_fault(
    gateway: FakeGateway, up: Link
) -> None:
    """BadArgument is raised at once, nothing is sent and no number is used up."""
    for bad in (object(), 2**64, "\ud800", {1, 2}):
        with pytest.raises(BadArgument):
            up.call(SEND, 0, 7, 1, bad, timeout=TIMEOUT)
        with pytest.raises(BadArgument):
            up.cast(SEND, 0, 7, 1, bad, timeout=TIMEOUT)
    call = up.call(ASK, 0, 7, timeout=TIMEOUT)
    assert (await gateway.answer(ASK, 1))[1] == 1
    await within(call)


async def test_what_is_called_before_the_link_is_up_waits(gateway: FakeGateway, link: Link) -> None:
    """Commands given while connecting are sent in their order when the link is up."""
    queued = link.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    call = link.call(ASK, 0, 7, timeout=TIMEOUT)
    bad = link.call(SEND, 0, 7, 1, object(), timeout=TIMEOUT)
    assert queued is not None
    link.connect()
    await within(queued)
    await gateway.answer(ASK, "yes")
    assert await within(call) == "yes"
    assert gateway.messages[0][:2] == [SEND, -1]
    with pytest.raises(BadArgument):
        await within(bad)


async def test_what_waits_for_a_link_that_does_not_come_is_lost(
    gateway: FakeGateway, link: Link
) -> None:
    """At its deadline a command that never left raises LinkLost, since the link is not up."""
    await gateway.close()
    link.connect()
    call = link.call(ASK, 0, 7, timeout=0.15)
    queued = link.cast(SEND, 0, *FIELDS, timeout=0.15)
    for waiting in (call, queued):
        assert waiting is not None
        with pytest.raises(LinkLost) as raised:
            await within(waiting)
        assert raised.value.missing == [link.address]


async def test_a_call_that_nobody_waits_for_any_more_is_not_sent(
    gateway: FakeGateway, link: Link
) -> None:
    """A caller that was cancelled before its command left has not asked for anything."""
    cancelled = link.call(SEND, 0, *FIELDS, timeout=TIMEOUT)
    cancelled.cancel()
    link.connect()
    await is_up(link)
    call = link.call(ASK, 0, 7, timeout=TIMEOUT)
    await gateway.answer(ASK, 1)
    await within(call)
    assert gateway.messages == []


# The window


async def test_a_full_window_makes_casts_wait(
    gateway: FakeGateway, up: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the window full a cast gives something to await, which is done when DONE has made
    space; all go out in their order."""
    monkeypatch.setattr(protocol, "WINDOW_MESSAGES", 3)
    waiting = [up.cast(SEND, 0, number, 1, b"", timeout=TIMEOUT) for number in range(6)]
    assert [item is None for item in waiting] == [True] * 3 + [False] * 3
    await gateway.receive(SEND, -3)
    await asyncio.sleep(0)
    assert len(gateway.messages) == 2
    gateway.send((protocol.DONE, 2))
    for item in waiting[3:5]:
        assert item is not None
        await within(item)
    assert not waiting[5].done()  # type: ignore[union-attr]
    gateway.send((protocol.DONE, 3))
    await within(waiting[5])  # type: ignore[arg-type]
    await gateway.receive(SEND, -6)
    assert [message[4] for message in gateway.messages] == [0, 1, 3, 4]


async def test_the_window_counts_bytes_too(
    gateway: FakeGateway, up: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message larger than the window goes alone; the next one waits for its end."""
    monkeypatch.setattr(protocol, "WINDOW_BYTES", 100)
    assert up.cast(SEND, 0, 7, 1, b"x" * 500, timeout=TIMEOUT) is None
    second = up.cast(SEND, 0, 7, 1, b"y", timeout=TIMEOUT)
    assert second is not None
    await gateway.receive(SEND, -1)
    gateway.send((protocol.DONE, 1))
    await within(second)


async def test_a_cast_raises_at_its_deadline(
    gateway: FakeGateway, up: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for space in vain raises GatewayTimeout and is never sent."""
    monkeypatch.setattr(protocol, "WINDOW_MESSAGES", 1)
    up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    waiting = up.cast(SEND, 0, *FIELDS, timeout=0.15)
    assert waiting is not None
    with pytest.raises(GatewayTimeout):
        await within(waiting)
    await gateway.receive(SEND, -1)
    gateway.send((protocol.DONE, 1))
    call = up.call(ASK, 0, 7, timeout=TIMEOUT)
    await gateway.answer(ASK, 1)
    await within(call)
    assert gateway.messages == []


async def test_unanswered_commands_leave_the_window_at_their_deadline(
    up: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway that answers nothing does not close the window for ever."""
    monkeypatch.setattr(protocol, "WINDOW_MESSAGES", 1)
    call = up.call(ASK, 0, 7, timeout=0.15)
    waiting = up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    assert waiting is not None
    await within(waiting)
    with pytest.raises(GatewayTimeout):
        await call


async def test_calls_wait_behind_casts(
    gateway: FakeGateway, up: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call made while casts wait for space does not overtake them."""
    monkeypatch.setattr(protocol, "WINDOW_MESSAGES", 2)
    waiting = [up.cast(SEND, 0, number, 1, b"", timeout=TIMEOUT) for number in range(3)]
    call = up.call(ASK, 0, 7, timeout=TIMEOUT)
    await gateway.receive(SEND, -2)
    gateway.send((protocol.DONE, 2))
    await within(waiting[2])  # type: ignore[arg-type]
    await gateway.answer(ASK, 1, number=4)
    await within(call)
    assert [message[1] for message in gateway.messages] == [-1, -3]


async def test_done_does_not_answer_calls(gateway: FakeGateway, up: Link) -> None:
    """DONE acknowledges casts only: a call below its number still waits for its REPLY."""
    call = up.call(ASK, 0, 7, timeout=TIMEOUT)
    up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    await gateway.receive(SEND)
    gateway.send((protocol.DONE, 2))
    await gateway.answer(ASK, "still")
    assert await within(call) == "still"


# Losing the connection


async def test_unanswered_commands_are_repeated(gateway: FakeGateway, up: Link) -> None:
    """After a loss the same instance gets what it did not answer again: same numbers, same order,
    same deadlines. Its answer from memory ends the call."""
    calls = [up.call(SEND, 0, number, 1, b"x", timeout=TIMEOUT) for number in range(2)]
    up.cast(SEND, 0, 2, 1, b"x", timeout=TIMEOUT)
    answered = up.call(ASK, 0, 7, timeout=TIMEOUT)
    await gateway.answer(ASK, 1)
    await within(answered)
    first = list(gateway.messages)
    assert [message[1] for message in first] == [1, 2, -3]
    gateway.messages.clear()
    gateway.send((protocol.HELLO_REQUIRED,))
    await eventually(lambda: len(gateway.messages) == 3)
    assert gateway.messages == first
    for number in (1, 2):
        await gateway.answer(SEND, f"remembered {number}", number)
    assert await within(asyncio.gather(*calls)) == ["remembered 1", "remembered 2"]


async def test_a_broken_connection_is_noticed_and_repaired(
    gateway: FakeGateway, owner: Owner, up: Link
) -> None:
    """A gateway process whose sockets break (and which then listens again) is connected anew, and
    answers what was asked before."""
    call = up.call(SEND, 0, *FIELDS, timeout=TIMEOUT)
    await gateway.receive(SEND)
    await gateway.close()
    await eventually(lambda: LinkState.DOWN in owner.changes)
    assert not call.done()
    gateway.open()
    await is_up(up)
    await gateway.answer(SEND, True, number=1)
    assert await within(call) is True


async def test_another_instance_knows_nothing_of_earlier_commands(
    gateway: FakeGateway, owner: Owner, up: Link
) -> None:
    """When the gateway was started anew, what was unanswered raises LinkLost and is not repeated;
    the worker is told that it is not the same one."""
    call = up.call(SEND, 0, *FIELDS, timeout=TIMEOUT)
    up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    await gateway.receive(SEND, -2)
    gateway.messages.clear()
    gateway.instance = "another instance"
    gateway.send((protocol.BYE,))
    with pytest.raises(LinkLost) as raised:
        await within(call)
    assert raised.value.missing == [up.address]
    await is_up(up)
    assert gateway.messages == []
    assert owner.events.calls[-1] == ("on_link_up", False)


async def test_a_call_times_out_while_the_link_is_down(gateway: FakeGateway, up: Link) -> None:
    """At its deadline an unanswered call of a lost link raises LinkLost."""
    call = up.call(SEND, 0, *FIELDS, timeout=1.0 * SECOND)
    await gateway.receive(SEND)
    await gateway.close()
    with pytest.raises(LinkLost):
        await within(call)
    assert up.state is not LinkState.UP


async def test_closing_ends_everything(gateway: FakeGateway, up: Link) -> None:
    """close() sends what was given before it, then BYE; what is unanswered raises LinkLost, and so
    does whatever comes later."""
    call = up.call(SEND, 0, *FIELDS, timeout=TIMEOUT)
    up.close()
    up.close()
    assert up.state is LinkState.CLOSED
    await gateway.receive(protocol.BYE)
    assert [message[0] for message in gateway.messages] == [SEND]
    later = up.cast(SEND, 0, *FIELDS, timeout=TIMEOUT)
    assert later is not None
    for waiting in (call, later, up.call(ASK, 0, 7, timeout=TIMEOUT)):
        with pytest.raises(LinkLost):
            await within(waiting)


# Workers


async def test_events_reach_the_worker(gateway: FakeGateway, owner: Owner, up: Link) -> None:
    """Each event calls its method with the fields of its row; fields that a later version appended
    are left out."""
    state: list[Any] = ["1.2.3.4:5", None, [], b""]
    events: list[tuple[str, int, tuple[Any, ...]]] = [
        ("on_connect", protocol.CONNECT, (1, 0, 7, state, ["/servicer", "", []])),
        ("on_text", protocol.TEXT, (2, 7, b"text")),
        ("on_binary", protocol.BINARY, (3, 7, b"\xff")),
        ("on_changed", protocol.CHANGED, (4, 7, "uid", ["g"], b"\x80")),
        ("on_adopt", protocol.ADOPT, (5, 0, 8, state)),
        ("on_gateway_up", protocol.GATEWAY_UP, (6, 0, True, [[7, "uid", b""]])),
        ("on_close", protocol.CLOSE, (7, 0, 7, state, 1001, "gone")),
    ]
    gateway.send(*((code, *fields) for _, code, fields in events))
    gateway.send(*((code, *fields, "a later field") for _, code, fields in events))
    expected = [(name, *fields) for name, _, fields in events]
    await eventually(lambda: len(owner.events.calls) > 2 * len(events))
    assert owner.events.calls[1:] == expected * 2
    assert up.state is LinkState.UP


async def test_a_fault_of_the_worker_costs_the_connection_only(
    gateway: FakeGateway, owner: Owner
) -> None:
    """A handler that raises loses the connection, since what came after it in the frame is lost,
    and a new one sets it right."""

    class Faulty(Events):
        def on_text(self, *_: Any) -> None:
            raise RuntimeError("a fault")

    owner.events = Faulty()
    up = Link(owner, gateway.prefix, gateway.address, gateway.address)
    up.connect()
    await is_up(up)
    gateway.send((protocol.TEXT, 1, 7, b"x"), (protocol.BINARY, 2, 7, b"x"))
    await eventually(lambda: "on_link_lost" in owner.events.names())
    assert "on_binary" not in owner.events.names()
    await is_up(up)
    up.close()


async def test_a_client_gets_no_events(gateway: FakeGateway, owner: Owner) -> None:
    """On the link of a GatewayClient an event is a fault of the gateway."""
    owner.events = None
    link = Link(owner, gateway.prefix, gateway.address, gateway.address)
    link.connect()
    try:
        await is_up(link)
        gateway.send((protocol.TEXT, 1, 7, b"x"))
        await eventually(lambda: "unexpected TEXT" in "".join(owner.errors))
    finally:
        link.close()


async def test_acknowledgements_are_gathered(gateway: FakeGateway, up: Link) -> None:
    """Those of one turn make one ACK: up to where all are done, and those beyond the gap."""
    for seq in (1, 2, 5, 3, 9, 7):
        up.ack(seq)
    assert await gateway.receive(protocol.ACK) == [protocol.ACK, 3, [5, 9, 7]]
    up.ack(4)
    assert await gateway.receive(protocol.ACK) == [protocol.ACK, 5, []]
    up.ack(8)
    up.ack(6)
    assert await gateway.receive(protocol.ACK) == [protocol.ACK, 9, []]
    assert gateway.messages == []


async def test_acknowledgements_begin_anew_with_a_connection(
    gateway: FakeGateway, up: Link
) -> None:
    """Events are numbered per connection: what was acknowledged on the last one is forgotten."""
    for seq in (1, 2, 3, 5):
        up.ack(seq)
    await gateway.receive(protocol.ACK)
    up.ack(6)
    gateway.send((protocol.BYE,))
    await eventually(lambda: len(gateway.hellos) >= 2)
    await is_up(up)
    gateway.messages.clear()
    up.ack(1)
    assert await gateway.receive(protocol.ACK) == [protocol.ACK, 1, []]
    up.ack(2)
    assert await gateway.receive(protocol.ACK) == [protocol.ACK, 2, []]


async def test_a_worker_is_ready_on_every_connection(gateway: FakeGateway, up: Link) -> None:
    """READY goes out when the worker says so, and after each HELLO from then on."""
    up.ready()
    await gateway.receive(protocol.READY)
    gateway.send((protocol.BYE,))
    await gateway.receive(protocol.READY)
    assert len(gateway.hellos) == 2


async def test_ready_before_the_link_is_up_is_said_once(gateway: FakeGateway, link: Link) -> None:
    """A worker that is ready before a gateway is there says it when it is."""
    link.ready()
    link.connect()
    await gateway.receive(protocol.READY)
    link.ack(1)
    await gateway.receive(protocol.ACK)
    assert gateway.messages == []


async def test_leaving_ends_with_left(gateway: FakeGateway, up: Link) -> None:
    """leave() asks once, and is done with LEFT; the worker is not ready again after it."""
    up.ready()
    leaving = [asyncio.create_task(up.leave(TIMEOUT)) for _ in range(2)]
    await gateway.receive(protocol.LEAVE)
    gateway.send((protocol.LEFT,))
    assert await within(asyncio.gather(*leaving)) == [True, True]
    await gateway.receive(protocol.READY)
    gateway.send((protocol.BYE,))
    await eventually(lambda: len(gateway.hellos) >= 2)
    await is_up(up)
    up.ack(1)
    await gateway.receive(protocol.ACK)
    assert gateway.messages == []


async def test_leaving_takes_no_longer_than_it_may(gateway: FakeGateway, up: Link) -> None:
    """A gateway that does not say LEFT in time: False. One whose link breaks: True, since it gives
    the clients away by itself."""
    assert await within(up.leave(0.1)) is False
    leaving = asyncio.create_task(up.leave(TIMEOUT))
    await asyncio.sleep(0)
    gateway.send((protocol.BYE,))
    assert await within(leaving) is True
    assert await within(up.leave(TIMEOUT)) is True
