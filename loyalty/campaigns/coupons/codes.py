"""Codes of coupons: how they are made, typed and printed."""

import re
import secrets
import unicodedata

# 32 signs of five bits, without the ones that are mistaken for each other (0 and O, 1 and I): twelve are 60 bits.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 12


def new_code() -> str:
    return "".join(secrets.choice(ALPHABET) for _place in range(CODE_LENGTH))


def normalise(code: str) -> str:
    """What a person typed, as codes are stored: full-width signs folded, capitals, no blanks or dashes."""
    return re.sub(r"[\s\-‐-―−·]", "", unicodedata.normalize("NFKC", code)).upper()


def written(code: str) -> str:
    """In groups of four, as it is printed."""
    return "-".join(code[place : place + 4] for place in range(0, len(code), 4))
