#!/usr/bin/env python3
"""Push a text to a user from a program of your own.

    KEFU_SECRET=... python examples/push.py 42 "Your parcel has been sent"

``KEFU_REGISTER`` (127.0.0.1:1236) and ``KEFU_SERVICE`` (servicer) say where. In a program without
asyncio, such as a Django view, use ``SyncGatewayClient``: the same calls without ``await``.
"""

from __future__ import annotations

import asyncio
import os
import sys

from gateway_client import GatewayClient, GatewayError, GatewayTimeout


async def push(uid: str, text: str) -> int:
    """Send to every socket of a user. Returns how many there were."""
    async with GatewayClient(
        register=os.environ.get("KEFU_REGISTER", "127.0.0.1:1236"),
        secret=os.environ["KEFU_SECRET"],
        service=os.environ.get("KEFU_SERVICE", "servicer"),
    ) as gateway:
        try:
            return await gateway.send_to_uid(uid, {"type": "notice", "data": {"text": text}}) or 0
        except GatewayTimeout as error:
            print(f"no answer from {', '.join(error.missing)}", file=sys.stderr)
            return error.reached or 0


def main() -> int:
    """Command line: uid and text."""
    try:
        reached = asyncio.run(push(sys.argv[1], sys.argv[2]))
    except GatewayError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"reached {reached} sockets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
