"""Who gets which event, when workers come, fill up, leave and die. No sockets, no loop."""

from __future__ import annotations

import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from gateway import routing
from gateway.connection import CLOSED, OPEN, WAITING, Connection
from gateway.hub import Hub, Member, Service
from gateway.routing import Routing, Worker
from shared import protocol
from shared.protocol import ServiceOptions, describe, unpack

ALL_HOOKS = frozenset(("on_connect", "on_message", "on_close"))


class FakeClient(Member):
    """A client that the tests open, let speak, and close."""

    numbers = itertools.count(1)

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.state = WAITING
        self.address = "192.0.2.1:1"
        self.worker: Worker | None = None
        self.unacked = 0
        self.held: list[bytes] | None = None
        self.request: list[Any] | None = None
        self.close_code = 1006
        self.close_reason = ""

    def describe(self) -> list[Any]:
        """As a connection's."""
        return [self.address, self.uid, [], self.session]

    def say(self, *texts: bytes) -> None:
        """Say something; what cannot be forwarded is held, as a connection does."""
        waiting = self.held is not None
        for text in texts:
            if self.held is not None:
                self.held.append(text)
            elif not self.bench.routing.message(cast(Connection, self), 1, text):
                self.held = [text]
        if self.held is not None and not waiting:
            self.bench.routing.block(cast(Connection, self))

    def resume(self) -> None:
        """Say again what was held."""
        held, self.held = self.held, None
        self.say(*(held or ()))

    def close(self) -> None:
        """Be gone."""
        self.state = CLOSED
        self.bench.hub.remove(cast(Connection, self))
        self.bench.routing.closed(cast(Connection, self))


class FakeWorker(Worker):
    """A worker that keeps what it is sent."""

    __slots__ = ("bench", "sent")

    def __init__(
        self, bench: Bench, hooks: Iterable[str], options: ServiceOptions | None = None
    ) -> None:
        self.bench = bench
        self.sent: list[list[Any]] = []
        services = [(bench.service, frozenset(hooks), options or ServiceOptions())]
        super().__init__("w", self._take, services)

    def _take(self, packed: bytes) -> None:
        for message in unpack(packed):
            self.sent.append(message)
            self.bench.log.append((self, message))

    @property
    def events(self) -> list[tuple[str, int]]:
        """(kind, client number) of the events so far; -1 for those of no client."""
        found = []
        for code, *fields in self.sent:
            if code in (protocol.TEXT, protocol.CHANGED):
                found.append((describe(code), fields[1]))
            elif code in (protocol.CONNECT, protocol.CLOSE, protocol.ADOPT):
                found.append((describe(code), fields[2]))
            else:
                found.append((describe(code), -1))
        return found

    def texts(self) -> list[bytes]:
        """Payloads of the messages so far."""
        return [fields[2] for code, *fields in self.sent if code == protocol.TEXT]


class Bench:
    """A routing with one service."""

    def __init__(self, router: str = "least") -> None:
        self.hub: Hub[Connection] = Hub()
        self.service: Service[Connection] = self.hub.service("talk")
        self.routing = Routing(self.hub, router, self._opened)
        self.log: list[tuple[FakeWorker, list[Any]]] = []

    def _opened(self, client: Connection, service: Service[Connection]) -> None:
        client.state = OPEN
        client.number = next(FakeClient.numbers)
        self.hub.add(client, service)

    def worker(self, hooks: Iterable[str] = ALL_HOOKS) -> FakeWorker:
        """A worker that is ready."""
        worker = FakeWorker(self, hooks)
        self.routing.worker_ready(worker)
        return worker

    def client(self) -> FakeClient:
        """A client that finished its handshake."""
        client = FakeClient(self)
        self.routing.connected(cast(Connection, client), self.service)
        return client

    def ack_all(self, worker: FakeWorker) -> None:
        """The worker is done with all it was sent."""
        self.routing.acknowledged(worker, worker.seq, [])


@pytest.fixture
def bench() -> Bench:
    """Least connections."""
    return Bench()


