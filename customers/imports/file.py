"""Bytes to rows: encoding, separator, headers, lines. No database here."""

import codecs
import csv
import io
import itertools
import re
import unicodedata
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import python_calamine
from django.utils.translation import gettext as _

from core.lib.errors import Invalid

LARGEST = 400 * 1024 * 1024
LARGEST_WORKBOOK = 50 * 1024 * 1024
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # xlsx and ods, xls
MOST_COLUMNS = 200
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


class Row(NamedTuple):
    line_number: int
    line: str
    cells: list[str]


class Broken(NamedTuple):
    """A line that is no row of this file."""

    line_number: int
    line: str
    reason: str


def decode(content: bytes) -> tuple[str, str]:
    """(text, encoding): UTF-16 when it says so, UTF-8 strictly, else GB18030. What is no text table is refused."""
    if len(content) > LARGEST:
        raise Invalid(_("The file is larger than 400 MB. Split it."), code="file_too_large")
    if not content.strip():
        raise Invalid(_("The file is empty."), code="file_empty")
    head = content[:512].lstrip().lower()
    if head.startswith((b"mz", b"%pdf", b"<!doctype", b"<html", b"<?xml")):
        raise _no_table()
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if utf_16 else ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text, encoding
    raise Invalid(
        _("The encoding of the file is neither UTF-8 nor GB18030. Save it as “CSV UTF-8”."), code="bad_encoding"
    )


def as_csv(content: bytes) -> bytes:
    """The first sheet with anything on it of an Excel or ODS workbook, as CSV in UTF-8; any other file as it is."""
    if not content.startswith(WORKBOOKS):
        return content
    if len(content) > LARGEST_WORKBOOK:
        raise Invalid(_("The workbook is larger than 50 MB. Save the table as “CSV UTF-8”."), code="file_too_large")
    out = io.StringIO()
    try:
        with python_calamine.load_workbook(io.BytesIO(content)) as book:
            sheets = (book.get_sheet_by_index(number) for number in range(len(book.sheet_names)))
            sheet = next((sheet for sheet in sheets if sheet.height), None)
            csv.writer(out).writerows(map(_as_text, cells) for cells in (sheet.iter_rows() if sheet else ()))
    except python_calamine.PasswordError:
        raise Invalid(_("The workbook asks for a password. Save it without one."), code="not_csv") from None
    except python_calamine.CalamineError:
        raise _no_table() from None
    return out.getvalue().encode()


def _as_text(cell: Any) -> str:
    if isinstance(cell, float):
        return format(cell, ".15g")  # as many digits as Excel has
    if isinstance(cell, datetime):
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")  # Excel keeps parts of a day
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _no_table() -> Invalid:
    return Invalid(
        _("This is neither a CSV file nor an Excel workbook. Save the table as “CSV UTF-8” and send that."),
        code="not_csv",
    )


def header(text: str) -> tuple[list[str], str]:
    """(column names, separator) of the first line."""
    first = io.StringIO(text, newline="").readline().rstrip("\r\n")
    separator = max(",\t;", key=first.count)
    names = [name.strip() for name in next(csv.reader([first], delimiter=separator), [])]
    if len(names) < 2 or len(names) > MOST_COLUMNS:
        raise Invalid(_("The first line must name the columns, separated by commas."), code="bad_header")
    if len({name for name in names if name}) < len([name for name in names if name]):
        raise Invalid(_("Two columns have the same name."), code="bad_header")
    return names, separator


def _key(name: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", name).lower())


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


def rows(text: str) -> Iterator[Row | Broken]:
    """Every row below the header. After a line that cannot be read, reading goes on with the next one."""
    names, separator = header(text)
    source: Iterator[str] = io.StringIO(text, newline="")
    next(source)
    number = 2
    while True:
        taken: list[str] = []
        reader = csv.reader(_noting(source, taken), delimiter=separator, strict=True)
        reason = ""
        try:
            for cells in reader:
                if cells and len(cells) != len(names):
                    reason = _("The line has %(cells)d cells, the header %(names)d.") % {
                        "cells": len(cells),
                        "names": len(names),
                    }
                    break
                if any(cells):
                    yield Row(
                        number, taken[0].rstrip("\r\n") if len(taken) == 1 else "".join(taken).rstrip("\r\n"), cells
                    )
                number += len(taken)
                taken.clear()
        except csv.Error:
            reason = _("The quotation marks of this line do not match.")
        if not reason:
            return
        yield Broken(number, taken[0].rstrip("\r\n"), reason)
        number += 1
        source = itertools.chain(taken[1:], source)


def _noting(source: Iterator[str], taken: list[str]) -> Iterator[str]:
    for line in source:
        taken.append(line)
        yield line
