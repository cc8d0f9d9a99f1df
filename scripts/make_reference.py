"""Writes docs/protocol.md, close-codes.md and gateway-client.md from what the code says.

``python scripts/make_reference.py`` writes them; ``tests/test_reference.py`` keeps them in step.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from gateway_client import GatewayClient
from shared import close_codes, protocol

DOCS = Path(__file__).resolve().parent.parent / "docs"


def protocol_page() -> str:
    """The inner protocol, one row per message."""
    doc = (protocol.__doc__ or "").strip()
    lines = ["# Inner protocol", "", f"Version {protocol.VERSION}. " + doc, ""]
    lines += ["| code | message | direction | fields | meaning |", "|---|---|---|---|---|"]
    for row in protocol.TABLE.values():
        fields = f"`{row.fields}`" if row.fields else ""
        lines.append(
            f"| {row.code} | {row.name} | {row.direction.value} | {fields} | {row.meaning} |"
        )
    return "\n".join(lines) + "\n"


def close_codes_page() -> str:
    """The close codes, one row each."""
    doc = (close_codes.__doc__ or "").strip()
    lines = ["# Close codes", "", doc, "", "| code | when | the client should |", "|---|---|---|"]
    for row in close_codes.TABLE:
        lines.append(f"| {row.code} | {row.when} | {row.then.value} |")
    return "\n".join(lines) + "\n"


PHP_NAMES = {
    "send_to_all": "sendToAll",
    "send_to_client": "sendToClient",
    "send_to_uid": "sendToUid",
    "send_to_group": "sendToGroup",
    "close_client": "closeClient",
    "destroy_client": "destoryClient",
    "bind_uid": "bindUid",
    "unbind_uid": "unbindUid",
    "join_group": "joinGroup",
    "leave_group": "leaveGroup",
    "ungroup": "ungroup",
    "set_session": "setSession",
    "update_session": "updateSession",
    "get_session": "getSession",
    "is_online": "isOnline",
    "is_uid_online": "isUidOnline",
    "are_uids_online": "isUidsOnline",
    "get_client_ids_by_uid": "getClientIdByUid",
    "get_client_ids_by_uids": "batchGetClientIdByUid",
    "get_uid_by_client_id": "getUidByClientId",
    "get_all_client_sessions": "getAllClientSessions",
    "get_client_sessions_by_group": "getClientSessionsByGroup",
    "iter_client_sessions": "",
    "get_all_client_ids": "getAllClientIdList",
    "get_client_ids_by_group": "getClientIdListByGroup",
    "get_all_uids": "getAllUidList",
    "get_uids_by_group": "getUidListByGroup",
    "get_all_group_ids": "getAllGroupIdList",
    "get_all_client_count": "getAllClientIdCount",
    "get_client_count_by_group": "getClientIdCountByGroup",
    "get_client_counts_by_groups": "batchGetClientIdCountByGroup",
    "get_all_uid_count": "getAllUidCount",
    "get_uid_count_by_group": "getUidCountByGroup",
    "get_group_uid_counts": "getAllGroupUidCount",
    "get_group_uids": "getAllGroupUidList",
    "get_group_client_counts": "getAllGroupClientIdCount",
    "get_group_client_ids": "getAllGroupClientIdList",
    "get_gateway_status": "",
    "get_connections": "",
    "batch": "",
}
"""Calls of GatewayClient and what PHP GatewayWorker calls them (with its spelling)."""


def gateway_client_page() -> str:
    """Every call of GatewayClient: signature, PHP name, first sentence."""
    lines = [
        "# GatewayClient",
        "",
        "`SyncGatewayClient` has the same calls without `await`; over HTTP each is",
        "`POST /gateway/NAME` with the argument names as JSON (not `iter_client_sessions`,",
        "`get_gateway_status` and `get_connections`). `sendToCurrentClient`,",
        "`closeCurrentClient` and `destoryCurrentClient` are `client.send`, `client.close` and",
        "`client.destroy` of the client that a hook is given. Errors: see `shared/errors.py`.",
        "",
        "| call | PHP GatewayWorker | what it does |",
        "|---|---|---|",
    ]
    for name, php in PHP_NAMES.items():
        call = getattr(GatewayClient, name)
        arguments = [
            parameter.name
            + ("" if parameter.default is parameter.empty else "=" + repr(parameter.default))
            for parameter in inspect.signature(call).parameters.values()
            if parameter.name != "self"
        ]
        summary = re.split(r"(?<=\.)\s", inspect.getdoc(call) or "", maxsplit=1)[0]
        summary = " ".join(summary.split()).replace("|", "\\|")
        lines.append(f"| `{name}({', '.join(arguments)})` | {php} | {summary} |")
    return "\n".join(lines) + "\n"


PAGES = {
    "protocol.md": protocol_page,
    "close-codes.md": close_codes_page,
    "gateway-client.md": gateway_client_page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
