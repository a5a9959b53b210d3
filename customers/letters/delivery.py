"""Letters go out: claimed and asked at the gate in one transaction, handed over outside of any, noted in another.

A letter of service whose sender died goes out again under the same Message-ID; any other is *perhaps sent*, counted as
told, and never sent again by itself.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.jobs import leases
from core.lib import retry
from core.lib.errors import DomainError
from core.outbox import gateway, mailing, switches
from customers import contact_points, locks
from customers.letters import facts, gate, rendering, writing
from customers.letters.consent import lock_of
from customers.letters.reasons import REASONS
from customers.models import BadPoint, ContactPoint, Letter, LetterEvent
from customers.models.consent import Channel, Purpose

State = Letter.State
Event = LetterEvent.Kind
# How long a round lasts: the next look is half a minute after this one began.
ROUND = timedelta(seconds=20)
# After this long the gate is asked again before the hand-over.
FRESH = timedelta(seconds=2)
# Text messages in one call.
AT_ONCE = 100
log = logging.getLogger(__name__)
# What the gate said, as the state of a letter that never goes.
ENDS = {gate.Reason.EXPIRED: State.EXPIRED, gate.Reason.WITHDRAWN: State.WITHDRAWN}
Now = Callable[[], datetime]


def deliver_due(*, now: Now, open_cases: facts.OpenCases, limit: int = 1000) -> int:
    """Letters that are due and pass the gate go out, for as long as a round lasts; returns how many did.

    At most `limit` e-mails are looked at: what is left waits for the next round.
    """
    _free_the_dead(now())
    end = now() + ROUND
    sent = _by_gateway(now, open_cases, end=end) if Channel.SMS in writing.ways() else 0
    if Channel.EMAIL not in writing.ways():
        return sent
    with mailing.Line() as line:
        for letter_id, customer_id in _due(Channel.EMAIL, now())[:limit]:
            if now() >= end:
                break
            letter = _claim(letter_id, customer_id, at=now(), open_cases=open_cases)
            sent += letter is not None and _hand_over(letter, line, now)
    return sent


def _by_gateway(now: Now, open_cases: facts.OpenCases, *, end: datetime) -> int:
    """Text messages that are due and pass the gate are handed over, many in one call; returns how many."""
    sent = 0
    while now() < end and (rows := list(_due(Channel.SMS, now())[:AT_ONCE])):
        claims = (_claim(*row, at=now(), open_cases=open_cases) for row in rows)
        letters = [letter for letter in claims if letter is not None]
        if letters and not _in_one_call(letters, now):
            break
        sent += len(letters)
    return sent


def _in_one_call(letters: Sequence[Letter], now: Now) -> bool:
    """Whether the gateway has them. Whatever happens is noted."""
    points = ContactPoint.objects.in_bulk([letter.point_id for letter in letters if letter.point_id])
    try:
        gateway.hand_over([_message(letter, points.get(letter.point_id or 0)) for letter in letters], at=now())
    except Exception as error:
        for letter in letters:
            _failed(letter, error, at=now())
        return False
    for letter in letters:
        _handed(letter.pk, at=now())
    return True


def _message(letter: Letter, point: ContactPoint | None) -> gateway.Handed:
    return {
        "id": str(letter.pk),
        "channel": letter.channel,
        "to": contact_points.opened(point.kind, bytes(point.encrypted)) if point else "",
        "purpose": letter.purpose,
        "text": rendering.text_of(letter),
        "valid_until": letter.valid_until.isoformat(),
    }


def _due(channel: str, at: datetime) -> QuerySet[Letter, tuple[UUID, int]]:
    waiting = Letter.objects.filter(state=State.WAITING, by_hand=False, channel=channel, next_at__lte=at)
    for row in switches.closed().rows:
        stopped = Q() if row.channel == switches.EVERY else Q(channel=row.channel)
        stopped &= Q() if row.purpose == switches.EVERY else Q(purpose=row.purpose)
        waiting = waiting.exclude(stopped, valid_until__gt=at)
    return waiting.order_by("priority", "valid_from", "id").values_list("pk", "customer_id")


@transaction.atomic(durable=True)
def _claim(letter_id: UUID, customer_id: int, *, at: datetime, open_cases: facts.OpenCases) -> Letter | None:
    """The letter is in hand, for it may go; None when it may not, not yet, or somebody else has it."""
    locks.hold(lock_of(customer_id))
    rows = Letter.objects.select_for_update(of=("self",)).select_related("customer")
    letter = rows.filter(pk=letter_id, customer=customer_id, state=State.WAITING).first()
    if letter is None or not _may_go(letter, at=at, open_cases=open_cases):
        return None
    letter.state, letter.attempts, letter.claimed_until = State.HANDING, letter.attempts + 1, at + leases.TERM
    letter.handed_at = at  # it counts as told from now on
    letter.save(update_fields=["state", "attempts", "claimed_until", "handed_at", "point", "reason"])
    _note(letter, Event.CLAIMED, at=at)
    return letter


def _may_go(letter: Letter, *, at: datetime, open_cases: facts.OpenCases) -> bool:
    """What the gate says of it now: it may, or waits, or has ended. Call with the customer's reach held."""
    asked = facts.of([letter], now=at, open_cases=open_cases)[letter.pk]
    verdict = gate.decide(asked.facts)
    if isinstance(verdict, gate.Go):
        letter.point_id, letter.reason = asked.point, ""
        return True
    before, letter.reason = letter.reason, verdict.reason
    if isinstance(verdict, gate.Wait):
        letter.next_at = verdict.until or at
        kind = Event.HELD
    else:
        letter.state, letter.ended_at = ENDS.get(verdict.reason, State.BLOCKED), at
        kind = Event.ENDED
    letter.save(update_fields=["state", "reason", "next_at", "ended_at"])
    if kind == Event.ENDED or before != letter.reason:
        _note(letter, kind, at=at, code=verdict.reason)
    return False


