"""Amounts and quantities as shops write them, in the currency of the mall; another currency is refused as such."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from django.utils.translation import gettext as _

from core.lib import mall
from core.lib.errors import Invalid
from customers.imports.spellings.texts import Noted, bare, in_brackets

LARGEST_MINOR = 10**15
DECIMALS = (".", ",")
_CURRENCY_WORDS = {
    "CNY": "cny rmb cnh 人民币 人民幣 cn¥ rmb¥ 元人民币 块 块钱",
    "USD": "usd us$ u.s.$ 美元 美金 us",
    "HKD": "hkd hk$ 港币 港幣 港元",
    "TWD": "twd ntd nt$ ntd$ 台币 台幣 新台币 新台幣 新臺幣",
    "MOP": "mop mop$ 澳门币 澳門幣",
    "JPY": "jpy jp¥ 日元 日圆 日圓 円",
    "KRW": "krw ₩ 韩元 韓元 韩币 원",
    "EUR": "eur € 欧元 歐元 euro",
    "GBP": "gbp £ 英镑 英鎊",
    "SGD": "sgd s$ 新加坡元 新币",
    "AUD": "aud a$ au$ 澳元",
    "CAD": "cad c$ ca$ 加元",
    "NZD": "nzd nz$",
    "RUB": "rub ₽ руб руб. 卢布",
    "INR": "inr ₹ rs rs. 卢比",
    "THB": "thb ฿ 泰铢 泰銖",
    "VND": "vnd ₫ đ 越南盾",
    "MYR": "myr rm 马币",
    "PHP": "php ₱",
    "BRL": "brl r$",
    "PLN": "pln zł",
    "CZK": "czk kč",
    "ILS": "ils ₪",
    "TRY": "try ₺ tl",
}
_CODES = "CHF SEK NOK DKK HUF IDR MXN ZAR AED SAR UAH KZT CLP COP ARS EGP NGN PKR BDT LKR RON BGN ISK"
_CURRENCY_OF = {word: code for code, words in _CURRENCY_WORDS.items() for word in words.split()} | {
    code.lower(): code for code in _CODES.split()
}
CODES = frozenset((*_CURRENCY_WORDS, *_CODES.split()))
# What several currencies call their unit.
_SHARED = {
    "$": {"USD", "HKD", "TWD", "SGD", "AUD", "CAD", "NZD", "MXN"},
    "¥": {"CNY", "JPY"},
    "元": {"CNY", "TWD", "HKD"},
    "圆": {"CNY", "JPY"},
    "圓": {"CNY", "TWD", "JPY"},
    "kr": {"SEK", "NOK", "DKK", "ISK"},
}
_MANY = {"百": 100, "千": 1000, "k": 1000, "万": 10_000, "萬": 10_000, "w": 10_000, "亿": 10**8, "億": 10**8}
_SMALL = {"分": Decimal("0.01"), "cent": Decimal("0.01"), "cents": Decimal("0.01"), "角": Decimal("0.1")}

_PLAIN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
_NUMBER = re.compile(r"[\d.,][\d.,' ]*", re.ASCII)
_GROUPED = {
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{sign}\d{{3}})+|[1-9]\d?(?:{sign}\d{{2}})+{sign}\d{{3}}", re.ASCII)
    for mark, sign in ((".", r"\."), (",", ","))
}
_PIECES = re.compile(r"(?:个|個|件|只|隻|盒|瓶|包|套|箱|本|双|雙|pcs?|pieces?|units?|ea|x|×)\.?", re.IGNORECASE)


def minor(text: str, decimal: str = "", factor: Decimal = Decimal(1)) -> int | Noted:
    """Minor units of an amount, negative for money back. More decimals than two are rounded half up, and noted.

    `decimal` is the sign before the decimals, for amounts such as 1.234; `factor` is of the unit in the header.
    """
    return reader(decimal, factor)(text)


def reader(decimal: str, factor: Decimal) -> Callable[[str], int | Noted]:
    """`minor` of the amounts of one column. What nearly all of them look like is not worth remembering."""
    as_it_stands, currency = factor == 1, mall.facts().currency

    def read(text: str) -> int | Noted:
        if as_it_stands and (found := _PLAIN.fullmatch(text)):
            whole, decimals = found.groups("")
            return int(f"{whole}{decimals:0<2}")
        return _minor(text, decimal, factor, currency)

    return read


@lru_cache(maxsize=20_000)
def _minor(text: str, decimal: str, factor: Decimal, currency: str) -> int | Noted:
    return rounded(_exact(text, decimal, currency) * factor)


def rounded(amount: Decimal) -> int | Noted:
    """Minor units of an amount in major ones."""
    value = int((amount * 100).to_integral_value(ROUND_HALF_UP))
    if abs(value) >= LARGEST_MINOR:
        raise Invalid(_("The amount is too large."))
    return value if value == amount * 100 else Noted(value, "rounded")


def exact(text: str, decimal: str = "") -> Decimal:
    """The amount in major units. Raises Invalid for what is none, and for another currency than the mall's."""
    return _exact(text, decimal, mall.facts().currency)


