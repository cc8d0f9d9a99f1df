"""Which worker gets which event: sticky, in order, never more than a worker has room for.

A client stays with one worker until that worker leaves or is lost. Events wait in the worker's
backlog while its window is full; a client that has something to say then is not read. Connect and
close events that a lost worker did not acknowledge go to another one; messages do not.
"""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from shared import protocol
from shared.protocol import WINDOW_BYTES, WINDOW_MESSAGES, ServiceOptions

from .connection import OPEN, WAITING, Connection
from .hub import Hub, Service

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

MAX_KEPT = 100_000
"""Close events kept per service while it has no worker. Beyond it the oldest are dropped and
counted: ``on_gateway_up`` then tells the service what is left."""

REPORT_PART = 500
"""Clients per GATEWAY_UP message."""

# What a backlog or the unacknowledged events of a worker hold, beside the codes of the protocol:
RESUME = -1
"""A client is read again."""


class Worker:
    """A worker's link, seen from the gateway.

    Args:
        name: for people.
        send: queues a packed message for it.
        services: its services, by the indexes of its HELLO, with hooks and options.

    Attributes:
        clients: number of open clients it serves.
        unacked: seq to (code, client or None, size) of its events, oldest first.
        backlog: what waits for space in its window, oldest first.
        leaving: it gets no more clients, and gives those it has away.
        deferred: while it leaves, the events of clients that it is not done with yet.
    """

    __slots__ = (
        "backlog", "clients", "deferred", "has_left", "hooks", "indexes", "leaving", "name",
        "options", "send", "seq", "unacked", "unacked_bytes",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        send: Callable[[bytes], None],
        services: Iterable[tuple[Service[Connection], frozenset[str], ServiceOptions]],
    ) -> None:
        self.name = name
        self.send = send
        self.indexes: dict[Service[Connection], int] = {}
        self.hooks: dict[Service[Connection], frozenset[str]] = {}
        self.options: dict[Service[Connection], ServiceOptions] = {}
        for index, (service, hooks, options) in enumerate(services):
            self.indexes[service] = index
            self.hooks[service] = hooks
            self.options[service] = options
        self.seq = 0
        self.unacked: dict[int, tuple[int, Connection | None, int]] = {}
        self.unacked_bytes = 0
        self.backlog: deque[tuple[int, Any]] = deque()
        self.deferred: dict[Connection, list[int]] = {}
        self.clients = 0
        self.leaving = False
        self.has_left = False

    @property
    def has_space(self) -> bool:
        """Whether its window is open."""
        return len(self.unacked) < WINDOW_MESSAGES and self.unacked_bytes < WINDOW_BYTES