def _hand_over(letter: Letter, line: mailing.Line, now: Now) -> bool:
    """Whether the mail server has it. Whatever happens is noted."""
    claimed_at = letter.handed_at
    mail = rendering.mail_of(letter)
    point = ContactPoint.objects.filter(pk=letter.point_id or 0).first()
    if mail is None or point is None or claimed_at is None or now() - claimed_at > FRESH:
        _put_back(letter, "late", again=now(), at=now())
        return False
    try:
        address = contact_points.opened(point.kind, bytes(point.encrypted))
        line.send(mail.subject, mail.body, address, mail.headers)
    except Exception as error:
        _failed(letter, error, at=now())
        return False
    _handed(letter.pk, at=now())
    return True


@transaction.atomic
def _handed(letter_id: UUID, *, at: datetime) -> None:
    """It has left, whoever may hold it by now."""
    letter = Letter.objects.select_for_update().get(pk=letter_id)
    if letter.state not in (State.HANDING, State.UNKNOWN):
        return
    letter.state, letter.handed_at, letter.claimed_until = State.HANDED, at, None
    letter.save(update_fields=["state", "handed_at", "claimed_until"])
    _note(letter, Event.HANDED, at=at)


def _failed(letter: Letter, error: Exception, *, at: datetime) -> None:
    """It waits for its next attempt; it has ended where it is refused for good, or was tried for the last time.

    What may have left is not sent again, unless it is of service.
    """
    log.warning("letter %s failed: %s", letter.pk, type(error).__name__)
    name = type(error).__name__
    if code := mailing.refused_for_good(error):
        _end(letter, State.REFUSED, f"smtp_{code}", at=at)
    elif not _may_repeat(letter) and not mailing.was_certainly_not_sent(error):
        _end(letter, State.UNKNOWN, name, at=at)
    elif again := retry.next_attempt(retry.MAIL, attempts=letter.attempts, at=at):
        _put_back(letter, name, again=again, at=at)
    else:
        _end(letter, State.REFUSED, name, at=at)


@transaction.atomic
def _put_back(letter: Letter, code: str, *, again: datetime, at: datetime) -> None:
    held = leases.still_held(letter).filter(state=State.HANDING)
    if held.update(state=State.WAITING, next_at=again, reason=code[:40].lower(), claimed_until=None, handed_at=None):
        _note(letter, Event.FAILED, at=at, code=code)


@transaction.atomic
def _end(letter: Letter, state: str, code: str, *, at: datetime) -> None:
    held = leases.still_held(letter).filter(state=State.HANDING)
    told = letter.handed_at if state == State.UNKNOWN else None
    if held.update(state=state, reason=code[:40].lower(), ended_at=at, claimed_until=None, handed_at=told):
        _note(letter, Event.ENDED, at=at, code=code)
        if code.startswith("smtp_") and letter.point_id:
            BadPoint.objects.update_or_create(point_id=letter.point_id, defaults={"since": at, "code": code})


