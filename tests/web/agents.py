"""Agents who speak by HTTP and listen on a socket, for tests that watch one page alone."""

from __future__ import annotations

from tests.business.services.servicer.support import Agent, Desk, members, sign

CAPS = "read,typing,recall"
"""What the pages' own agents hear of."""


async def answer(agent: Agent, member_id: int, text: str = "", **params: object) -> None:
    """The agent says something."""
    if text:
        params |= {"servicer_say": text, "format": "text"}
    said = await agent.call("chat/answer", member_id=member_id, **params)
    assert said["code"] == 0, said


async def frame(agent: Agent, kind: str, **fields: object) -> dict[str, object]:
    """The data of the agent's next frame of that type with these values; others are passed over."""
    while True:
        received = await agent.socket.recv_json()
        data = received["data"]
        assert isinstance(data, dict)
        if received["type"] == kind and fields.items() <= data.items():
            return data


async def greet(desk: Desk) -> int:
    """A member has said something to the shop, and may be answered from then on. Returns who."""
    member_id = next(members)
    values = {"token": sign(member_id), "site_id": 1, "message": "hello", "format": "text"}
    assert (await desk.customer_call("say", values))["code"] == 0
    return member_id
