"""A NiuShop's tables in a MariaDB, as far as the import reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

_COMMON = {
    "user": "uid int PRIMARY KEY AUTO_INCREMENT, app_module varchar(255), site_id int DEFAULT 0,"
    " group_id int DEFAULT 0, username varchar(255), password varchar(255),"
    " status int DEFAULT 1, create_time int DEFAULT 0",
    "group": "group_id int PRIMARY KEY AUTO_INCREMENT, site_id int, app_module varchar(255),"
    " group_name varchar(50), `desc` varchar(255), create_time int DEFAULT 0",
}
_SERVICER = (
    "id int PRIMARY KEY AUTO_INCREMENT, is_platform tinyint(2) DEFAULT 0, shop_id int DEFAULT 0,"
    " user_id int DEFAULT 0, create_time int DEFAULT 0, last_online_time int DEFAULT 0,"
    " delete_time int DEFAULT 0, client_id varchar(64) DEFAULT '', online tinyint(2) DEFAULT 0"
)
_MEMBER = (
    "id int PRIMARY KEY AUTO_INCREMENT, member_id int, servicer_id int, member_name varchar(64),"
    " online tinyint(2) DEFAULT 0, create_time int DEFAULT 0, last_online_time int DEFAULT 0,"
    " delete_time int DEFAULT 0, headimg varchar(255) DEFAULT '', client_id varchar(64) DEFAULT ''"
)
_DIALOGUE = (
    "id int PRIMARY KEY AUTO_INCREMENT, member_id int DEFAULT 0, servicer_id int DEFAULT 0,"
    " create_day date, create_time time, content_type tinyint DEFAULT 0, `read` tinyint(2)"
    " DEFAULT 0, shop_id int DEFAULT 0, goods_sku_id int DEFAULT 0, order_id int DEFAULT 0,"
    " consumer_say text, servicer_say text, type tinyint DEFAULT 0, KEY (create_day)"
)
A = _COMMON | {
    "servicer": _SERVICER,
    "servicer_member": _MEMBER,
    "servicer_dialogue": _DIALOGUE,
}
"""Tables of lineage A."""

B = _COMMON | {
    "servicer": f"{_SERVICER}, nickname varchar(50) DEFAULT '', avatar varchar(500) DEFAULT ''",
    "servicer_member": f"{_MEMBER}, shop_id int DEFAULT 0",
    "servicer_dialogue": f"{_DIALOGUE}, add_time int DEFAULT 0, relate_data varchar(3000) DEFAULT"
    " '', content text, message text",
    "servicer_keyword_reply": "id int PRIMARY KEY AUTO_INCREMENT, site_id int, keyword"
    " varchar(50), content_type tinyint DEFAULT 0, content text, is_use tinyint DEFAULT 1,"
    " create_time int DEFAULT 0",
    "servicer_fast_reply": "id int PRIMARY KEY AUTO_INCREMENT, site_id int, content varchar(255),"
    " create_time int DEFAULT 0",
}
"""Tables of lineage B."""


def old_hash(password: str) -> str:
    """How a NiuShop stores a password."""
    inner = hashlib.md5(password.encode()).hexdigest()
    return hashlib.md5(f"{inner}NiuCloud".encode()).hexdigest()


class OldShop:
    """A NiuShop's database.

    Args:
        url: of an empty database on MariaDB.
        prefix: of its tables.
    """

    def __init__(self, url: str, prefix: str = "ns_") -> None:
        self.url = url
        self._prefix = prefix
        # As lax as the servers of the time: dates may be none.
        arguments = {"init_command": "SET SESSION sql_mode = ''"}
        self._engine = create_async_engine(
            make_url(url).update_query_dict({"charset": "utf8mb4"}),
            isolation_level="AUTOCOMMIT",
            connect_args=arguments,
        )

    async def make(self, lineage: Mapping[str, str]) -> None:
        """Make the tables."""
        await self.run(
            *(
                f"CREATE TABLE `{self._prefix}{name}` ({columns}) CHARACTER SET utf8mb4"
                for name, columns in lineage.items()
            )
        )

    async def add(self, name: str, *rows: Mapping[str, Any]) -> None:
        """Insert rows."""
        async with self._engine.connect() as connection:
            for row in rows:
                columns = ", ".join(f"`{column}`" for column in row)
                values = ", ".join(f":{column}" for column in row)
                query = f"INSERT INTO `{self._prefix}{name}` ({columns}) VALUES ({values})"
                await connection.execute(text(query), dict(row))

    async def run(self, *statements: str) -> None:
        """Run statements."""
        async with self._engine.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))

    async def checksums(self) -> list[Any]:
        """What all tables hold, in numbers."""
        async with self._engine.connect() as connection:
            tables = list((await connection.execute(text("SHOW TABLES"))).scalars())
            names = ", ".join(f"`{name}`" for name in tables)
            return [tuple(row) for row in await connection.execute(text(f"CHECKSUM TABLE {names}"))]

    async def close(self) -> None:
        """Let the connections go."""
        await self._engine.dispose()
