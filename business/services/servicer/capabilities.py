"""What newer clients understand beyond the contract's types of frames, and say so at ``bind``.

Older clients show a blank bubble for a type that they do not know, or mark messages as read, so
they must never get one (CONTRACT 2.3). A socket that was bound with a capability is in a group of
its uid for it, and frames of that type go to groups only: the gateways, which have an index of
groups, pick the sockets. So a frame is one command per gateway, as any other push is, nobody asks
what the sockets of a uid can do, and messages, which everybody gets, go by uid as ever and cost
nothing more. A group leaves the index with its last socket.
"""

from __future__ import annotations

import enum


class Capability(enum.StrEnum):
    """A type of frame beyond those of the contract; also the ``type`` of the frame."""

    READ = "read"
    """How far the other side has read."""
    TYPING = "typing"
    """Somebody types, or has stopped to."""
    RECALL = "recall"
    """A message was taken back."""
    ACCEPTING = "accepting"
    """The agent takes new customers, or no longer."""


def parse(text: str) -> frozenset[Capability]:
    """The known capabilities of a comma-separated list; others are of clients newer than this."""
    words = {word.strip() for word in text.split(",")}
    return frozenset(capability for capability in Capability if capability in words)


def group_of(capability: str, uid: str) -> str:
    """The group of the sockets of a uid that have a capability."""
    return f"caps:{capability}:{uid}"
