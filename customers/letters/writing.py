"""A letter is written: once for what it is about, its words sealed, and waits for the gate.

What a colleague has to send is work on their day, from the moment it is written until it is sent or not to be sent.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import QuerySet

from core.accounts.models import User
from core.accounts.roles import Permission, rights_of
from core.lib import sealing
from core.lib.periods import mall_day
from core.lib.sealing import Resealed
from core.outbox import gateway, mailing
from customers import todo
from customers.access import scope_filter
from customers.models import ContactPoint, Customer, Letter, Todo
from customers.models.consent import Channel, Purpose

USE = b"letters"
State = Letter.State
OPEN = (State.PLANNED, State.WAITING)
# By then it is not worth having any more.
GOOD_FOR = {
    Purpose.SERVICE: timedelta(hours=72),
    Purpose.CARE: timedelta(hours=48),
    Purpose.SURVEY: timedelta(days=7),
    Purpose.MARKETING: timedelta(hours=48),
}
# What waits for a colleague to send it.
BY_HAND_GOOD_FOR = timedelta(days=30)
PRIORITY = {Purpose.SERVICE: 10, Purpose.CARE: 30, Purpose.SURVEY: 40, Purpose.MARKETING: 50}


class Words(NamedTuple):
    """What is handed over, and the headers of its thread."""

    subject: str
    body: str
    headers: Mapping[str, str]


def leaves_by_itself(channel: str) -> bool:
    """Whether Laoke can send by this channel without anybody's help."""
    return channel in ways()


def ways() -> list[str]:
    """The channels by which Laoke itself can send."""
    mail = [] if mailing.loses_mail() else [Channel.EMAIL]
    return [*mail, *gateway.channels(), *([Channel.SHOP] if settings.LETTER_SHOP_CHAT else [])]


def write(
    customer: Customer,
    words: Words,
    *,
    channel: str,
    purpose: str,
    occasion: str,
    period: str,
    at: datetime,
    by: User | None = None,
    own_id: str = "",
    point: ContactPoint | None = None,
    by_hand: bool | None = None,
    by_rule: bool = False,
    language: str = "",
    reply_token: str = "",
) -> Letter:
    """The letter waits; the one that was written before when there is one about the same for this customer.

    Where Laoke cannot send by the channel, or `by_hand` says so, a colleague sends it and says that they did: it
    is work of whoever wrote it, else of the manager, due on that day.
    """
    hand = not leaves_by_itself(channel) if by_hand is None else by_hand
    number = uuid4()
    letter, created = Letter.objects.get_or_create(
        once_key=f"{customer.pk}|{occasion}|{period}",
        defaults={
            "id": number,
            "customer": customer,
            "channel": channel,
            "purpose": purpose,
            "occasion": occasion,
            "period": period,
            "language": language,
            "sealed": sealed(number, words),
            "reply_token": reply_token or new_token(),
            "own_id": own_id or f"<{number}@{mailing.own_domain()}>",
            "by_hand": hand,
            "by_rule": by_rule,
            "point": point,
            "priority": PRIORITY[Purpose(purpose)],
            "written_at": at,
            "valid_from": at,
            "valid_until": at + (BY_HAND_GOOD_FOR if hand else GOOD_FOR[Purpose(purpose)]),
            "next_at": at,
            "by": by,
        },
    )
    if created and hand:
        _put_on_the_day(letter, by, at=at)
    return letter


def _put_on_the_day(letter: Letter, by: User | None, *, at: datetime) -> None:
    kind, _colon, number = letter.occasion.partition(":")
    about = {"case": int(number)} if kind == "case" and number.isdigit() else {"purpose": letter.purpose}
    todo.open_task(
        letter.customer,
        reason=Todo.Reason.LETTER,
        text={"letter": str(letter.pk), "channel": letter.channel, **about},
        due_on=mall_day(at),
        at=at,
        dedupe_key=work_key(letter.pk),
        # A program has no day: what it writes is work of the manager.
        owner=by if by and Permission.MY_DAY in rights_of(by).permissions else None,
    )


def work_key(letter_id: UUID) -> str:
    """The key of the task of whoever sends this letter by hand."""
    return f"letter:{letter_id}"


def off_the_day(letter_ids: Iterable[UUID], *, at: datetime) -> None:
    """Nobody has to send these by hand any more."""
    keys = [work_key(pk) for pk in letter_ids]
    Todo.objects.filter(dedupe_key__in=keys, state=Todo.State.OPEN).update(state=Todo.State.DROPPED, closed_at=at)


def waiting_by_hand(user: User, today: date) -> QuerySet[Letter]:
    """What waits for a colleague to send it, of the customers in this person's reach."""
    rows = Letter.objects.filter(scope_filter(user, today, "customer__"))
    return rows.filter(state=State.WAITING, by_hand=True)


def new_token() -> str:
    """For the address of the customer's own choices: 24 characters that nobody guesses."""
    return secrets.token_urlsafe(18)


def sealed(number: UUID, words: Words) -> bytes:
    plain = json.dumps([words.subject, words.body, dict(words.headers)], ensure_ascii=False).encode()
    return sealing.encrypt(plain, use=USE, about=number.bytes)


def words_of(letter: Letter) -> Words | None:
    """What it says; None once its words are gone."""
    if letter.sealed is None:
        return None
    subject, body, headers = json.loads(sealing.decrypt(bytes(letter.sealed), use=USE, about=letter.pk.bytes))
    return Words(subject, body, headers)


def withdraw(letters: QuerySet[Letter], *, reason: str, at: datetime) -> int:
    """Those of them that wait do not go out. Returns how many."""
    rows = letters.filter(state__in=OPEN)
    by_hand = list(rows.filter(by_hand=True).values_list("pk", flat=True))
    count = rows.update(state=State.WITHDRAWN, reason=reason, ended_at=at)
    off_the_day(by_hand, at=at)
    return count


def forget(letters: QuerySet[Letter], *, reason: str, at: datetime) -> None:
    """Those of them that wait do not go out, and the words of all are gone."""
    withdraw(letters, reason=reason, at=at)
    letters.update(sealed=None)


def reseal(after: int, most: int) -> Resealed:
    """Words under an old key are under the current one. Letters have no number: a pass looks at those that are left."""
    rows = Letter.objects.filter(sealed__isnull=False).order_by("written_at", "id")[after : after + most]
    letters, changed = list(rows.select_for_update(of=("self",), no_key=True)), 0
    for letter in letters:
        plain = sealing.if_old(bytes(letter.sealed or b""), use=USE, about=letter.pk.bytes)
        if plain is not None:
            Letter.objects.filter(pk=letter.pk).update(sealed=sealing.encrypt(plain, use=USE, about=letter.pk.bytes))
            changed += 1
    return Resealed(after + len(letters) if letters else None, len(letters), changed)
