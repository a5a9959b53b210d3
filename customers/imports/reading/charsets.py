"""Which encoding a text is in, with doubt admitted: several read almost any bytes, one of them reads names."""

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import sqrt
from typing import NamedTuple

from customers.imports.reading.common import HANGUL, KANJI, SIMPLIFIED, TRADITIONAL
from customers.imports.reading.shape import FieldOf

# What a person may choose; the order decides nothing.
ENCODINGS = (
    "utf-8",
    "gb18030",
    "big5hkscs",
    "cp932",
    "euc_jp",
    "cp949",
    "cp1252",
    "cp1250",
    "cp1251",
    "utf-16-le",
    "utf-16-be",
)
# Tried when the bytes do not say themselves what they are.
CANDIDATES = ("gb18030", "big5hkscs", "cp932", "euc_jp", "cp949", "cp1252", "cp1250", "cp1251")
# Codecs that read a superset of what others call theirs.
WIDER = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "cp950": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
    "ascii": "utf-8",
    "utf-8-sig": "utf-8",
    "iso8859-15": "cp1252",
    "iso8859-2": "cp1250",
}
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
ENOUGH = 64 * 1024  # of lines that are not plain ASCII
PLAUSIBLE = 0.45
HOPELESS = -0.7  # below it nothing fits; above it somebody is asked
WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýßœšžŸÀÁÂÃÄÅÆÇÈÉÊËÍÎÑÓÔÖØÙÚÜŒŠŽ")
CENTRAL = frozenset("ąćęłńóśźżĄĆĘŁÓŚŹŻáčďéěíňřšťúůýžÁČĎÉĚÍŇŘŠŤÚŮÝŽäöüßőűÖÜŐŰôľĺŕ")
# What UTF-8 writes in two bytes and people write: Latin, Greek, Cyrillic.
USUAL = WESTERN | CENTRAL | frozenset(map(chr, (*range(0xA0, 0xC0), *range(0x386, 0x3CF), *range(0x401, 0x460), 0xD7)))
SIGNS = frozenset("’‘“”–—…€£®™©°«»¿¡ºª·×、。，；：！？（）【】《》「」『』￥％＋－／～　〒※→★☆●○◆■℃№①②③④⑤ⅠⅡⅢ")


class Reading(NamedTuple):
    encoding: str
    score: float
    signs: int  # how many different characters have said so


def name_of(asked: str) -> str:
    """The codec that reads what is called so, "" for what is none of `ENCODINGS`."""
    try:
        name = codecs.lookup(asked).name
    except LookupError:
        return ""
    name = WIDER.get(name, name)
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "big5-hkscs": "big5hkscs"}.get(name, name)
    return name if name in (*ENCODINGS, "utf-32-le", "utf-32-be") else ""


def marked(head: bytes) -> str:
    """What the first bytes say themselves: a byte order mark, or the zeros of UTF-16 without one; else ""."""
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    head = head[: 64 * 1024]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 10 and min(even, odd) * 20 <= max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return ""


def evidence(chunks: Iterable[bytes]) -> bytes:
    """The first line and those that are not plain ASCII, as many as decide; b"" when every byte is ASCII."""
    lines: list[bytes] = []
    size, rest, first = 0, b"", b""
    for chunk in chunks:
        if not first:
            first = chunk[:ENOUGH].lstrip().partition(b"\n")[0]
        if chunk.isascii() and rest.isascii():
            rest = chunk[chunk.rfind(b"\n") + 1 :][-ENOUGH:]
            continue
        *whole, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            if not line.isascii():
                lines.append(line[:ENOUGH])
                size += len(line[:ENOUGH])
        if size >= ENOUGH:
            break
    else:
        if not rest.isascii():
            lines.append(rest[:ENOUGH])
    return b"\n".join([first, *lines]) if lines else b""


def is_utf8(found: bytes) -> bool:
    """Whether the lines are UTF-8 but for a few characters that were cut; what is too little to say is none."""
    text = found.decode("utf-8", errors="replace")
    good = [char for char in text if char > "\x7f" and char != "\ufffd"]
    bad = text.count("\ufffd") - found.count("\ufffd".encode())
    long = sum(char > "\u07ff" for char in good)  # three bytes that fit by chance are rare
    if bad * 100 > len(good) and bad * 4 > long:
        return False
    # Two bytes that are UTF-8 by chance (the names of two Chinese companies are) come out as letters nobody uses.
    return long > 0 or len(good) > 8 or all(char in USUAL for char in good)


def readings(found: bytes, field_of: FieldOf) -> list[Reading]:
    """Every encoding that reads the lines, the likeliest first. A header that is known decides."""
    seen: dict[str, Reading] = {}
    candidates = ("utf-8", *CANDIDATES) if _reads(found, "utf-8") else CANDIDATES
    for encoding in candidates:
        text = _reads(found, encoding)
        if not text:
            continue
        reading = _weighed(text, encoding)
        if _knows_header(text, field_of):
            reading = reading._replace(score=reading.score + 1)
        if text not in seen or seen[text].score < reading.score:
            seen[text] = reading
    return sorted(seen.values(), key=lambda reading: -reading.score)