def test_new_clients_go_to_the_worker_with_fewest(bench: Bench) -> None:
    """Least connections: two workers get the same number, and those that close make room."""
    one, two = bench.worker(), bench.worker()
    clients = [bench.client() for _ in range(10)]
    assert (one.clients, two.clients) == (5, 5)
    for client in clients:
        if client.worker is one:
            client.close()
    bench.client()
    assert (one.clients, two.clients) == (1, 5)


def test_random_router_uses_all_workers() -> None:
    """With router = random every worker gets some of many clients."""
    bench = Bench("random")
    workers = [bench.worker() for _ in range(3)]
    for _ in range(300):
        bench.client()
    assert min(worker.clients for worker in workers) > 50


def test_a_client_stays_with_its_worker(bench: Bench) -> None:
    """All events of one client go to one worker, in order, even when another has fewer clients."""
    one = bench.worker()
    client = bench.client()
    bench.worker()
    client.say(b"a", b"b")
    client.close()
    n = client.number
    assert one.events == [("CONNECT", n), ("TEXT", n), ("TEXT", n), ("CLOSE", n)]
    assert one.texts() == [b"a", b"b"]


def test_only_what_a_service_wants_is_sent(bench: Bench) -> None:
    """A client of which the worker keeps no record is not spoken of; without on_connect it is
    adopted instead, and its end told, so that the record ends too."""
    silent = bench.worker(["on_gateway_up"])
    bench.client().close()
    assert silent.events == [("GATEWAY_UP", -1)]
    other = Bench()
    worker = other.worker(["on_message"])
    client = other.client()
    client.close()
    assert worker.events == [("ADOPT", client.number), ("CLOSE", client.number)]


def test_without_worker_clients_wait_and_are_served_in_order(bench: Bench) -> None:
    """Clients that came before any worker are opened when one comes, and speak then."""
    first, second = bench.client(), bench.client()
    assert {first.state, second.state} == {WAITING}
    worker = bench.worker()
    assert [kind for kind, _ in worker.events] == ["CONNECT", "CONNECT"]
    assert first.number < second.number


def test_who_gives_up_waiting_is_forgotten(bench: Bench) -> None:
    """A client that left before a worker came is not opened later."""
    client = bench.client()
    bench.routing.give_up_waiting(cast(Connection, client))
    assert bench.worker().events == []


