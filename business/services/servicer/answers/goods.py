"""Goods and orders (CONTRACT 3.4, 3.15, 4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from .base import Count, Data, Id, Image, Money, Time


class Sku(Data):
    """What is sold: one variant of some goods."""

    sku_id: Id
    goods_id: Id
    site_id: Id
    goods_name: str
    sku_name: Annotated[str, Field(description="Begins with goods_name.")]
    sku_image: Image
    price: Money
    stock: int
    sale_num: int
    goods_state: Annotated[int, Field(description="1: on sale.")]
    introduction: str
    goods_content: str


class SkuDetail(Data):
    """A sku, as the shop's own pages read it."""

    goods_sku_detail: Sku


class PromotedSku(Sku):
    """A sku with its promotions."""

    goods_promotion: Sequence[Any]
    curr_promotion: None
    relate_promotion: Annotated[
        Any, Field(description="What the customer's page sent with the message as relate_data.")
    ]


class BrowsedSku(Sku):
    """A sku that a customer has looked at."""

    browse_time: Time


class BoughtSku(Sku):
    """A sku that a customer has bought."""

    num: Count


class Goods(Data):
    """Goods with all their skus."""

    goods_id: Id
    site_id: Id
    goods_name: str
    goods_image: Image
    goods_stock: int
    sale_num: int
    price: Annotated[str, Field(description="Of the first sku.")]
    goods_state: Annotated[int, Field(description="1: on sale.")]
    goods_class: Annotated[int, Field(description="1: to be sent, 2: virtual.")]
    sku_id: Annotated[int, Field(description="The first sku.")]


class OrderGoods(Data):
    """A line of an order."""

    order_goods_id: Id
    order_no: str
    sku_id: Id
    goods_id: Id
    goods_name: str
    sku_name: str
    sku_image: Image
    price: Money
    num: Count
    goods_money: Money
    is_present: int
    refund_status_name: str


class Order(Data):
    """An order, with the first of its goods beside its own fields."""

    order_id: Id
    order_no: str
    out_trade_no: str
    site_id: Id
    member_id: Id
    order_name: str
    order_type: Annotated[int, Field(description="4: virtual.")]
    order_status: Annotated[int, Field(description="0: unpaid, 1: paid and not sent.")]
    order_status_name: str
    delivery_type_name: str
    goods_money: Money
    delivery_money: Money
    order_money: Money
    create_time: Time
    pay_time: Time
    pay_type_name: str
    remark: str
    nickname: str
    mobile: str
    full_address: str
    address: str
    order_goods: Annotated[Sequence[OrderGoods], Field(min_length=1)]
    sku_image: Image
    sku_name: str
    price: Money
    num: Count
