"""The normal form of a number: without what programs put around it so that a spreadsheet leaves it alone."""

import re

from customers.contact_points import plain

# Drawn as nothing, though Unicode counts them as marks or letters.
_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Nothing to take off or to fold.
_AS_IT_IS = re.compile("[0-9A-Za-z\u4e00-\u9fff]+")
_QUOTES = "'\"`´‘’‚‛“”„‟′″"
_WHOLE = re.compile(r"(\d+)\.0+", re.ASCII)
# 3.519E+17, 3,519e17 and 3E+17. Without a sign or a point 35e17 may be what the shop calls it.
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:[.,]\d+[eE][+-]?\d+|[eE]\+\d+)", re.ASCII)
_ERROR = re.compile(r"#+|#(?:REF|VALUE|NAME|DIV/0|NUM|NULL|SPILL|CALC)[!?]?", re.IGNORECASE)
# A spreadsheet keeps so many digits of a number.
_EXACT_DIGITS = 15
_NO_NUMBER = {"-", "--", "—", "–", "/", ".", "null", "nan", "none", "nil", "undefined", "n/a", "#n/a", "无", "無"}


def bare(text: str) -> str:
    """The text without blanks around it, invisible signs, quotes, apostrophes and `="…"`; full-width signs folded."""
    if _AS_IT_IS.fullmatch(text):
        return text
    while True:
        value = plain(_UNSEEN.sub("", plain(text)))
        rest = value[1:].lstrip() if value[:1] == "=" else ""
        value = rest if rest[:1] in (*_QUOTES,) or (rest.isascii() and rest.isdigit()) else value
        value = value.strip(_QUOTES + " ")
        if value == text:
            return value
        text = value


def whole(text: str) -> str:
    """The text as `bare` has it, and a number without its `.0`."""
    while True:
        value = bare(text)
        match = _WHOLE.fullmatch(value)
        value = match[1] if match else value
        if value == text:
            return value
        text = value


def order_key(text: str) -> str:
    """The normal form of an order number; empty where it says that there is none (-, null, n/a, only zeros).

    The case is kept, and a slash belongs to the number. `order_key(order_key(text)) == order_key(text)`.
    """
    value = whole(text)
    return "" if value.casefold() in _NO_NUMBER or (value and not value.strip("0")) else value


def damaged(text: str) -> bool:
    """Whether a spreadsheet has rounded this number, or shows an error in its place: what it was cannot be known.

    Zeros at the end alone are no sign of it.
    """
    value = bare(text)
    match = _WHOLE.fullmatch(value)
    rounded = match is not None and len(match[1].lstrip("0")) > _EXACT_DIGITS
    return rounded or bool(_SCIENTIFIC.fullmatch(value) or _ERROR.fullmatch(value))
