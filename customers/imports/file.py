"""What the columns of a file of orders hold, as far as their names say so. No database here."""

import re
import unicodedata

from django.utils.translation import gettext as _

from core.lib.errors import Invalid

# What a file can hold -> how its header may be called, in lower case without blanks and punctuation.
HEADERS = {
    "order_no": (
        "orderno",
        "orderid",
        "ordernumber",
        "order",
        "invoice",
        "invoiceno",
        "订单号",
        "订单编号",
        "訂單號",
        "訂單編號",
    ),
    "customer": (
        "customer",
        "customerid",
        "customerno",
        "memberid",
        "userid",
        "客户编号",
        "客户号",
        "客戶編號",
        "会员号",
        "会员编号",
        "會員編號",
        "客户id",
        "买家id",
    ),
    "phone": ("phone", "mobile", "tel", "telephone", "手机", "手机号", "手机号码", "手機", "电话", "联系电话", "電話"),
    "email": ("email", "mail", "邮箱", "电子邮箱", "邮件", "電子郵件"),
    "name": ("name", "customername", "姓名", "客户姓名", "客户名称", "客戶名稱", "收货人", "收货人姓名", "会员姓名"),
    "region": ("region", "province", "state", "省", "省份", "地区", "地區"),
    "city": ("city", "城市", "市"),
    "date": (
        "date",
        "orderedat",
        "orderdate",
        "ordertime",
        "invoicedate",
        "日期",
        "下单时间",
        "订单日期",
        "订单时间",
        "下单日期",
        "訂單日期",
        "付款时间",
        "成交时间",
    ),
    "paid": (
        "paid",
        "amount",
        "revenue",
        "total",
        "sales",
        "实付",
        "实付金额",
        "實付金額",
        "金额",
        "金額",
        "订单金额",
        "支付金额",
    ),
    "line_paid": (
        "linepaid",
        "lineamount",
        "linetotal",
        "lineprice",
        "商品金额",
        "商品实付",
        "商品小计",
        "小计",
        "小計",
        "行金额",
    ),
    "cost": ("cost", "成本", "成本价", "成本金额"),
    "units": ("units", "quantity", "qty", "数量", "數量", "件数"),
    "status": ("status", "orderstatus", "状态", "订单状态", "狀態"),
    "refunded": ("refunded", "refund", "refundedamount", "refundamount", "退款金额", "已退款金额", "退款"),
    "refunded_at": ("refundedat", "refunddate", "退款时间", "退款日期"),
    "version": ("version", "版本", "版本号"),
    "category": ("category", "类目", "分类", "品类", "類別"),
    "product": ("product", "sku", "productid", "item", "商品", "商品编号", "商品编码", "商品名称", "產品"),
}
NEEDED = ("date",)
_FIELD_OF = {alias: field for field, aliases in HEADERS.items() for alias in aliases}


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).lower())


def field_of(name: str) -> str:
    """What a column of this name holds, "" if nobody knows."""
    return _FIELD_OF.get(_key(name), "")


def guess(names: list[str]) -> dict[str, str]:
    """Field -> column name, as far as the headers say so."""
    keys = {_key(name): name for name in reversed(names)}
    return {field: keys[a] for field, aliases in HEADERS.items() if (a := next((a for a in aliases if a in keys), ""))}


def check_mapping(mapping: dict[str, str], names: list[str]) -> None:
    for field, column in mapping.items():
        if field not in HEADERS:
            raise Invalid(_("“%(field)s” is not a field that can be imported.") % {"field": field}, code="bad_mapping")
        if column not in names:
            raise Invalid(_("The file has no column “%(column)s”.") % {"column": column}, code="bad_mapping")
    missing = [field for field in NEEDED if field not in mapping]
    if not mapping.keys() & {"paid", "line_paid"}:
        missing.append("paid")
    if "line_paid" in mapping and "order_no" not in mapping:
        missing.append("order_no")
    if not mapping.keys() & {"customer", "phone", "email"}:
        missing.append("customer")
    if missing:
        raise Invalid(
            _("Say which column holds: %(fields)s.") % {"fields": ", ".join(missing)}, code="mapping_incomplete"
        )
