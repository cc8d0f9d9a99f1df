"""The library with which any program speaks to the clients that are connected to kefu's gateways.

``GatewayClient`` is for asyncio, ``SyncGatewayClient`` has the same calls for everything else. This
package needs ``shared`` and, of other people's, only pyzmq and msgpack; it never imports
``gateway`` or ``business``.
"""

from __future__ import annotations

from ._shared import errors as _errors
from .arguments import Key, Message
from .client import GatewayClient
from .sync import SyncGatewayClient

__all__ = [
    "BadArgument",
    "CallFailed",
    "GatewayClient",
    "GatewayError",
    "GatewayTimeout",
    "Key",
    "LinkLost",
    "Message",
    "NoGateway",
    "PartialResult",
    "RegisterUnreachable",
    "SecretRefused",
    "SyncGatewayClient",
    "VersionMismatch",
]

BadArgument = _errors.BadArgument
CallFailed = _errors.CallFailed
GatewayError = _errors.GatewayError
GatewayTimeout = _errors.GatewayTimeout
LinkLost = _errors.LinkLost
NoGateway = _errors.NoGateway
PartialResult = _errors.PartialResult
RegisterUnreachable = _errors.RegisterUnreachable
SecretRefused = _errors.SecretRefused
VersionMismatch = _errors.VersionMismatch
