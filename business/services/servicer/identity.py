"""Who this service is: everything that must differ between copies of this directory."""

from __future__ import annotations

ORIGINAL = "servicer"

NAME = (__package__ or ORIGINAL).rpartition(".")[2]
"""Name of the service: of the directory, of its WebSocket path, HTTP prefix and token audience."""

TABLE_PREFIX = "" if NAME == ORIGINAL else f"{NAME}_"
"""What the names of its tables begin with. The original's are those of the contract."""

COOKIE = f"kefu_{NAME}"
"""Name of the agents' session cookie."""

LOGIN_PATH = f"/{NAME}/servicer/login/login"
"""Where agents who are not logged in are sent to."""
