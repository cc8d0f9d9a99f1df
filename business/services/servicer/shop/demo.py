"""The embedded demo shop: two sites, three members, some goods, orders of members 1 and 2."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from .interface import Member, Order, OrderGoods, Site, Sku

_SITES = {
    1: Site(1, "Demo Store", ""),
    2: Site(2, "Demo Books", ""),
}

_MEMBERS = {
    1: Member(1, "zhangsan", "张三", mobile="13800000001"),
    2: Member(2, "lisi", "李四", mobile="13800000002"),
    3: Member(3, "wangwu", "王五", mobile="13800000003"),
}


class DemoAgent(NamedTuple):
    """An account that exists in demo mode."""

    username: str
    nickname: str
    site_id: int


AGENTS = (
    DemoAgent("alice", "Alice", 1),
    DemoAgent("bob", "Bob", 1),
    DemoAgent("carol", "Carol", 2),
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
        sku_image=f"upload/demo/goods_{goods_id}.png",
        price=price,
        stock=stock,
        sale_num=sold,
        introduction=f"{name}，演示商品",
        goods_content=f"<p>{name}，演示商品。</p>",
    )
    for goods_id, site_id, name, variants in _GOODS
    for sku_id, variant, price, stock, sold in variants
}

_STATUS = {0: "待支付", 1: "待发货", 3: "已发货", 10: "已完成"}


def _order(
    order_id: int, site_id: int, member_id: int, status: int, lines: tuple[tuple[int, int], ...]
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
    )


_ORDERS = {
    order.order_id: order
    for order in (
        _order(101, 1, 1, 1, ((11, 2), (21, 1))),
        _order(102, 1, 1, 10, ((31, 1),)),
        _order(103, 2, 1, 0, ((42, 1),)),
        _order(201, 1, 2, 3, ((13, 1),)),
        _order(202, 2, 2, 10, ((41, 3),)),
    )
}


class DemoShop:
    """See ``interface.Shop``. The same in every process, and nothing changes it."""

    async def site(self, site_id: int) -> Site | None:
        """See ``Shop``."""
        return _SITES.get(site_id)

    async def member(self, member_id: int) -> Member | None:
        """See ``Shop``."""
        return _MEMBERS.get(member_id)

    async def skus(self, sku_ids: Collection[int]) -> Mapping[int, Sku]:
        """See ``Shop``."""
        return {sku_id: _SKUS[sku_id] for sku_id in sku_ids if sku_id in _SKUS}

    async def orders(self, order_ids: Collection[int]) -> Mapping[int, Order]:
        """See ``Shop``."""
        return {order_id: _ORDERS[order_id] for order_id in order_ids if order_id in _ORDERS}

    async def close(self) -> None:
        """See ``Shop``."""
