"""Moments as shops write them. Where the order of day and month is open, whoever asks says it; nothing is guessed."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from core.lib.periods import mall_zone
from customers.imports.spellings.texts import bare

ORDERS = ("ymd", "dmy", "mdy")
FIRST, LAST = date(1970, 1, 1), date(2100, 12, 31)
_EXCEL_BEGINS = datetime(1899, 12, 30)
_SERIALS = range(20_000, 73_051)  # 1954 to 2099
_EPOCH_FROM = 10**9

_MONTH_WORDS = {
    1: "jan january januar janvier enero gennaio janeiro januari",
    2: "feb february februar février fevrier févr fév febrero febbraio fevereiro februari",
    3: "mar march märz maerz mär mars marzo março maart mrz",
    4: "apr april avril avr abril abr aprile",
    5: "may mai mayo maggio maio mei",
    6: "jun june juni juin junio giugno junho",
    7: "jul july juli juillet juil julio luglio julho",
    8: "aug august août aout agosto ago augustus",
    9: "sep sept september septembre septiembre settembre setembro",
    10: "oct october oktober okt octobre octubre ottobre outubro",
    11: "nov november novembre noviembre novembro",
    12: "dec december dezember dez décembre decembre déc diciembre dic dicembre dezembro",
}
_MONTHS = {word: month for month, words in _MONTH_WORDS.items() for word in words.split()}
_ZONES = {
    **dict.fromkeys(("z", "utc", "gmt"), 0),
    **dict.fromkeys(("bst", "cet"), 1),
    **dict.fromkeys(("hkt", "sgt", "awst"), 8),
    **dict.fromkeys(("jst", "kst"), 9),
    **{"cest": 2, "msk": 3, "aest": 10, "aedt": 11, "nzst": 12, "nzdt": 13},
    **{"edt": -4, "est": -5, "cdt": -5, "mdt": -6, "mst": -7, "pdt": -7, "pst": -8},
}
_SAID_ZONES = {
    **dict.fromkeys(("北京时间", "北京時間", "中国标准时间", "中國標準時間"), 8),
    **dict.fromkeys(("(china standard time)", "(beijing time)", "(cst)"), 8),
    **dict.fromkeys(("(coordinated universal time)", "(utc)", "(gmt)"), 0),
}
_WEEKDAY = re.compile(
    r"(?:(?:mon|tue|tues|wed|thu|thur|thurs|fri|sat|sun)(?:day|nesday|rsday|urday)?\b[.,]?|(?:星期|周|週)[一二三四五六日天])"
)
_BEFORE_NOON = {"上午", "早上", "凌晨", "清晨", "am", "a.m.", "a.m", "오전", "午前"}
_AFTER_NOON = {"下午", "晚上", "傍晚", "中午", "pm", "p.m.", "p.m", "오후", "午後"}
_HALF = "|".join(re.escape(word) for word in sorted(_BEFORE_NOON | _AFTER_NOON, key=len, reverse=True))
_TIME = re.compile(
    rf"(?P<half>{_HALF})?\s*(?<!\d)(?P<hour>\d{{1,2}})"
    rf"(?:\s*:\s*(?P<minute>\d{{1,2}})(?:\s*:\s*(?P<second>\d{{1,2}})(?:[.,]\d{{1,9}})?)?"
    rf"|\s*[时時点點시]\s*(?:(?P<minute2>\d{{1,2}})\s*[分분]?)?\s*(?:(?P<second2>\d{{1,2}})\s*[秒초])?"
    rf"|(?=\s*(?:am|pm)\b))(?!\d)"
)
_AFTER = re.compile(
    rf"\s*(?P<half>{_HALF})?\s*(?P<zone>(?:utc|gmt)?\s*[+-]\d{{1,2}}(?::?\d{{2}})?(?!\d)|[a-z]{{1,4}}(?![a-z.]))?"
    r"\s*(?P<rest>.*)$"
)
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年년_]\s*(\d{1,2})\s*[-/.月월_]\s*(\d{1,2})\s*[日号號일.]?")
_YEAR_SAID = re.compile(r"(\d{2})年(\d{1,2})月(\d{1,2})[日号號]?")
_ROC = re.compile(
    r"(?:民国|民國)(\d{2,3})[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(1\d\d)[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
)
_REIWA = re.compile(r"(?:令和|r)(\d{1,2})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_OPEN = re.compile(r"(\d{1,2})\s*([-/. ])\s*(\d{1,2})\s*\2\s*(\d{4}|\d{1,2})")
_DAY_MONTH_YEAR = re.compile(
    r"(\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s\-/.]*(?:de\s|of\s)?\s*([^\W\d]+)[\s\-/.]*(?:de\s|del\s)?\s*'?(\d{4}|\d{2})"
)
_MONTH_DAY_YEAR = re.compile(r"([^\W\d]+)[\s\-/.]*(\d{1,2})(?:st|nd|rd|th)?[\s\-/.]+'?(\d{4}|\d{2})")
_YEAR_MONTH_DAY = re.compile(r"(\d{4})[\s\-/.]*([^\W\d]+)[\s\-/.]*(\d{1,2})")

_BASIC = re.compile(r"\d{8}t\d{4}(?:\d\d)?(?:\.\d+)?(?:z|[+-]\d\d:?\d\d)?", re.ASCII)
_PLAIN_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?", re.ASCII)
# Day, hour, minute with second, offset: nearly always the seconds of one hour are of one day.
_TO_THE_SECOND = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d)(:[0-5]\d:[0-5]\d)([+-]\d\d:\d\d)?", re.ASCII)


def moment(text: str, order: str = "", zone: ZoneInfo | None = None) -> tuple[str, str]:
    """(instant, mall-local day). A time without offset is mall time; a day is its first minute.

    `order` is one of `ORDERS`, for days such as 08/10/2026; without it they are refused. `zone` is that of the mall,
    for whoever reads many and has asked for it.
    """
    zone = zone or mall_zone()
    if plain := _TO_THE_SECOND.fullmatch(text):
        day, hour, rest, offset = plain.groups("")
        if alike := _of_hour(f"{day}T{hour}", offset, zone):
            return f"{day}T{hour}{rest}{alike[0]}", alike[1]
    return _moment(text, order, zone)


def readings(text: str) -> dict[str, date] | None:
    """Order of the parts -> the day it would mean, where that is open and makes a difference; else None."""
    try:
        day, _time, _zone = _parts(bare(text).lower())
    except Invalid:
        return None
    found = _readings(day)
    return found if len(found) == 1 or len(set(found.values())) > 1 else None


@lru_cache(maxsize=20_000)
def day(text: str, order: str = "") -> date:
    """The day, however long ago. Raises Invalid for what is none."""
    try:
        return _at(text, order).date()
    except (ValueError, OverflowError):
        raise Invalid(_("There is no such day or time.")) from None


@lru_cache(maxsize=20_000)
def _of_hour(hour: str, offset: str, zone: ZoneInfo) -> tuple[str, str] | None:
    """(offset, mall-local day) of every second of the hour; None where they differ, or there is no such hour."""
    with suppress(Invalid):
        first, last = (_moment(f"{hour}:{second}{offset}", "", zone) for second in ("00:00", "59:59"))
        if (first[0][19:], first[1]) == (last[0][19:], last[1]):
            return first[0][19:], first[1]
    return None


@lru_cache(maxsize=20_000)
def _moment(text: str, order: str, zone: ZoneInfo) -> tuple[str, str]:
    try:
        at = _at(text, order)
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        local = at.astimezone(zone)
    except (ValueError, OverflowError):
        raise Invalid(_("There is no such day or time.")) from None
    if not FIRST <= local.date() <= LAST:
        raise Invalid(_("The time must lie between 1970 and 2100."))
    return at.isoformat(), local.date().isoformat()


def _at(text: str, order: str) -> datetime:
    """Raises ValueError for a day or time that there is not, Invalid for what is no date or has two meanings."""
    if _PLAIN_TIME.fullmatch(text[:19]):
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    return _read(bare(text).lower(), order)


def _not_a_date() -> Invalid:
    return Invalid(_("Write the date like 2026-11-17 or 2026-11-17 09:30."))


def _read(value: str, order: str) -> datetime:
    if not value:
        raise Invalid(_("The date is missing."))
    if number := re.fullmatch(r"(\d{5}|\d{10}|\d{12,14})(\.\d+)?", value):
        return _of_number(number[1], number[2] or "")
    if _BASIC.fullmatch(value):
        return datetime.fromisoformat(value.upper())
    day_text, clock, zone = _parts(value)
    hour, minute, second = clock
    days = int(clock == (24, 0, 0))
    hour = 0 if days else hour
    day = _day(day_text, order)
    return datetime.combine(day + timedelta(days=days), time(hour, minute, second), zone)


def _of_number(digits: str, fraction: str) -> datetime:
    if len(digits) == 5:
        if int(digits) not in _SERIALS:
            raise _not_a_date()
        seconds = round(float("0" + fraction) * 86_400) if fraction else 0
        return _EXCEL_BEGINS + timedelta(days=int(digits), seconds=seconds)
    if len(digits) in (12, 14) and digits[:2] in ("19", "20"):
        return datetime.strptime(digits, "%Y%m%d%H%M%S" if len(digits) == 14 else "%Y%m%d%H%M")
    seconds = int(digits) if len(digits) == 10 else int(digits) // 1000 if len(digits) == 13 else 0
    if seconds < _EPOCH_FROM:
        raise _not_a_date()
    return datetime.fromtimestamp(seconds, UTC)


def _parts(value: str) -> tuple[str, tuple[int, int, int], tzinfo | None]:
    """(what says the day, hour and minute and second, zone if one is said)"""
    zone: tzinfo | None = None
    for said, hours in _SAID_ZONES.items():
        if said in value:
            value, zone = value.replace(f"({said})", " ").replace(said, " "), timezone(timedelta(hours=hours))
    value = _WEEKDAY.sub(" ", value).strip(" ,")
    found = _TIME.search(value)
    if not found:
        return _day_text(value), (0, 0, 0), zone
    before, after = value[: found.start()], _AFTER.match(value[found.end() :])
    half, token, rest = (found["half"] or "", "", value[found.end() :])
    if after:
        half, token, rest = half or after["half"] or "", (after["zone"] or "").strip(), after["rest"]
        if token in _MONTHS:
            token, rest = "", f"{token} {rest}"
    hour = _hour(int(found["hour"]), half)
    clock = (hour, int(found["minute"] or found["minute2"] or 0), int(found["second"] or found["second2"] or 0))
    if token:
        zone = _zone(token)
    return _day_text(f"{before} {rest}"), clock, zone


def _day_text(value: str) -> str:
    value = re.sub(r"(?<=\d)t$|(?<=\d)t(?=\s)|\s(?:at|um|à)$", "", value.strip(" ,-_/"))
    return re.sub(r"\s+", " ", value.replace(",", " ")).strip(" -_/")


def _hour(hour: int, half: str) -> int:
    """On the 24-hour clock. 12:30 上午 is half past midnight, 12:30 下午 half past noon."""
    if half in _AFTER_NOON:
        if (half == "晚上" and hour == 12) or not 0 <= hour < 24:
            raise ValueError
        return hour + 12 if hour < 12 and not (half == "中午" and hour == 11) else hour
    if half in _BEFORE_NOON:
        if hour > 12:
            raise ValueError
        return hour % 12
    return hour


def _zone(token: str) -> tzinfo:
    if token in _ZONES:
        return timezone(timedelta(hours=_ZONES[token]))
    if offset := re.fullmatch(r"(?:utc|gmt)?\s*([+-])(\d{1,2}):?(\d{2})?", token):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    zone = mall_zone()
    if (zone.tzname(datetime(2026, 1, 1)) or "").lower() == token:  # CST is the mall's own, or nobody knows whose
        return zone
    raise Invalid(_("The time zone “%(zone)s” has several meanings. Write it like +08:00.") % {"zone": token.upper()})


def _day(value: str, order: str) -> date:
    if found := _YEAR_FIRST.fullmatch(value):
        return date(*map(int, found.groups()))
    if re.fullmatch(r"\d{8}", value):
        return date(int(value[:4]), int(value[4:6]), int(value[6:]))
    if found := _YEAR_SAID.fullmatch(value):
        return date(2000 + int(found[1]), int(found[2]), int(found[3]))
    if found := _ROC.fullmatch(value):
        year, month, day = (int(part) for part in found.groups() if part)
        return date(1911 + year, month, day)
    if found := _REIWA.fullmatch(value):
        return date(2018 + int(found[1]), int(found[2]), int(found[3]))
    if (day_of_words := _of_words(value)) is not None:
        return day_of_words
    if not _OPEN.fullmatch(value):
        raise _not_a_date()
    return _of_open(value, order)


def _of_words(value: str) -> date | None:
    """Of a day whose month is a word."""
    for shape, (year, month, day) in (
        (_DAY_MONTH_YEAR, (3, 2, 1)),
        (_MONTH_DAY_YEAR, (3, 1, 2)),
        (_YEAR_MONTH_DAY, (1, 2, 3)),
    ):
        found = shape.fullmatch(value)
        if found and found[month] in _MONTHS:
            return date(_year(found[year]), _MONTHS[found[month]], int(found[day]))
    return None


def _of_open(value: str, order: str) -> date:
    found = _readings(value)
    if order:
        if order not in found:
            raise ValueError
        return found[order]
    if not found:
        raise ValueError
    if len(set(found.values())) > 1 or re.search(r"(?<!\d)\d{1,2}$", value):
        raise Invalid(_("Which part is the day and which the month? Say the order of the parts for the whole file."))
    return next(iter(found.values()))


def _readings(value: str) -> dict[str, date]:
    """Order -> day, of all orders in which there is such a day."""
    found = _OPEN.fullmatch(value)
    if not found:
        return {}
    first, last = found[1], found[4]
    days: dict[str, date] = {}
    for order in ORDERS:
        if (len(last) == 4 or len(first) != 2) if order == "ymd" else len(last) == 1:
            continue
        parts = dict(zip(order, (first, found[3], last), strict=True))
        try:
            days[order] = date(_year(parts["y"]), int(parts["m"]), int(parts["d"]))
        except ValueError:
            continue
    if found[2] == "." and len(last) == 4 and "dmy" in days:
        return {"dmy": days["dmy"]}  # with dots nobody writes the month first
    return days


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) == 4 else 2000 + year if year < 70 else 1900 + year