class Routing:
    """The workers of a gateway process and the events on their way to them.

    Args:
        hub: the clients.
        router: ``least`` connections or ``random``.
        opened: called for a client that gets its first worker, to number and index it.

    Attributes:
        kept_dropped: close events dropped because nobody came to take them.
    """

    def __init__(
        self,
        hub: Hub[Connection],
        router: str,
        opened: Callable[[Connection, Service[Connection]], None],
    ) -> None:
        self._hub = hub
        self._router = router
        self._opened = opened
        self.workers: dict[Service[Connection], list[Worker]] = {}
        self.all_workers: list[Worker] = []
        self._waiting: dict[Service[Connection], dict[Connection, None]] = {}
        self._blocked: dict[Service[Connection], dict[Connection, None]] = {}
        self._kept: dict[Service[Connection], deque[tuple[int, Connection]]] = {}
        self._unreported: set[Service[Connection]] = set()
        self._ever_seen: set[Service[Connection]] = set()
        self.kept_dropped = 0

    # Workers come and go

    def worker_ready(self, worker: Worker) -> None:
        """A worker wants events: it gets clients, new ones and those that nobody serves."""
        if worker in self.all_workers or worker.leaving:
            return
        self.all_workers.append(worker)
        for service, hooks in worker.hooks.items():
            # Not at its hello: a worker whose start fails after that changes nothing.
            service.declare(hooks, worker.options[service])
            self.workers.setdefault(service, []).append(worker)
            if service not in self._ever_seen:
                self._ever_seen.add(service)
                self._unreported.add(service)
            if service in self._unreported and "on_gateway_up" in hooks:
                self._unreported.discard(service)
                self._report(worker, service)
            self._serve_orphans(service)

    def worker_leaves(self, worker: Worker) -> None:
        """A worker goes, as planned: each client moves on once its events are acknowledged."""
        self._withdraw(worker)
        worker.leaving = True
        backlog, worker.backlog = worker.backlog, deque()
        untold = set()
        for code, item in backlog:
            if code in (protocol.CONNECT, protocol.CLOSE):
                worker.deferred.setdefault(item, []).append(code)
            elif code == RESUME:
                self.block(item)
            elif code == protocol.GATEWAY_UP:
                untold.add(item[0])
        for service in untold:
            self._report_to_another(service)
        for client in list(worker.deferred):
            if client.unacked == 0:
                self._release(worker, client)
        for service in worker.indexes:
            for client in list(service.clients.values()):
                if client.worker is worker and client.unacked == 0:
                    self._release(worker, client)
        self._check_left(worker)

    def worker_lost(self, worker: Worker) -> None:
        """A worker is gone without a word: others take over, what was unacknowledged too."""
        self._withdraw(worker)
        worker.leaving = True
        if not worker.has_left:
            self._unreported.update(worker.indexes)
        again: dict[Connection, list[int]] = {}
        waiting = [(code, item) for code, item in worker.backlog if code != protocol.GATEWAY_UP]
        for code, client in [(code, c) for code, c, _ in worker.unacked.values()] + waiting:
            if client is not None:
                client.unacked = 0
                codes = again.setdefault(client, [])
                if code in (protocol.CONNECT, protocol.CLOSE):
                    codes.append(code)
        for client, codes in worker.deferred.items():
            again.setdefault(client, []).extend(codes)
        worker.unacked.clear()
        worker.backlog.clear()
        worker.deferred = again
        for client in list(again):
            self._release(worker, client)
        for service in worker.indexes:
            for client in list(service.clients.values()):
                if client.worker is worker:
                    self._release(worker, client)

    def _release(self, worker: Worker, client: Connection) -> None:
        """A leaving worker is done with a client, which moves on with what was deferred."""
        codes = worker.deferred.pop(client, ())
        if client.worker is not worker:
            return
        if client.state == OPEN and protocol.CONNECT not in codes:
            self._hand_over(client)
            return
        if client.state == OPEN:
            self._move(client)
        else:
            client.worker = self._choose(client.service)
        self._pass_on(client, codes)

    def _pass_on(self, client: Connection, codes: Iterable[int]) -> None:
        """Give a client's events to its worker; what it said itself comes before its end."""
        is_new = True
        for code in codes:
            if code == protocol.CLOSE and client.held is not None:
                if is_new and client.worker is not None:
                    self._queue(client.worker, protocol.ADOPT, client)
                self._take_up(client)
            self._queue_or_keep(code, client)
            is_new = False
        if client.held is not None:
            self._take_up(client)

    def _withdraw(self, worker: Worker) -> None:
        if worker in self.all_workers:
            self.all_workers.remove(worker)
        for service in worker.indexes:
            workers = self.workers.get(service, [])
            if worker in workers:
                workers.remove(worker)
            if not workers:
                self._unreported.add(service)

    def _check_left(self, worker: Worker) -> None:
        if worker.leaving and not (worker.has_left or worker.unacked or worker.deferred):
            worker.has_left = True
            worker.send(protocol.pack((protocol.LEFT,)))

    def has_worker(self, service: Service[Connection]) -> bool:
        """Whether the service has a worker now."""
        return bool(self.workers.get(service))

    def is_known(self, service: Service[Connection]) -> bool:
        """Whether a worker of this service has ever been here."""
        return service in self._ever_seen

    def _choose(self, service: Service[Connection] | None) -> Worker | None:
        workers = self.workers.get(service) if service is not None else None
        if not workers:
            return None
        if len(workers) == 1:
            return workers[0]
        if self._router == "random":
            return random.choice(workers)  # noqa: S311 - spreads load
        return min(workers, key=_number_of_clients)

    # Clients come and go

    def connected(self, client: Connection, service: Service[Connection]) -> bool:
        """A client finished its handshake. Returns False where it has to wait for a worker."""
        worker = self._choose(service)
        if worker is None:
            self._waiting.setdefault(service, {})[client] = None
            return False
        self._open(client, service, worker)
        if client.held is not None:  # it spoke before its service was known
            self._take_up(client)
        return True

    def give_up_waiting(self, client: Connection) -> None:
        """A client waited too long, or left while it waited."""
        for waiting in self._waiting.values():
            waiting.pop(client, None)
        for blocked in self._blocked.values():
            blocked.pop(client, None)

    def _open(self, client: Connection, service: Service[Connection], worker: Worker) -> None:
        client.worker = worker
        worker.clients += 1
        self._opened(client, service)
        hooks = worker.hooks[service]
        if "on_connect" in hooks or "on_websocket_connect" in hooks:
            self._queue(worker, protocol.CONNECT, client)
        else:
            client.request = None
            if service.tracked:
                self._queue(worker, protocol.ADOPT, client)

    def closed(self, client: Connection) -> None:
        """An open client is gone."""
        worker = client.worker
        if worker is not None:
            worker.clients -= 1
        service = client.service
        if service is None or not service.tracked:
            return
        if worker is not None and worker.leaving:
            worker.deferred.setdefault(client, []).append(protocol.CLOSE)
        else:
            self._queue_or_keep(protocol.CLOSE, client)

    def message(self, client: Connection, opcode: int, payload: bytes) -> bool:
        """A message of a client. Returns False where it cannot be forwarded now."""
        worker = client.worker
        if worker is None or worker.leaving or worker.backlog or not worker.has_space:
            return False
        seq = worker.seq = worker.seq + 1
        code = protocol.TEXT if opcode == 1 else protocol.BINARY
        packed = protocol.pack((code, seq, client.number, payload))
        size = len(packed)
        worker.unacked[seq] = (code, client, size)
        worker.unacked_bytes += size
        client.unacked += 1
        worker.send(packed)
        return True

    def block(self, client: Connection) -> None:
        """A client holds what could not be forwarded: it is resumed when there is space."""
        worker = client.worker
        if worker is not None and not worker.leaving:
            worker.backlog.append((RESUME, client))
        elif client.service is not None:
            self._blocked.setdefault(client.service, {})[client] = None

    def changed(self, client: Connection) -> None:
        """Uid, groups or session of an open client changed."""
        worker = client.worker
        if (
            worker is not None
            and client.service is not None
            and client.service.tracked
            and not worker.leaving
        ):
            self._queue(worker, protocol.CHANGED, client)

    # Moving clients

    def _move(self, client: Connection) -> None:
        old, new = client.worker, self._choose(client.service)
        if old is not None:
            old.clients -= 1
        client.worker = new
        if new is not None:
            new.clients += 1

    def _hand_over(self, client: Connection) -> None:
        """Give an open client to another worker, or to nobody where there is none."""
        self._move(client)
        worker, service = client.worker, client.service
        if worker is not None and service is not None:
            if service.tracked:
                self._queue(worker, protocol.ADOPT, client)
        if client.held is not None:
            self._take_up(client)

    def _take_up(self, client: Connection) -> None:
        """A client that holds something has moved: it goes on where it is now."""
        if client.service is not None:
            self._blocked.get(client.service, {}).pop(client, None)
        self.block(client)
        if client.worker is not None:
            self._work_off(client.worker)

    def _serve_orphans(self, service: Service[Connection]) -> None:
        """A worker has come: what waited for one."""
        kept: dict[Connection, list[int]] = {}
        for code, client in self._kept.pop(service, ()):
            kept.setdefault(client, []).append(code)
        for client, codes in kept.items():
            client.worker = self._choose(service)
            if client.state == OPEN and client.worker is not None:
                client.worker.clients += 1
            self._pass_on(client, codes)
        for client in list(service.clients.values()):
            if client.worker is None:
                self._hand_over(client)
        for client in list(self._waiting.pop(service, ())):
            worker = self._choose(service)
            if client.state == WAITING and worker is not None:
                self._open(client, service, worker)
                if client.held is not None:
                    self._take_up(client)
        for client in list(self._blocked.pop(service, ())):
            if client.held is not None:
                if client.worker is None:  # it has closed since, and its CLOSE was dropped
                    client.worker = self._choose(service)
                self._take_up(client)

    def _queue_or_keep(self, code: int, client: Connection) -> None:
        worker = client.worker
        if worker is None or worker.leaving:
            worker = client.worker = self._choose(client.service)
        if worker is not None:
            self._queue(worker, code, client)
        elif client.service is not None and (
            # A new worker does not know the client: it need not hear of an end that no hook wants.
            code == protocol.CONNECT
            or "on_close" in client.service.hooks
            or client.held is not None
        ):
            kept = self._kept.setdefault(client.service, deque())
            kept.append((code, client))
            if len(kept) > MAX_KEPT:
                kept.popleft()
                self.kept_dropped += 1
                self._unreported.add(client.service)

    # Events

    def _queue(self, worker: Worker, code: int, item: Any) -> None:
        if worker.backlog or not worker.has_space:
            worker.backlog.append((code, item))
        else:
            self._emit(worker, code, item)

    def _work_off(self, worker: Worker) -> None:
        """Send from the backlog while there is space."""
        backlog = worker.backlog
        while backlog and worker.has_space:
            code, item = backlog.popleft()
            if code != RESUME:
                self._emit(worker, code, item)
            elif item.held is not None:
                if item.worker is worker and not worker.leaving:
                    worker.backlog = deque()
                    try:
                        item.resume()
                    finally:  # what it left in the empty backlog is the first to go on
                        backlog.extendleft(reversed(worker.backlog))
                        worker.backlog = backlog
                else:
                    self.block(item)

    def _emit(self, worker: Worker, code: int, item: Any) -> None:
        client: Connection | None = None if code == protocol.GATEWAY_UP else item
        if (
            client is not None
            and client.state != OPEN
            and client.held is None
            and code in (protocol.ADOPT, protocol.CHANGED)
        ):
            return  # its CLOSE, which says everything, is on its way
        seq = worker.seq + 1
        if client is None:
            service, last, rows = item
            fields: tuple[Any, ...] = (worker.indexes[service], last, rows)
        elif code == protocol.CHANGED:
            _, uid, groups, session = client.describe()
            fields = (client.number, uid, groups, session)
        else:
            index = worker.indexes.get(client.service) if client.service is not None else None
            if index is None:
                return
            fields = (index, client.number, client.describe())
            if code == protocol.CONNECT:
                wanted = "on_websocket_connect" in worker.hooks[client.service]  # type: ignore[index]
                fields += (client.request if wanted else None,)
            elif code == protocol.CLOSE:
                fields += (client.close_code, client.close_reason)
        packed = protocol.pack((code, seq, *fields))
        worker.seq = seq
        worker.unacked[seq] = (code, client, len(packed))
        worker.unacked_bytes += len(packed)
        if client is not None:
            client.unacked += 1
        worker.send(packed)

    def acknowledged(self, worker: Worker, upto: int, more: list[int]) -> None:
        """A worker is done with its events up to one, and with some later ones."""
        unacked = worker.unacked
        done = []
        for seq in unacked:
            if seq > upto:
                break
            done.append(seq)
        done += more
        for seq in done:
            event = unacked.pop(seq, None)
            if event is not None:
                code, client, size = event
                worker.unacked_bytes -= size
                if client is not None:
                    client.unacked -= 1
                    if code == protocol.CONNECT:
                        client.request = None
                    if client.unacked == 0 and worker.leaving:
                        self._release(worker, client)
        if worker.backlog:
            self._work_off(worker)
        if worker.leaving:
            self._check_left(worker)

    def _report_to_another(self, service: Service[Connection]) -> None:
        """The worker that was to be told what this gateway holds goes: another one, or the next."""
        for worker in self.workers.get(service, ()):
            if "on_gateway_up" in worker.hooks[service]:
                self._report(worker, service)
                return
        self._unreported.add(service)

    def _report(self, worker: Worker, service: Service[Connection]) -> None:
        """Tell a worker what this gateway holds, for ``on_gateway_up``."""
        rows = [[c.number, c.uid, c.session] for c in service.clients.values()]
        parts = [rows[i : i + REPORT_PART] for i in range(0, len(rows), REPORT_PART)] or [[]]
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            self._queue(worker, protocol.GATEWAY_UP, (service, last, part))


def _number_of_clients(worker: Worker) -> int:
    return worker.clients
