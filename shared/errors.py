"""Every error that kefu raises on purpose.

::

    KefuError
    ├── SettingsError               a setting is wrong; the process exits with code 3
    ├── ServiceError                a service directory cannot be loaded
    ├── ProtocolError               a peer sent what the inner protocol does not allow
    └── GatewayError                a call of GatewayClient did not do what was asked
        ├── BadArgument             (ValueError) the caller's fault; nothing was sent
        ├── NoGateway               no gateway is listed, or the one a client id names is gone
        ├── RegisterUnreachable     (ConnectionError) no register answered
        ├── SecretRefused           the other side has another secret
        ├── VersionMismatch         the other side speaks another protocol version
        ├── CallFailed              the gateway executed the call and refused it
        └── PartialResult           some gateways answered and some did not
            ├── GatewayTimeout      (TimeoutError) not within the deadline
            └── LinkLost            (ConnectionError) the link broke before the answer came
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class KefuError(Exception):
    """Base of all errors of kefu."""


class SettingsError(KefuError):
    """A setting is missing, unknown or out of range.

    The message is one line that names the setting, the value and how to set it. The start scripts
    print it and exit with code 3, which a supervisor does not retry.
    """


class ServiceError(KefuError):
    """A service directory cannot be loaded.

    Args:
        service: name of the service (the directory's name).
        reason: what is wrong with it, as a sentence without a full stop.
    """

    def __init__(self, service: str, reason: str) -> None:
        super().__init__(f"service {service!r}: {reason}")
        self.service = service
        self.reason = reason


class ProtocolError(KefuError):
    """A peer sent something that the inner protocol does not allow."""


class GatewayError(KefuError):
    """Base of everything that a call of GatewayClient raises."""


class BadArgument(GatewayError, ValueError):
    """An argument is of the wrong type or empty where it must not be. Nothing was sent.

    Args:
        argument: name of the argument.
        reason: what is wrong with it.
    """

    def __init__(self, argument: str, reason: str) -> None:
        super().__init__(f"{argument}: {reason}")
        self.argument = argument
        self.reason = reason


class NoGateway(GatewayError):
    """No gateway is listed by any register, so that nobody can be reached."""


class RegisterUnreachable(GatewayError, ConnectionError):
    """None of the configured registers could be reached in time.

    Args:
        addresses: what was tried, ``host:port`` each.
        reason: the last error, in words.
    """

    def __init__(self, addresses: Sequence[str], reason: str) -> None:
        super().__init__(f"no register reachable at {', '.join(addresses)}: {reason}")
        self.addresses = list(addresses)
        self.reason = reason


class SecretRefused(GatewayError):
    """The register or gateway at ``address`` has another secret than we have."""

    def __init__(self, address: str) -> None:
        super().__init__(f"the secret does not match the one of {address}")
        self.address = address


class VersionMismatch(GatewayError):
    """The peer speaks a protocol version that we do not."""

    def __init__(self, address: str, ours: int, theirs: int) -> None:
        super().__init__(f"{address} speaks protocol version {theirs}, this program {ours}")
        self.address = address
        self.ours = ours
        self.theirs = theirs


class CallFailed(GatewayError):
    """The gateway refused to execute a call.

    Args:
        code: short machine-readable reason, one of ``protocol.CallError``.
        message: the same for people.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class PartialResult(GatewayError):
    """Some of the gateways concerned did not answer.

    Args:
        reached: the result put together from the gateways that answered, in the shape that the
            call returns; None where none answered.
        missing: addresses (``host:port``) of the gateways that did not.
    """

    what = "did not answer"

    def __init__(self, reached: Any, missing: Sequence[str]) -> None:
        super().__init__(f"{', '.join(missing)} {self.what}")
        self.reached = reached
        self.missing = list(missing)


class GatewayTimeout(PartialResult, TimeoutError):
    """At least one gateway did not answer before the deadline.

    Whether it executed the call is unknown; it will not execute it later.
    """

    what = "did not answer in time"


class LinkLost(PartialResult, ConnectionError):
    """The link to at least one gateway broke before its answer came.

    Whether it executed the call is unknown; it will not execute it later.
    """

    what = "was lost before it answered"
