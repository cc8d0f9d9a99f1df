"""The load generator of messages: requests over HTTP, and the sockets at which they must arrive.

As `generator.py`: bare sockets, one thread, requests built in advance, every message verified: it
was answered with success, and it came once, at the socket of who is talked to.
"""

from __future__ import annotations

import random
import re
import select
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from .generator import BATCH_PAUSE, STALL_TIMEOUT, GeneratorError, Sample, Window
from .lines import Line, LineError, Listener
from .processes import Meter

_now = time.perf_counter_ns
_MARK = re.compile(rb'"message": ?"K(\d{12})K')
_OK = re.compile(rb'"code": ?0,')

TEXT_SIZE = 200


def text(mark: bytes) -> bytes:
    """A text of `TEXT_SIZE` bytes that says which message it is; ``mark`` has twelve digits."""
    return b"K" + mark + b"K" + b"abcdefghijklmnopqrstuvwxyz" * 7 + b"abcd"


MARK = b"000000000000"


class Speaker(NamedTuple):
    """Who speaks over a connection.

    Args:
        line: the connection.
        request: a whole request whose message is ``text(MARK)``; `MARK` is replaced everywhere.
        listener: where the message must arrive; None: the answer is all there is.
    """

    line: Line
    request: bytes
    listener: Listener | None


class Talk:
    """Speakers of one server. Not thread-safe.

    Args:
        speakers: each has at most one request in flight.
        others: sockets that hear of the talk, and what they hear is not looked at.
    """

    _marks = 0

    def __init__(self, speakers: Sequence[Speaker], others: Sequence[Listener] = ()) -> None:
        self.speakers = speakers
        self._speakers = {speaker.line.fd: speaker for speaker in speakers}
        heard = [speaker.listener for speaker in speakers if speaker.listener is not None]
        self._listeners = {listener.fd: listener for listener in [*heard, *others]}
        self._epoll = select.epoll()
        for fd in [*self._speakers, *self._listeners]:
            self._epoll.register(fd, select.EPOLLIN)

    def __enter__(self) -> Talk:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._epoll.close()

    def tend(self) -> None:
        """Answer the pings that came in meanwhile."""
        for fd, _ in self._epoll.poll(0):
            if fd in self._listeners:
                self._listeners[fd].receive()

    def run(
        self, meter: Meter, seconds: float, warm_up: float = 0.2, rate: float | None = None
    ) -> Sample:
        """Speak.

        Args:
            meter: whose processor time to count.
            seconds: of the measured window.
            warm_up: seconds before it.
            rate: messages per second, at random moments; their latencies count from the moment at
                which they were due. None: as many as can be, each speaker's next as soon as the
                last is answered.

        Raises:
            GeneratorError: a message was refused, lost, doubled, or came where it should not.
        """
        try:
            return self._run(meter, seconds, warm_up, rate)
        except (LineError, OSError) as error:
            raise GeneratorError(str(error)) from error

    def _run(self, meter: Meter, seconds: float, warm_up: float, rate: float | None) -> Sample:
        window = Window(meter, warm_up, seconds)
        idle = deque(self._speakers.values())
        speaking: dict[int, bytes] = {}
        """Marks of the requests that are not answered, by the connection's file descriptor."""
        awaited: dict[bytes, tuple[int, int]] = {}
        """Listener (or speaker) and time of the messages that have not arrived, by mark."""
        latencies: list[int] = []
        first = last = 0
        gap = random.Random(1).expovariate
        due = seen = _now()
        while window.used is None or speaking or awaited:
            now = _now()
            while window.used is None and idle and (rate is None or due <= now):
                speaker = idle.popleft()
                Talk._marks += 1
                mark = b"%012d" % Talk._marks
                where = speaker.line if speaker.listener is None else speaker.listener
                awaited[mark] = (where.fd, now if rate is None else due)
                speaking[speaker.line.fd] = mark
                speaker.line.send(speaker.request.replace(MARK, mark))
                if rate is not None:
                    due += int(gap(rate) * 1e9)
            time.sleep(BATCH_PAUSE)
            events = self._epoll.poll(0)
            now = _now()
            if events:
                seen = now
            elif (speaking or awaited) and now - seen > STALL_TIMEOUT * 1e9:
                raise GeneratorError(f"{len(awaited)} messages did not arrive")
            for fd, _ in events:
                if (listener := self._listeners.get(fd)) is not None:
                    for frame in listener.receive():
                        if (found := _MARK.search(frame)) and b'"connect"' not in frame[:40]:
                            latencies.append(_arrived(awaited, found[1], fd))
                    continue
                speaker = self._speakers[fd]
                if (body := speaker.line.receive()) is not None:
                    if not _OK.search(body[:40]):
                        raise GeneratorError(f"refused: {body[:300]!r}")
                    mark = speaking.pop(fd)
                    idle.append(speaker)
                    if speaker.listener is None:
                        latencies.append(_arrived(awaited, mark, fd))
            if window.passed(now):
                first, last = (first, len(latencies)) if window.measuring else (len(latencies), 0)
                window.next()
        assert window.used is not None
        return Sample(last - first, window.used, sorted(latencies[first:last]))


def _arrived(awaited: dict[bytes, tuple[int, int]], mark: bytes, fd: int) -> int:
    """How long a message took, nanoseconds."""
    where, began = awaited.pop(mark, (-1, 0))
    if where != fd:
        raise GeneratorError(f"message {mark!r} came twice, or at the wrong socket")
    return _now() - began
