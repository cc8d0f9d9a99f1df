"""The indexes: who is connected, bound and grouped."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from gateway.hub import Hub, Member, Service, groups_of


def add(hub: Hub[Member], service: Service[Member]) -> Member:
    """A new client of a service."""
    member = Member()
    member.number = hub.new_number()
    hub.add(member, service)
    return member


def test_numbers_are_random_and_unused() -> None:
    """32 bit, never 0, no two alike, and not counted up."""
    hub: Hub[Member] = Hub()
    service = hub.service("talk")
    numbers = [add(hub, service).number for _ in range(500)]
    assert len(set(numbers)) == 500
    assert all(0 < number < 2**32 for number in numbers)
    assert max(numbers) > 2**31 / 2
    assert numbers != sorted(numbers)


def test_services_are_separate() -> None:
    """The same uid and group in two services are two uids and groups."""
    hub: Hub[Member] = Hub()
    one, two = hub.service("one"), hub.service("two")
    a, b = add(hub, one), add(hub, two)
    for member in (a, b):
        hub.bind(member, "7")
        hub.join(member, "red")
    assert list(one.uids.of("7")) == [a]
    assert list(two.groups.of("red")) == [b]
    assert hub.service("one") is one


def test_a_lone_uid_costs_no_set() -> None:
    """One client of a uid is held as itself; two as a set; one again as itself."""
    hub: Hub[Member] = Hub()
    service = hub.service("talk")
    a, b = add(hub, service), add(hub, service)
    held: Any = service.uids._members
    hub.bind(a, "7")
    alone = held["7"]
    hub.bind(b, "7")
    together = set(held["7"])
    hub.unbind(b, "7")
    assert (alone, together, held["7"]) == (a, {a, b}, a)


def test_remove_takes_out_of_everything_and_keeps_the_fields() -> None:
    """The client is in no index any more; its CLOSE can still say what it was."""
    hub: Hub[Member] = Hub()
    service = hub.service("talk")
    member = add(hub, service)
    hub.bind(member, "7")
    hub.join(member, "red")
    hub.join(member, "blue")
    hub.remove(member)
    hub.remove(member)
    assert (len(hub.clients), len(service.clients)) == (0, 0)
    assert (len(service.uids), len(service.groups)) == (0, 0)
    assert member.uid == "7"
    assert sorted(groups_of(member)) == ["blue", "red"]


def test_it_agrees_with_a_simple_model() -> None:
    """Thousands of random changes leave the same state as plain sets would."""
    hub: Hub[Member] = Hub()
    service = hub.service("talk")
    chance = random.Random(7)
    members: list[Member] = []
    uids: dict[Member, str | None] = {}
    groups: dict[Member, set[str]] = defaultdict(set)
    for _ in range(5000):
        what = chance.randrange(7)
        if what == 0 or not members:
            members.append(add(hub, service))
            uids[members[-1]] = None
            continue
        member = chance.choice(members)
        key = chance.choice("abcd")
        if what == 1:
            assert hub.bind(member, key) == (uids[member] != key)
            uids[member] = key
        elif what == 2:
            assert hub.unbind(member, key) == (uids[member] == key)
            uids[member] = None if uids[member] == key else uids[member]
        elif what in (3, 4):
            assert hub.join(member, key) == (key not in groups[member])
            groups[member].add(key)
        elif what == 5:
            assert hub.leave(member, key) == (key in groups[member])
            groups[member].discard(key)
        elif chance.random() < 0.3:
            hub.remove(member)
            members.remove(member)
    for key in "abcd":
        assert set(service.uids.of(key)) == {m for m in members if uids[m] == key}
        assert set(service.groups.of(key)) == {m for m in members if key in groups[m]}
        assert service.groups.count(key) == sum(key in groups[m] for m in members)
        assert (key in service.uids) == any(uids[m] == key for m in members)
    assert all(set(groups_of(m)) == groups[m] for m in members)
