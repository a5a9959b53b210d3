"""A letter as it is handed over: the same bytes from the same row, whenever and however often it is made."""

from collections.abc import Mapping
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from core.lib import mall
from customers.letters import writing
from customers.models import Letter
from customers.models.consent import Purpose


class Mail(NamedTuple):
    subject: str
    body: str
    headers: Mapping[str, str]


def has_way_out() -> bool:
    """Whether a mail can carry a link to the customer's own choices: it needs an address that the customer reaches."""
    return bool(settings.PUBLIC_URL)


def way_out(letter: Letter) -> str:
    """The address of the customer's own choices, as it stands in this letter; empty where there is none."""
    return f"{settings.PUBLIC_URL}/c/{letter.reply_token}" if settings.PUBLIC_URL else ""


def text_of(letter: Letter) -> str:
    """A text message: the mall before it, and behind it how to end what needs consent. Empty once its words are gone."""
    words = writing.words_of(letter)
    if words is None:
        return ""
    with override(letter.language or mall.facts().language):
        end = "" if letter.purpose == Purpose.SERVICE else _(" Reply T to stop")
    return f"【{mall.facts().name}】{words.body}{end}"


def mail_of(letter: Letter) -> Mail | None:
    """Subject, text and headers of the letter; None once its words are gone.

    What is not of service says that it is an offer, who writes, and how to end it (RFC 8058).
    """
    words = writing.words_of(letter)
    if words is None:
        return None
    headers = {"Message-ID": letter.own_id, **words.headers}
    if letter.purpose == Purpose.SERVICE:
        return Mail(words.subject, words.body, headers)
    address = way_out(letter)
    with override(letter.language or mall.facts().language):
        name = mall.facts().name
        foot = _("%(mall)s writes this to you because you agreed. You do not want it any more: %(address)s")
        prefix = _("AD %(subject)s") if letter.purpose == Purpose.MARKETING else "%(subject)s"
        return Mail(
            prefix % {"subject": words.subject},
            f"{words.body}\n\n--\n" + foot % {"mall": name, "address": address},
            headers | {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        )
