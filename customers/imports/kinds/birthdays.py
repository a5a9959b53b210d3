"""Birthdays as shops write them: with the year or without, of the usual calendar or the lunar one."""

import re

from core.lib.almanac.days import LifeDay
from customers.contact_points import plain
from customers.imports.spellings import dates

_LUNAR = re.compile(r"农历|農曆|阴历|陰曆|旧历|lunar", re.IGNORECASE)
_SOLAR = re.compile(r"公历|公曆|阳历|陽曆|新历|solar|gregorian", re.IGNORECASE)
_YES = {"1", "1.0", "y", "yes", "true", "是", "t"}
_NOTHING = re.compile(r"[-–—/.:0\s]*|n/?a|null|none|nan|无|無|未知|保密|未填写", re.IGNORECASE)
_WHOLE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号號]?(?:[ T]\d.*)?|(\d{4})(\d\d)(\d\d)")
_SHORT = re.compile(r"-{0,2}(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*[日号號]?|--(\d\d)(\d\d)")
_PARTED = re.compile(r"(\d{1,2})\s*[-/. ]\s*(\d{1,2})\s*[-/. ]\s*(\d{2}|\d{4})")
_WORDS = re.compile(
    r"(?:(\d{4})\s*年)?\s*([闰閏]?)([正一二三四五六七八九十冬腊臘]{1,2})月(初?[一二三四五六七八九十廿卅]{1,3})日?"
)
_MONTHS = {"正": 1, "冬": 11, "腊": 12, "臘": 12}
_DIGITS = {sign: number for number, sign in enumerate("一二三四五六七八九十", 1)}
# What programs write where they do not know the year.
_NO_YEARS = {0, 1, 1604, 1804}


def read(text: str, calendar: str, order: str = "") -> LifeDay | None:
    """The birthday, None where the cell says that none is known. Raises Invalid or ValueError for what is none.

    `calendar` is the cell that says of which calendar it is, `order` one of dates.ORDERS for days such as 08/10/1985.
    """
    text, calendar = plain(text), plain(calendar)
    is_lunar = bool(_LUNAR.search(text) or _LUNAR.search(calendar) or calendar.casefold() in _YES)
    value = _SOLAR.sub("", _LUNAR.sub("", text)).strip(" ()（）:：,，")
    if not value or _NOTHING.fullmatch(value):
        return None
    if found := _WORDS.fullmatch(value):
        year = int(found[1]) if found[1] else None
        return LifeDay(_month(found[3]), _day(found[4]), year, is_lunar=True, is_leap=bool(found[2]))
    if found := _WHOLE.fullmatch(value):
        year, month, day = (int(part) for part in found.groups() if part)
        return LifeDay(month, day, None if year in _NO_YEARS else year, is_lunar)
    if found := _SHORT.fullmatch(value):
        first, second = (int(part) for part in found.groups() if part)
        month, day = (second, first) if (order == "dmy" and "月" not in value) or first > 12 else (first, second)
        return LifeDay(month, day, None, is_lunar)
    if found := _PARTED.fullmatch(value):
        first, second, year = (int(part) for part in found.groups())
        return _parted(first, second, year, order, is_lunar=is_lunar)
    at = dates.day(value, order)
    return LifeDay(at.month, at.day, at.year, is_lunar)


def _parted(first: int, second: int, year: int, order: str, *, is_lunar: bool) -> LifeDay:
    if not order and (first > 12) == (second > 12) and first != second:
        raise ValueError("the order of day and month is open")
    day, month = (first, second) if order == "dmy" or (not order and first > 12) else (second, first)
    if year < 100:
        year += 1900 if year > 25 else 2000
    return LifeDay(month, day, year, is_lunar)


def _month(word: str) -> int:
    return _MONTHS.get(word) or _number(word)


def _day(word: str) -> int:
    return _number(word.removeprefix("初"))


def _number(word: str) -> int:
    """Of 十二, 廿三, 三十."""
    tens = {"廿": 20, "卅": 30}.get(word[0], 0)
    if tens:
        return tens + (_DIGITS[word[1]] if len(word) > 1 else 0)
    if "十" not in word:
        return _DIGITS[word]
    before, _ten, after = word.partition("十")
    return (_DIGITS[before] if before else 1) * 10 + (_DIGITS[after] if after else 0)