@lru_cache(maxsize=20_000)
def _exact(text: str, decimal: str, currency: str) -> Decimal:
    value = bare(text).replace("−", "-").replace("’", "'").lower()
    if not value:
        raise Invalid(_("The amount is missing."))
    negative = False
    if value.startswith("(") and value.endswith(")"):
        value, negative = value[1:-1].strip(), True
    found = _NUMBER.search(value)
    if not found:
        raise _no_amount()
    before, number, after = value[: found.start()], found.group().strip(), value[found.end() :]
    signs = (before + after).count("-") + (before + after).count("+")
    if signs > 1 or (signs and negative) or re.search(r"\d", before + after):
        raise _no_amount()
    negative = negative or "-" in before + after
    factor = Decimal(1)
    for word in (before.strip("+- :"), after.strip("+- ")):
        factor *= _unit(word, currency)
    amount = _number(number, decimal) * factor
    return -amount if negative else amount


def unit(word: str) -> Decimal:
    """What one of these is in major units of the mall's currency: 元 is 1, 万元 10000, 分 0.01."""
    return _unit(word, mall.facts().currency)


def _unit(word: str, currency: str) -> Decimal:
    word = word.strip().lower()
    factor = Decimal(1)
    if word[:1] in _MANY and (word[1:] == "" or _is_own(word[1:], currency)):
        factor, word = Decimal(_MANY[word[0]]), word[1:]
    if word in _SMALL:
        return _SMALL[word]
    if not _is_own(word, currency):
        raise _no_amount()
    return factor


def is_own(word: str) -> bool:
    """Whether the word means the currency of the mall, or nothing. Raises Invalid when it means another one."""
    return _is_own(word, mall.facts().currency)


def _is_own(word: str, mine: str) -> bool:
    word = word.strip(" :").lower()
    if not word or word == mine.lower():
        return True
    codes = _SHARED.get(word) or ({_CURRENCY_OF[word]} if word in _CURRENCY_OF else set())
    if not codes and (parts := re.fullmatch(r"([^\s¥$元]+)\s*([¥$元])", word)):
        codes = ({_CURRENCY_OF[parts[1]]} if parts[1] in _CURRENCY_OF else set()) & _SHARED[parts[2]]
    if codes and mine not in codes:
        raise Invalid(
            _("This is another currency than that of the mall (%(currency)s).") % {"currency": mine},
            code="other_currency",
        )
    return bool(codes)


def header_unit(header: str) -> Decimal:
    """What one of the numbers below this header is in major units. Raises Invalid for another currency."""
    word = in_brackets(header).removeprefix("单位").removeprefix("單位").strip(" :：")
    try:
        return unit(word)
    except Invalid as refusal:
        if refusal.code == "other_currency":
            raise
        return Decimal(1)  # 实付金额(含运费)


def decimal_of(text: str) -> str:
    """Which sign this amount proves to stand before the decimals; `?` where it may be either, nothing if none is."""
    found = _NUMBER.search(bare(text))
    number = found.group().strip() if found else ""
    if not re.search(r"[.,]", number):
        return ""
    last = max(number.rfind("."), number.rfind(","))
    mark, other = number[last], "," if number[last] == "." else "."
    if other in number:
        return mark
    if number.count(mark) > 1:
        return other
    if re.fullmatch(rf"[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}", number):
        return "?" if mark == "." else ""  # 1,234 is one thousand unless the column says otherwise
    return mark


def _number(text: str, decimal: str) -> Decimal:
    """1234.5, 1,234.50, 1.234,50, 1 234.50, 1'234.50 or 12,34,567.89."""
    text = re.sub(r"(?<=\d)[ '](?=\d{3}(?!\d))", "", text) if re.match(r"\d{1,3}[ ']\d{3}(?!\d)", text) else text
    last = max(text.rfind("."), text.rfind(","))
    if last >= 0:
        mark, whole = text[last], text[:last]
        other = "," if mark == "." else "."
        if other in whole:
            if not _GROUPED[other].fullmatch(whole):
                raise _no_amount()
            text = f"{whole.replace(other, '')}.{text[last + 1 :]}"
        elif _GROUPED[mark].fullmatch(text) and (whole.count(mark) or (decimal != mark and (mark == "," or decimal))):
            text = text.replace(mark, "")
        elif whole.count(mark) or (mark == "," and decimal != "," and not re.fullmatch(r"\d+,\d{1,2}", text)):
            raise _no_amount()
        else:
            text = text.replace(",", ".")
    if not re.fullmatch(r"\d+\.?\d*|\.\d+", text, re.ASCII) or len(text) > 40:
        raise _no_amount()
    return Decimal(text)


def _no_amount() -> Invalid:
    return Invalid(_("This is not an amount. Write it like 1234.50."))


@lru_cache(maxsize=1_000)
def quantity(text: str) -> Decimal:
    """2, 2.0, 2件, x2 or -1. Raises Invalid for what is no quantity."""
    value = _PIECES.sub("", bare(text).replace("−", "-")).strip().replace(",", "")
    if not re.fullmatch(r"[+-]?\d{1,7}(?:\.\d{1,6})?", value, re.ASCII) or abs(Decimal(value)) > 1_000_000:
        raise Invalid(_("This is not a quantity."))
    return Decimal(value)


@lru_cache(maxsize=1_000)
def whole(text: str, most: int) -> int:
    value = re.sub(r"\.0+$", "", bare(text))
    if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or int(value) > most:
        raise Invalid(_("This is not a whole number in range."))
    return int(value)