def _may_repeat(letter: Letter) -> bool:
    """Whether it may be handed over twice: an answer that is lost is worse than one that comes twice, and the gateway
    drops what it knows by its id.
    """
    return letter.purpose == Purpose.SERVICE or letter.channel == Channel.SMS


def _free_the_dead(at: datetime) -> None:
    """What a sender died over: a letter of service waits again, any other is perhaps sent. What is too late has ended."""
    over = Letter.objects.filter(state=State.HANDING, claimed_until__lte=at)
    with transaction.atomic():
        for letter in over.select_for_update(skip_locked=True):
            if _may_repeat(letter):
                letter.state, letter.next_at, letter.claimed_until, letter.handed_at = State.WAITING, at, None, None
            else:
                letter.state, letter.reason, letter.ended_at, letter.claimed_until = State.UNKNOWN, "died", at, None
            letter.save(update_fields=["state", "next_at", "reason", "ended_at", "claimed_until", "handed_at"])
            _note(letter, Event.FAILED, at=at, code="died")
    late = Letter.objects.filter(state__in=writing.OPEN, valid_until__lte=at)
    late.update(state=State.EXPIRED, reason=gate.Reason.EXPIRED, ended_at=at)


# By hand --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def sent_by_hand(letter_id: UUID, *, by: User, at: datetime, open_cases: facts.OpenCases) -> Letter:
    """A colleague has sent it, or read it out: asked at the gate at this very moment. Raises DomainError with why not."""
    customer_id = Letter.objects.values_list("customer_id", flat=True).get(pk=letter_id)
    locks.hold(lock_of(customer_id))
    letter = Letter.objects.select_for_update(of=("self",)).select_related("customer").get(pk=letter_id)
    if letter.state != State.WAITING or not letter.by_hand:
        raise DomainError(_("This letter is: %(how)s.") % {"how": letter.get_state_display()}, code="letter_state")
    if reason := why_not_now(letter, at=at, open_cases=open_cases):
        raise DomainError(_("Do not send this now: %(why)s.") % {"why": reason}, code="gate_closed")
    letter.state, letter.handed_at, letter.reason = State.HANDED, at, ""
    letter.save(update_fields=["state", "handed_at", "reason"])
    _note(letter, Event.BY_HAND, at=at, by=by)
    audit.record(by, "letter.sent_by_hand", letter.customer, at=at, letter=str(letter.pk), channel=letter.channel)
    return letter


def why_not_now(letter: Letter, *, at: datetime, open_cases: facts.OpenCases) -> str:
    """What stands against sending it at this moment, as a phrase; empty when it may go. Nothing is written."""
    verdict = gate.decide(facts.of([letter], now=at, open_cases=open_cases)[letter.pk].facts)
    return "" if isinstance(verdict, gate.Go) else str(REASONS[verdict.reason])


# What others say of it ------------------------------------------------------------------------------------------------


@transaction.atomic
def receipt(letter_id: UUID, *, state: str, code: str, key: str, at: datetime) -> bool:
    """Somebody says what became of it, empty: nothing new; False when this was said before. A state never goes back."""
    letter = Letter.objects.select_for_update(of=("self",)).filter(pk=letter_id).first()
    if letter is None or LetterEvent.objects.filter(key=key).exists():
        return False
    LetterEvent.objects.create(letter=letter, kind=Event.RECEIPT, at=at, code=f"{state} {code}".strip()[:60], key=key)
    if not state or letter.state not in (State.HANDED, State.UNKNOWN):
        return True  # it was read, or has ended already
    letter.state, letter.reason, letter.ended_at = state, code[:40], at
    letter.handed_at = letter.handed_at or at
    letter.save(update_fields=["state", "reason", "ended_at", "handed_at"])
    if state == State.BOUNCED and letter.point_id:
        BadPoint.objects.update_or_create(point_id=letter.point_id, defaults={"since": at, "code": code[:60]})
    return True


def _note(letter: Letter, kind: str, *, at: datetime, code: str = "", by: User | None = None) -> None:
    LetterEvent.objects.create(
        letter=letter,
        kind=kind,
        at=at,
        code=code[:60],
        key=f"{letter.pk}:{kind}:{letter.attempts}:{at.isoformat()}:{code[:40]}",
        by=by,
    )