class TestWindow:
    """No worker has more than its window of unacknowledged events."""

    @pytest.fixture(autouse=True)
    def _small_window(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routing, "WINDOW_MESSAGES", 4)

    def test_beyond_it_clients_are_held_and_nothing_is_lost(self, bench: Bench) -> None:
        """What does not fit is held by the client, and goes on in order as the worker is done."""
        worker = bench.worker()
        client = bench.client()
        said = [b"%d" % i for i in range(20)]
        client.say(*said)
        assert len(worker.unacked) == 4
        assert client.held == said[3:]
        for _ in range(6):
            bench.ack_all(worker)
            assert len(worker.unacked) <= 4
        assert worker.texts() == said

    def test_bytes_count_too(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """A window of bytes closes before that of messages does; one large message goes alone."""
        monkeypatch.setattr(routing, "WINDOW_BYTES", 1000)
        worker = bench.worker()
        client = bench.client()
        client.say(b"x" * 5000, b"y")
        assert worker.texts() == [b"x" * 5000]
        bench.ack_all(worker)
        assert worker.texts()[1:] == [b"y"]

    def test_held_clients_take_turns(self, bench: Bench) -> None:
        """Clients that are held go on in the order in which they were stopped."""
        worker = bench.worker()
        clients = [bench.client() for _ in range(4)]
        for client in clients:
            client.say(b"%d" % client.number)
        bench.ack_all(worker)
        assert worker.texts() == [b"%d" % client.number for client in clients]

    def test_a_close_waits_behind_what_was_said(self, bench: Bench) -> None:
        """A client closes while its last words are held: the worker hears both, in that order."""
        worker = bench.worker()
        client = bench.client()
        client.say(*(b"%d" % i for i in range(8)))
        client.close()
        for _ in range(5):
            bench.ack_all(worker)
        assert worker.events[-1] == ("CLOSE", client.number)
        assert worker.texts() == [b"%d" % i for i in range(8)]

    def test_acknowledgements_in_any_order_open_it(self, bench: Bench) -> None:
        """Single acknowledgements beyond the cumulative one make room as well."""
        worker = bench.worker()
        client = bench.client()
        client.say(*(b"%d" % i for i in range(10)))
        bench.routing.acknowledged(worker, 0, [3, 4])
        assert len(worker.texts()) == 5
        bench.routing.acknowledged(worker, 0, [3, 4])  # twice is once
        assert len(worker.texts()) == 5


class TestLeaving:
    """A worker leaves as planned."""

    def test_idle_clients_move_at_once(self, bench: Bench) -> None:
        """Clients without unacknowledged events are adopted by others, and LEFT is said."""
        old = bench.worker()
        clients = [bench.client() for _ in range(3)]
        bench.ack_all(old)
        new = bench.worker()
        bench.routing.worker_leaves(old)
        assert Counter(new.events) == Counter(("ADOPT", client.number) for client in clients)
        assert old.events[-1] == ("LEFT", -1)
        assert (old.clients, new.clients) == (0, 3)

    def test_a_busy_client_moves_when_its_events_are_done(self, bench: Bench) -> None:
        """What it says meanwhile is held, and goes to the new worker after ADOPT."""
        old = bench.worker()
        client = bench.client()
        client.say(b"old")
        new = bench.worker()
        bench.routing.worker_leaves(old)
        client.say(b"new")
        assert new.events == []
        assert ("LEFT", -1) not in old.events
        bench.ack_all(old)
        n = client.number
        assert new.events == [("ADOPT", n), ("TEXT", n)]
        assert old.texts() == [b"old"]
        assert new.texts() == [b"new"]
        assert old.events[-1] == ("LEFT", -1)

    def test_a_close_during_the_handover_is_told_once(self, bench: Bench) -> None:
        """The new worker hears of it when the old one is done with what came before."""
        old = bench.worker()
        client = bench.client()
        new = bench.worker()
        bench.routing.worker_leaves(old)
        client.close()
        assert new.events == []
        bench.ack_all(old)
        assert new.events == [("CLOSE", client.number)]
        assert ("CLOSE", client.number) not in old.events

    def test_events_that_it_never_got_go_elsewhere(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A CONNECT in its backlog is the new worker's; none is told twice."""
        monkeypatch.setattr(routing, "WINDOW_MESSAGES", 2)
        old = bench.worker()
        clients = [bench.client() for _ in range(4)]
        new = bench.worker()
        bench.routing.worker_leaves(old)
        bench.ack_all(old)
        told = [event for event in old.events + new.events if event[0] == "CONNECT"]
        assert sorted(told) == sorted(("CONNECT", client.number) for client in clients)
        assert all(client.worker is new for client in clients)

    def test_without_another_worker_clients_stay(self, bench: Bench) -> None:
        """They wait for the next worker, with what they said and whether they closed."""
        old = bench.worker()
        stays, leaves = bench.client(), bench.client()
        bench.ack_all(old)
        bench.routing.worker_leaves(old)
        stays.say(b"hello?")
        leaves.close()
        new = bench.worker()
        assert Counter(new.events) == Counter(
            [("CLOSE", leaves.number), ("ADOPT", stays.number), ("TEXT", stays.number)]
        )
        assert new.events.index(("ADOPT", stays.number)) < new.events.index(("TEXT", stays.number))
        assert new.clients == 1


class TestLost:
    """A worker dies without a word."""

    def test_unacknowledged_connects_and_closes_are_told_again(self, bench: Bench) -> None:
        """And only those: what was acknowledged is not replayed."""
        old = bench.worker()
        known = bench.client()
        bench.ack_all(old)
        fresh, gone = bench.client(), bench.client()
        gone.close()
        new = bench.worker()
        bench.routing.worker_lost(old)
        assert Counter(new.events) == Counter(
            [
                ("ADOPT", known.number),
                ("CONNECT", fresh.number),
                ("CONNECT", gone.number),
                ("CLOSE", gone.number),
            ]
        )
        assert new.events.index(("CONNECT", gone.number)) < new.events.index(("CLOSE", gone.number))

    def test_messages_are_not_repeated(self, bench: Bench) -> None:
        """At most once: what the dead worker had is gone, what was held is not."""
        old = bench.worker()
        client = bench.client()
        bench.ack_all(old)
        client.say(b"had")
        new = bench.worker()
        bench.routing.worker_lost(old)
        client.say(b"next")
        assert new.texts() == [b"next"]
        assert client.unacked == 2  # ADOPT and the message

    def test_a_worker_that_was_leaving_dies(self, bench: Bench) -> None:
        """What it was not done with goes to the others all the same."""
        old = bench.worker()
        client = bench.client()
        new = bench.worker()
        bench.routing.worker_leaves(old)
        client.say(b"later")
        bench.routing.worker_lost(old)
        n = client.number
        assert new.events == [("CONNECT", n), ("TEXT", n)]

    def test_closes_are_kept_until_somebody_comes(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Up to a limit; beyond it the oldest are dropped, counted, and a report is due."""
        monkeypatch.setattr(routing, "MAX_KEPT", 3)
        old = bench.worker([*ALL_HOOKS, "on_gateway_up"])
        clients = [bench.client() for _ in range(5)]
        bench.ack_all(old)
        bench.routing.worker_lost(old)
        for client in clients:
            client.close()
        new = bench.worker([*ALL_HOOKS, "on_gateway_up"])
        assert [n for kind, n in new.events if kind == "CLOSE"] == [c.number for c in clients[2:]]
        assert bench.routing.kept_dropped == 2
        assert new.events[0] == ("GATEWAY_UP", -1)

    def test_last_words_without_any_worker_come_before_the_end(self, bench: Bench) -> None:
        """A client speaks while no worker is there, and closes: whoever comes hears both, in that
        order, whether or not the client's CONNECT had been acknowledged."""
        old = bench.worker()
        known = bench.client()
        bench.ack_all(old)
        fresh = bench.client()
        bench.routing.worker_lost(old)
        for client in (known, fresh):
            client.say(b"1", b"2")
            client.close()
        new = bench.worker()
        k, f = known.number, fresh.number
        assert [kind for kind, n in new.events if n == k] == ["ADOPT", "TEXT", "TEXT", "CLOSE"]
        assert [kind for kind, n in new.events if n == f] == ["CONNECT", "TEXT", "TEXT", "CLOSE"]

    def test_last_words_to_a_leaving_worker_come_before_the_end(self, bench: Bench) -> None:
        """The same while the old worker is not done with the client yet."""
        old = bench.worker()
        client = bench.client()
        new = bench.worker()
        bench.routing.worker_leaves(old)
        client.say(b"last words")
        client.close()
        bench.ack_all(old)
        assert [kind for kind, _ in new.events] == ["ADOPT", "TEXT", "CLOSE"]

    def test_last_words_behind_a_full_window_come_before_the_end(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The same where they were held for want of space when their worker died."""
        monkeypatch.setattr(routing, "WINDOW_MESSAGES", 2)
        old = bench.worker()
        client = bench.client()
        client.say(b"lost", b"2", b"3")
        client.close()
        new = bench.worker()
        bench.routing.worker_lost(old)
        for _ in range(4):
            bench.ack_all(new)
        assert [kind for kind, _ in new.events] == ["CONNECT", "TEXT", "TEXT", "CLOSE"]
        assert new.texts() == [b"2", b"3"]

    def test_nothing_is_kept_of_who_closed_without_interest(self, bench: Bench) -> None:
        """Where no hook wants the end, a new worker hears of a closed client only what it had said,
        and then lets go of it."""
        old = bench.worker(["on_message"])
        speaks, silent = bench.client(), bench.client()
        bench.routing.worker_lost(old)
        speaks.say(b"last words")
        for client in (speaks, silent):
            client.close()
        new = bench.worker(["on_message"])
        assert [kind for kind, _ in new.events] == ["ADOPT", "TEXT", "CLOSE"]
        assert new.texts() == [b"last words"]
        assert not any(bench.routing._blocked.values())
        assert not any(bench.routing._kept.values())


class TestReport:
    """on_gateway_up is told when something may have been missed, to one worker."""

    HOOKS = (*ALL_HOOKS, "on_gateway_up")

    def reports(self, worker: FakeWorker) -> int:
        return worker.events.count(("GATEWAY_UP", -1))

    def test_first_worker_is_told_and_no_other(self, bench: Bench) -> None:
        """At the start one worker gets the report."""
        assert [self.reports(bench.worker(self.HOOKS)) for _ in range(3)] == [1, 0, 0]

    def test_after_a_loss_the_next_is_told(self, bench: Bench) -> None:
        """A worker that died may have left work half done."""
        old = bench.worker(self.HOOKS)
        bench.worker(self.HOOKS)
        bench.routing.worker_lost(old)
        assert self.reports(bench.worker(self.HOOKS)) == 1

    def test_a_planned_handover_needs_none(self, bench: Bench) -> None:
        """Reload: the successor was ready before the old one left."""
        old = bench.worker(self.HOOKS)
        bench.ack_all(old)
        assert self.reports(bench.worker(self.HOOKS)) == 0
        bench.routing.worker_leaves(old)
        bench.routing.worker_lost(old)  # its BYE
        assert self.reports(bench.worker(self.HOOKS)) == 0

    def test_a_report_that_was_not_sent_goes_to_another(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A worker leaves with the report still in its backlog: another one, or the next, gets all
        of it."""
        monkeypatch.setattr(routing, "WINDOW_MESSAGES", 2)
        monkeypatch.setattr(routing, "REPORT_PART", 1)
        for others in (1, 0):
            bench = Bench()
            silent = bench.worker()
            numbers = {bench.client().number for _ in range(4)}
            bench.ack_all(silent)
            bench.routing.worker_leaves(silent)
            told = bench.worker(self.HOOKS)
            told_first = bench.worker(self.HOOKS) if others else None
            bench.routing.worker_leaves(told)
            another = told_first or bench.worker(self.HOOKS)
            for worker in (told, another):
                for _ in range(5):
                    bench.ack_all(worker)
            parts = [fields for code, *fields in another.sent if code == protocol.GATEWAY_UP]
            assert parts[-1][2] is True
            assert {row[0] for _, _, _, rows in parts for row in rows} == numbers

    def test_a_large_report_comes_in_parts(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Every client is in one of them, and the last one says so."""
        monkeypatch.setattr(routing, "REPORT_PART", 3)
        old = bench.worker(self.HOOKS)
        numbers = {bench.client().number for _ in range(8)}
        bench.ack_all(old)
        bench.routing.worker_lost(old)
        new = bench.worker(self.HOOKS)
        parts = [fields for code, *fields in new.sent if code == protocol.GATEWAY_UP]
        assert [last for _, _, last, _ in parts] == [False, False, True]
        assert {row[0] for _, _, _, rows in parts for row in rows} == numbers


def test_changes_are_told_to_the_worker_of_the_client(bench: Bench) -> None:
    """Uid, groups and session of a tracked client; nothing once it has closed."""
    worker = bench.worker()
    client = bench.client()
    bench.hub.bind(cast(Connection, client), "7")
    bench.routing.changed(cast(Connection, client))
    code, _seq, number, uid, groups, session = worker.sent[-1]
    assert (code, number, uid) == (protocol.CHANGED, client.number, "7")
    assert (groups, session) == ([], b"")


def test_who_spoke_before_its_service_was_known_is_heard(bench: Bench) -> None:
    """A client that was kept until its service was known, and spoke meanwhile, goes on."""
    worker = bench.worker()
    client = FakeClient(bench)
    client.held = [b"early"]
    assert bench.routing.connected(cast(Connection, client), bench.service)
    assert worker.texts() == [b"early"]
    assert client.held is None


def test_hooks_count_from_ready_on(bench: Bench) -> None:
    """What a worker says of a service counts when it is ready: one that says hello and then fails
    to start changes nothing for the others."""
    old = bench.worker()
    client = bench.client()
    FakeWorker(bench, ["on_connect"], ServiceOptions(None, 5))
    client.say(b"still wanted")
    client.close()
    assert bench.service.options == ServiceOptions()
    assert [kind for kind, _ in old.events] == ["CONNECT", "TEXT", "CLOSE"]


def test_a_worker_that_leaves_gets_nothing_any_more(bench: Bench) -> None:
    """READY after LEAVE, a close, a change: nothing of it goes to a worker that is on its way."""
    worker = bench.worker()
    client = bench.client()
    bench.routing.worker_leaves(worker)
    before = len(worker.sent)
    bench.routing.worker_ready(worker)
    bench.routing.changed(cast(Connection, client))
    bench.client()
    client.close()
    assert len(worker.sent) == before
    assert not bench.routing.has_worker(bench.service)


def check_random_life(seed: Callable[[int], int]) -> None:
    """Whatever happens, each client's worker hears CONNECT first, texts in order, CLOSE last."""
    bench = Bench()
    workers = [bench.worker()]
    everybody = list(workers)
    clients: list[FakeClient] = []
    said: Counter[int] = Counter()
    for _ in range(400):
        choice = seed(10)
        if choice < 3 or not clients:
            clients.append(bench.client())
        elif choice < 6:
            client = clients[seed(len(clients))]
            if client.state == OPEN:
                said[client.number] += 1
                client.say(b"%d" % said[client.number])
        elif choice == 6:
            client = clients[seed(len(clients))]
            if client.state == OPEN:
                client.close()
        elif choice == 7:
            for worker in workers:
                bench.routing.acknowledged(worker, worker.seq, [])
        elif choice == 8:
            workers.append(bench.worker())
            everybody.append(workers[-1])
        elif len(workers) > 1:
            leaver = workers.pop(seed(len(workers)))
            bench.routing.worker_leaves(leaver)
            bench.routing.acknowledged(leaver, leaver.seq, [])
    for worker in itertools.islice(itertools.cycle(everybody), 100 * len(everybody)):
        bench.routing.acknowledged(worker, worker.seq, [])
    assert not any(worker.unacked or worker.backlog or worker.deferred for worker in everybody)
    closes = Counter(n for w in everybody for kind, n in w.events if kind == "CLOSE")
    connects = Counter(n for w in everybody for kind, n in w.events if kind == "CONNECT")
    texts: Counter[int] = Counter(n for w in everybody for kind, n in w.events if kind == "TEXT")
    assert set(connects.values()) <= {1}
    assert closes == Counter(c.number for c in clients if c.state == CLOSED)
    assert texts == said
    assert sum(w.clients for w in workers) == sum(1 for c in clients if c.state == OPEN)


@pytest.mark.parametrize("seed", range(20))
def test_planned_changes_lose_and_double_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random lives with planned handovers only: every event is told exactly once."""
    monkeypatch.setattr(routing, "WINDOW_MESSAGES", 7)
    check_random_life(random.Random(seed).randrange)


class HardLife:
    """Workers come, leave and die at any time, sometimes all of them; clients go on."""

    def __init__(self, chance: random.Random, hooks: Iterable[str]) -> None:
        self.chance = chance
        self.hooks = frozenset(hooks)
        self.bench = Bench()
        self.workers: list[FakeWorker] = []
        self.clients: list[FakeClient] = []
        self.said: Counter[int] = Counter()
        self.heard: dict[int, list[bytes]] = defaultdict(list)
        self.acked: set[tuple[str, int]] = set()
        self.known: dict[FakeWorker, set[int]] = defaultdict(set)
        self.ended: set[int] = set()
        self._seen = 0

    def live(self, turns: int) -> None:
        """Let things happen; every event must be one that may come then."""
        acts = (
            [self.come] * 6 + [self.speak] * 12 + [self.go] * 3 + [self.acknowledge] * 5
            + [self.worker_comes, self.worker_leaves] * 2 + [self.worker_dies]
        )  # fmt: skip
        for _ in range(turns):
            self.chance.choice(acts)()
            self.look()
        self.worker_comes()
        while any(worker.unacked for worker in self.workers):
            self.acknowledge()
            self.look()

    def come(self) -> None:
        self.clients.append(self.bench.client())

    def speak(self) -> None:
        for client in self.some(self.clients):
            if client.state == OPEN:
                self.said[client.number] += 1
                client.say(b"%d" % self.said[client.number])

    def go(self) -> None:
        for client in self.some(self.clients):
            if client.state == OPEN:
                client.close()

    def worker_comes(self) -> None:
        self.workers.append(self.bench.worker(self.hooks))

    def worker_leaves(self) -> None:
        for worker in self.some(self.workers):
            self.bench.routing.worker_leaves(worker)

    def worker_dies(self) -> None:
        for worker in self.some(self.workers):
            self.workers.remove(worker)
            self.bench.routing.worker_lost(worker)

    def acknowledge(self) -> None:
        """A worker is done with some of its events, not always the first ones."""
        for worker in self.some([worker for worker in self.workers if worker.unacked]):
            seqs = list(worker.unacked)
            done = self.chance.sample(seqs, self.chance.randint(1, len(seqs)))
            for code, client, _ in [worker.unacked[seq] for seq in done]:
                if client is not None:
                    self.acked.add((describe(code), client.number))
            self.bench.routing.acknowledged(worker, 0, done)

    def some(self, choices: list[Any]) -> list[Any]:
        return [self.chance.choice(choices)] if choices else []

    def look(self) -> None:
        """Judge the events since the last look."""
        for worker, (code, *fields) in self.bench.log[self._seen :]:
            kind = describe(code)
            if kind == "LEFT":
                assert not worker.unacked
                continue
            number = fields[1] if kind == "TEXT" else fields[2]
            if kind == "TEXT":
                assert number in self.known[worker], "for a worker that does not know the client"
                assert number not in self.ended, "after the end"
                self.heard[number].append(fields[2])
            else:
                assert (kind, number) not in self.acked or kind == "ADOPT", "done already"
                self.known[worker].add(number)
            if kind == "CLOSE":
                self.ended.add(number)
        self._seen = len(self.bench.log)


@pytest.mark.parametrize("hooks", [ALL_HOOKS, ("on_message", "on_close"), ("on_message",)], ids=len)
@pytest.mark.parametrize("seed", range(25))
def test_hard_lives_keep_the_order(
    seed: int, hooks: Iterable[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes, leaves or dies: a client's messages are sent once each, in order, to workers
    that know it, and its end after them; nothing that was done is told again. In the end nothing is
    held, and every client that is there has a worker."""
    monkeypatch.setattr(routing, "WINDOW_MESSAGES", 5)
    life = HardLife(random.Random(seed), hooks)
    life.live(600)
    assert len(life.clients) > 50
    for client in life.clients:
        assert life.heard[client.number] == [
            b"%d" % number for number in range(1, life.said[client.number] + 1)
        ]
        assert client.held is None
        assert client.unacked == 0
        if client.state == OPEN:
            assert client.worker in life.workers
            assert client.number in life.known[client.worker]
            assert client.number not in life.ended
        elif "on_close" in hooks:
            assert client.number in life.ended
    open_clients = sum(client.state == OPEN for client in life.clients)
    assert sum(worker.clients for worker in life.workers) == open_clients
    assert not any(life.bench.routing._kept.values())
    assert not any(life.bench.routing._blocked.values())
