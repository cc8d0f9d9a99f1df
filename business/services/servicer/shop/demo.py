"""The embedded demo shop: two sites, three members, some goods, orders of members 1 and 2."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from ..store.agents import Role
from .interface import (
    Bought,
    Browsed,
    Found,
    Goods,
    GoodsFilter,
    Member,
    Order,
    OrderFilter,
    OrderGoods,
    Site,
    Sku,
    Slice,
)

T = TypeVar("T")

PICTURES = Path(__file__).parent / "pictures"
"""Of goods, members, agents and sites, which name them as ``upload/demo/...``."""

_SITES = {
    1: Site(1, "Demo Store", "upload/demo/shop_1.svg"),
    2: Site(2, "Demo Books", "upload/demo/shop_2.svg"),
}

_MEMBERS = {
    number: Member(
        number,
        username,
        nickname,
        headimg=f"upload/demo/member_{number}.svg",
        mobile=f"1380000000{number}",
        member_level_name=level,
        balance=balance,
        balance_money=money,
        login_type=login_type,
        login_type_name=login_type_name,
    )
    for number, username, nickname, level, balance, money, login_type, login_type_name in (
        (1, "zhangsan", "张三", "金卡会员", "20.00", "135.50", "h5", "H5"),
        (2, "lisi", "李四", "普通会员", "0.00", "8.80", "weapp", "微信小程序"),
        (3, "wangwu", "王五", "普通会员", "0.00", "0.00", "pc", "PC"),
    )
}


class DemoAgent(NamedTuple):
    """An account that exists in demo mode."""

    username: str
    nickname: str
    site_id: int
    role: Role = Role.AGENT

    @property
    def avatar(self) -> str:
        """Path of the picture; "" of those whom no customer sees."""
        return f"upload/demo/agent_{self.username}.svg" if self.role is Role.AGENT else ""


AGENTS = (
    DemoAgent("alice", "Alice", 1),
    DemoAgent("bob", "Bob", 1),
    DemoAgent("carol", "Carol", 2),
    DemoAgent("admin", "admin", 1, Role.SHOP),
    DemoAgent("root", "root", 0, Role.PLATFORM),
)

AGENT_PASSWORD = "demo"  # noqa: S105 - shown in the README; loopback only

_GOODS: tuple[tuple[int, int, str, tuple[tuple[int, str, str, int, int], ...]], ...] = (
    (
        1,
        1,
        "棉质T恤",
        (
            (11, "白色 M", "59.00", 120, 36),
            (12, "白色 L", "59.00", 80, 21),
            (13, "黑色 L", "65.00", 42, 17),
        ),
    ),
    (2, 1, "保温杯", ((21, "350ml", "89.00", 65, 12), (22, "500ml", "99.00", 30, 45))),
    (3, 1, "蓝牙耳机", ((31, "白色", "199.00", 18, 64), (32, "黑色", "199.00", 0, 80))),
    (4, 2, "城市地图集", ((41, "平装", "45.00", 200, 9), (42, "精装", "78.00", 50, 4))),
)
"""goods_id, site_id, name, and of each sku: sku_id, variant, price, stock, sold."""

_SKUS = {
    sku_id: Sku(
        sku_id=sku_id,
        goods_id=goods_id,
        site_id=site_id,
        goods_name=name,
        sku_name=f"{name} {variant}",
        sku_image=f"upload/demo/goods_{goods_id}.svg",
        price=price,
        stock=stock,
        sale_num=sold,
        introduction=f"{name}，演示商品",
        goods_content=f"<p>{name}，演示商品。</p>",
    )
    for goods_id, site_id, name, variants in _GOODS
    for sku_id, variant, price, stock, sold in variants
}

SKUS = tuple(_SKUS.values())
"""Everything that is sold, of all sites."""

_BROWSED = {
    1: ((11, 1793600000), (32, 1793590000), (21, 1793580000), (41, 1793570000)),
    2: ((13, 1793600500), (22, 1793400000)),
    3: ((31, 1793300000),),
}
"""Of each member: sku_id and time, the latest first."""

_STATUS = {0: "待支付", 1: "待发货", 3: "已发货", 10: "已完成"}
_REFUNDING = "退款中"


def _order(
    order_id: int,
    site_id: int,
    member_id: int,
    status: int,
    lines: tuple[tuple[int, int], ...],
    refund: str = "",
) -> Order:
    goods = tuple(
        OrderGoods(
            order_goods_id=order_id * 10 + index,
            sku_id=sku_id,
            goods_id=_SKUS[sku_id].goods_id,
            goods_name=_SKUS[sku_id].goods_name,
            sku_name=_SKUS[sku_id].sku_name,
            sku_image=_SKUS[sku_id].sku_image,
            price=_SKUS[sku_id].price,
            num=num,
            goods_money=f"{float(_SKUS[sku_id].price) * num:.2f}",
            refund_status_name=refund,
        )
        for index, (sku_id, num) in enumerate(lines, 1)
    )
    money = sum(float(line.goods_money) for line in goods)
    member = _MEMBERS[member_id]
    return Order(
        order_id=order_id,
        order_no=f"2026110100{order_id:06d}",
        out_trade_no=f"T2026110100{order_id:06d}",
        site_id=site_id,
        member_id=member_id,
        order_name=goods[0].sku_name,
        order_type=1,
        order_status=status,
        order_status_name=_STATUS[status],
        delivery_type_name="快递配送",
        goods_money=f"{money:.2f}",
        delivery_money="8.00",
        order_money=f"{money + 8:.2f}",
        create_time=1793500000 + order_id * 3600,
        nickname=member.nickname,
        mobile=member.mobile,
        full_address="浙江省-杭州市-西湖区",
        address=f"演示路{member_id}号",
        order_goods=goods,
        pay_type_name="余额支付" if status else "",
        pay_time=1793500600 + order_id * 3600 if status else 0,
    )


_ORDERS = {
    order.order_id: order
    for order in (
        _order(101, 1, 1, 1, ((11, 2), (21, 1))),
        _order(102, 1, 1, 10, ((31, 1),)),
        _order(103, 2, 1, 0, ((42, 1),)),
        _order(201, 1, 2, 3, ((13, 1),), refund=_REFUNDING),
        _order(202, 2, 2, 10, ((41, 3),)),
    )
}


def _goods(goods_id: int, site_id: int, name: str) -> Goods:
    skus = [sku for sku in _SKUS.values() if sku.goods_id == goods_id]
    return Goods(
        goods_id=goods_id,
        site_id=site_id,
        goods_name=name,
        goods_image=skus[0].sku_image,
        goods_stock=sum(sku.stock for sku in skus),
        sale_num=sum(sku.sale_num for sku in skus),
        price=skus[0].price,
        goods_state=skus[0].goods_state,
        goods_class=1,
        sku_id=skus[0].sku_id,
    )


_ALL_GOODS = [_goods(*row[:3]) for row in reversed(_GOODS)]


class DemoShop:
    """See ``interface.Shop``. The same in every process, and nothing changes it."""

    async def open(self) -> None:
        """See ``Shop``."""

    async def site(self, site_id: int) -> Site | None:
        """See ``Shop``."""
        return _SITES.get(site_id)

    async def member(self, member_id: int) -> Member | None:
        """See ``Shop``."""
        return _MEMBERS.get(member_id)

    async def members(self, member_ids: Collection[int]) -> Mapping[int, Member]:
        """See ``Shop``."""
        return {number: _MEMBERS[number] for number in member_ids if number in _MEMBERS}

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """See ``Shop``."""
        return {sku_id: _SKUS[sku_id] for sku_id in sku_ids if sku_id in _SKUS}

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """See ``Shop``."""
        return {order_id: _ORDERS[order_id] for order_id in order_ids if order_id in _ORDERS}

    async def goods(self, site_id: int, wanted: GoodsFilter, part: Slice) -> Found[Goods]:
        """See ``Shop``."""
        found = [
            goods
            for goods in _ALL_GOODS
            if goods.site_id == site_id
            and _holds(goods.goods_name, wanted.text)
            and wanted.state in (None, goods.goods_state)
            and wanted.kind in (None, goods.goods_class)
        ]
        return _part(found, part)

    async def browsed(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Browsed]:
        """See ``Shop``."""
        rows = [Browsed(time, _SKUS[sku_id]) for sku_id, time in _BROWSED.get(member_id, ())]
        return _part([row for row in rows if _is_of(row.sku, site_id, text)], part)

    async def bought(self, site_id: int, member_id: int, text: str, part: Slice) -> Found[Bought]:
        """See ``Shop``."""
        counts: dict[int, int] = {}
        for order in self._orders(site_id, member_id):
            for line in order.order_goods if order.order_status > 0 else ():
                counts[line.sku_id] = counts.get(line.sku_id, 0) + line.num
        rows = [Bought(num, _SKUS[sku_id]) for sku_id, num in counts.items()]
        return _part([row for row in rows if _is_of(row.sku, site_id, text)], part)

    async def orders_of(
        self, site_id: int, member_id: int, wanted: OrderFilter, part: Slice
    ) -> Found[Order]:
        """See ``Shop``."""
        found = [
            order
            for order in self._orders(site_id, member_id)
            if wanted.status in (None, order.order_status)
            and _holds(order.order_no, wanted.order_no)
            and (not wanted.refunding or any(g.refund_status_name for g in order.order_goods))
            and any(_holds(goods.sku_name, wanted.order_name) for goods in order.order_goods)
        ]
        return _part(found, part)

    def _orders(self, site_id: int, member_id: int) -> list[Order]:
        mine = [o for o in _ORDERS.values() if (o.site_id, o.member_id) == (site_id, member_id)]
        return sorted(mine, key=lambda order: -order.create_time)

    async def close(self) -> None:
        """See ``Shop``."""


def _holds(name: str, text: str) -> bool:
    return text.lower() in name.lower()


def _is_of(sku: Sku, site_id: int, text: str) -> bool:
    return sku.site_id == site_id and _holds(sku.sku_name, text)


def _part(rows: Sequence[T], part: Slice) -> Found[T]:
    return list(rows[part.offset : part.offset + part.limit]), len(rows)
