"""What a message costs: ``say`` to the agent's socket, ``answer`` to the customer's.

A round measures every server twice: with as many messages as it takes, one in flight per speaker,
and then with half as many, at random moments.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from .desk import BareServer, Conversations, DeskServer, bare_talk
from .generator import Sample
from .servers import Server
from .talk import Talk

if TYPE_CHECKING:
    from .cases import Bench


class _Desk(NamedTuple):
    kefu: DeskServer
    bare: BareServer
    conversations: Conversations
    bare_talk: Talk


def _open(bench: Bench) -> Callable[[ExitStack], _Desk]:
    def make(stack: ExitStack) -> _Desk:
        bench.say("starting the customer service and the bare server")
        count = bench.plan.speakers
        loop = bench.kefu_loop
        kefu = DeskServer(bench.cores, bench.directory("desk"), loop)
        bare = BareServer(bench.cores, bench.directory("bare"), loop)
        stack.enter_context(kefu)
        stack.enter_context(bare)
        conversations = stack.enter_context(Conversations(kefu, count))
        return _Desk(kefu, bare, conversations, bare_talk(bare, count, stack))

    return make


def say(bench: Bench) -> None:
    """Customers speak to agents."""
    desk = bench.lasting("desk", _open(bench))
    says = desk.conversations.says
    _measure(bench, "say", desk, says(may_repeat=False))
    _measure(bench, "say with client_msg_id", desk, says(may_repeat=True))


def answer(bench: Bench) -> None:
    """Agents speak to customers."""
    desk = bench.lasting("desk", _open(bench))
    answers = desk.conversations.answers
    _measure(bench, "answer", desk, answers(may_repeat=False))
    _measure(bench, "answer with client_msg_id", desk, answers(may_repeat=True))


def _measure(bench: Bench, title: str, desk: _Desk, talk: Talk) -> None:
    plan = bench.plan
    case = f"{title}, {plan.speakers} at the same time"
    halves: dict[str, list[Sample]] = {}

    def both(server: Server, talk: Talk) -> Sample:
        full = talk.run(server.meter(), plan.seconds, plan.warm_up)
        half = talk.run(server.meter(), plan.seconds, plan.warm_up, full.rate / 2)
        halves.setdefault(server.name, []).append(half)
        return full

    pairs: list[tuple[Server, Talk]] = [(desk.kefu, talk), (desk.bare, desk.bare_talk)]
    samples = bench.rounds(case, pairs, both)
    for half in (half for taken in halves.values() for half in taken):
        bench.note_load(f"{case}, half load", half)
    bench.add(case, "messages", "/s", samples, lambda s: s.rate, f"{title} rate")
    bench.add_cpu(case, "message", samples)
    bench.add(case, "p50", "ms", samples, lambda s: s.latency_us(0.5) / 1e3)
    bench.add(case, "p99", "ms", samples, lambda s: s.latency_us(0.99) / 1e3)
    bench.add(case, "half load: messages", "/s", halves, lambda s: s.rate)
    bench.add(case, "half load: p50", "ms", halves, lambda s: s.latency_us(0.5) / 1e3)
    p99 = f"{title} p99"
    bench.add(case, "half load: p99", "ms", halves, lambda s: s.latency_us(0.99) / 1e3, p99)