def plausible(found: bytes, field_of: FieldOf) -> list[str]:
    """The encodings that may be meant, the likeliest first; one when there is no doubt, none when nothing fits."""
    ordered = readings(found, field_of)
    if not ordered or ordered[0].score < HOPELESS:
        return []
    best = ordered[0]
    if best.score < PLAUSIBLE:  # nobody reads it well: all are shown, and one more than the best
        return [*(row.encoding for row in ordered), *(["utf-8"] if len(ordered) == 1 else [])]
    # Few characters say little: the fewer there are, the further behind may be what is meant.
    least = max(best.score - 0.2 - 0.6 / sqrt(best.signs or 1), 0.15)
    return [row.encoding for row in ordered if row is best or row.score >= least]


def _reads(found: bytes, encoding: str) -> str:
    """The text, "" when these bytes are none in the encoding; the last line may be cut within a character."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(found)
    except UnicodeDecodeError:
        return ""


def _knows_header(text: str, field_of: FieldOf) -> bool:
    """Whether one of the first lines has two names, not in ASCII, that are known."""
    for line in text.split("\n", 20)[:20]:
        names = {name for name in re.split(r'[,;\t|"]', line) if name and not name.isascii()}
        if sum(bool(field_of(name)) for name in names) >= 2:
            return True
    return False


def _weighed(text: str, encoding: str) -> Reading:
    """Mean weight of the different characters that are not ASCII, each at its worst place."""
    weigh = _letters if encoding in ("cp1252", "cp1250", "cp1251", "utf-8") else _characters
    weights: dict[str, float] = {}
    for char, weight in weigh(text, encoding):
        weights[char] = min(weight, weights.get(char, 1.0))
    if not weights:
        return Reading(encoding, 0.5 if encoding in ("cp1252", "utf-8") else 0.3, 0)
    return Reading(encoding, sum(weights.values()) / len(weights), len(weights))


def _characters(text: str, encoding: str) -> Iterator[tuple[str, float]]:
    """Weights of a text of Chinese, Japanese or Korean: common 1, of the frequent half of the set ⅓, else below 0."""
    for place, char in enumerate(text):
        if char <= "\x7f" or char in SIGNS:
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        if before.isascii() and before.islower() and after.isascii() and after.islower():
            yield char, -1.0  # a sign within a Latin word
        else:
            yield char, _weight(char, encoding)


def _weight(char: str, encoding: str) -> float:
    if "\ue000" <= char <= "\uf8ff":
        return -1.0  # private: codecs give it to bytes that mean nothing
    if encoding == "gb18030":
        if char in SIMPLIFIED:
            return 1.0
        if char in TRADITIONAL:
            return 0.5
        return 0.3 if _lead(char, "gb2312", 0xB0, 0xD7) else -0.5 if _is_ideograph(char) else -1.0
    if encoding == "big5hkscs":
        return 1.0 if char in TRADITIONAL else 0.3 if _lead(char, "big5", 0xA4, 0xC6) else -0.6
    if encoding in ("cp932", "euc_jp"):
        if "\uff61" <= char <= "\uff9f":
            return -0.4  # narrow kana: bytes of other sets look like them
        if "\u3041" <= char <= "\u30fc" or char in KANJI:
            return 1.0
        return 0.3 if _lead(char, "cp932", 0x88, 0x97) else -0.6
    if "가" <= char <= "힣":
        return 1.0 if char in HANGUL else 0.3 if _lead(char, "euc_kr", 0xB0, 0xC8) else -0.8
    return -0.6


def _lead(char: str, encoding: str, first: int, last: int) -> bool:
    try:
        return first <= char.encode(encoding)[0] <= last
    except UnicodeEncodeError:
        return False


def _is_ideograph(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _letters(text: str, encoding: str) -> Iterator[tuple[str, float]]:
    """Weights of a text in letters: those of the languages of the set 1, strange ones and places below 0."""
    for word in re.findall(r"[^\x00-\x40\x5b-\x60\x7b-\x7f]+", text):
        strange = [char for char in word if char > "\x7f"]
        if not strange:
            continue
        if encoding == "cp1251":
            cyrillic = all(char in "№ё" or "\u0410" <= char <= "\u044f" for char in strange)
            cased = word.istitle() or word.islower() or (word.isupper() and len(word) < 4)
            good = cyrillic and cased and len(word) > 1 and len(strange) == len(word)
            yield from ((char, 0.9 if good else -1.0) for char in strange)
            continue
        usual = CENTRAL if encoding == "cp1250" else WESTERN | CENTRAL if encoding == "utf-8" else WESTERN
        slavic = encoding == "cp1250" and all(char in CENTRAL and char.islower() for char in strange)
        crowded = len(strange) > 2 and len(strange) * 2 > len(word) and not slavic
        falls = any(one.islower() and other.isupper() for one, other in pairwise(word))
        alone = len(word) == 1 and word.isupper()  # Ł before a price is £
        most = 0.7 if encoding == "cp1250" else 1.0
        for char in strange:
            if char in SIGNS and not (char in "£¿¡" and len(word) > 1 and not word.startswith(("¿", "¡"))):
                continue
            if unicodedata.category(char)[0] != "L" or crowded or falls or alone:
                yield char, -1.0
            else:
                yield char, most if char in usual else -0.3
