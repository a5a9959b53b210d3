"""Phones, e-mails and customer ids of a file: what recognises somebody, and what is left out."""

import re
from functools import lru_cache

from django.conf import settings
from django.utils.translation import gettext as _

from core.lib.errors import Invalid
from customers import contact_points, keys
from customers.contact_points import Kind, Sealed
from customers.imports.spellings.texts import Noted, bare

LONGEST_KEY = 80
_MASKED = re.compile(r"\d[*＊xX•●]{2,}\d|[*＊•●]{2,}")
# A number that the platform lends for the delivery: 18473461900-7804, 18473461900转7805.
_BORROWED = re.compile(
    r"\+?[\d \-]{8,}\s*(?:-|,|_|转|轉|ext\.?|x|#|分机号?:?|[(\[【])\s*\d{2,6}\s*[)\]】]?", re.IGNORECASE
)
# What nobody's number is: 1 and ten times the same.
_ALL_THE_SAME = re.compile(r"(?:\+?86)?1([3-9])\1{9}")
MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
# As nearly all numbers are: nothing to take off, and nobody's name for nobody.
_PLAIN = re.compile(r"[A-Za-z]{0,3}(?=\d*[1-9])\d{1,15}", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?e\+?\d+", re.IGNORECASE)


def phone(text: str) -> Sealed | Noted | None:
    """The number somebody is recognised by; None with a note for one that cannot be called, is masked or borrowed."""
    return _phone(text, settings.VAULT_KEY)


def email(text: str) -> Sealed | Noted | None:
    """The address; None with a note for what is none."""
    return _email(text, settings.VAULT_KEY)


@lru_cache(maxsize=50_000)
def _phone(text: str, _key: str) -> Sealed | Noted | None:
    value = re.sub(r"\.0+$", "", bare(text))
    if not value:
        return None
    value = re.sub(r"^(?:\+?86\s*)(?=\+86)", "", value)
    if _SCIENTIFIC.fullmatch(value):
        return Noted(None, "phone_damaged")
    if _MASKED.search(value):
        return Noted(None, "phone_masked")
    if _ALL_THE_SAME.fullmatch(re.sub(r"[\s-]", "", value)):
        return Noted(None, "phone_invalid")
    try:
        return contact_points.seal(Kind.PHONE, value)
    except Invalid:
        pass
    if _BORROWED.fullmatch(value):
        return Noted(None, "phone_masked")
    mobiles = MOBILE.findall(value)
    if not mobiles:
        return Noted(None, "phone_invalid")
    try:
        sealed = contact_points.seal(Kind.PHONE, mobiles[0])
    except Invalid:
        return Noted(None, "phone_invalid")
    return Noted(sealed, "phone_several") if len(mobiles) > 1 else sealed


@lru_cache(maxsize=50_000)
def _email(text: str, _key: str) -> Sealed | Noted | None:
    value = bare(text)
    if not value:
        return None
    if "**" in value:
        return Noted(None, "email_invalid")
    try:
        return contact_points.seal(Kind.EMAIL, value)
    except Invalid:
        return Noted(None, "email_invalid")


def order_no(text: str) -> str:
    """The number in its normal form, "" for none. Raises Invalid for one that a spreadsheet has rounded."""
    if _PLAIN.fullmatch(text):
        return text
    _refuse_damaged(text)
    return _short(keys.order_key(text))


def customer(text: str) -> str | Noted:
    """The customer's number in its normal form, "" for nobody. Raises Invalid for one a spreadsheet has rounded."""
    if _PLAIN.fullmatch(text):
        return text
    _refuse_damaged(text)
    value = _short(keys.customer_key(text))
    return Noted("", "customer_masked") if re.search(r"[*＊●•]", value) else value


def _refuse_damaged(text: str) -> None:
    if keys.damaged(text):
        raise Invalid(
            _("A spreadsheet has damaged this number. Format the column as text and export the file again."),
            code="number_damaged",
        )


def _short(value: str) -> str:
    if len(value) > LONGEST_KEY:
        raise Invalid(_("The text is longer than %(most)d characters.") % {"most": LONGEST_KEY})
    return value
