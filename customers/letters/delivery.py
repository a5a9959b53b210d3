"""Letters go out: claimed and asked at the gate in one transaction, handed over outside of any, noted in another.

A letter of service whose sender died goes out again under the same Message-ID; any other is *perhaps sent*, counted as
told, and never sent again by itself.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.jobs import leases
from core.lib import retry
from core.lib.errors import DomainError
from core.lib.periods import mall_time
from core.outbox import bounces, gateway, mailing, switches
from customers import contact_points, locks
from customers.letters import facts, gate, rendering, writing
from customers.letters.consent import lock_of
from customers.letters.reasons import REASONS
from customers.models import BadPoint, ContactPoint, Letter, LetterEvent, Todo
from customers.models.consent import Channel, Purpose

State = Letter.State
Event = LetterEvent.Kind
# How long a round lasts: the next look is half a minute after this one began.
ROUND = timedelta(seconds=20)
# After this long the gate is asked again before the hand-over.
FRESH = timedelta(seconds=2)
# Letters in one call of the gateway.
AT_ONCE = 100
# Who takes these only passes them on, to a colleague's telephone or to a chat: they count once their receipt says so.
BY_RECEIPT = (Channel.WECHAT, Channel.SHOP)
NO_RECEIPT = "no_receipt"
# What of the record a channel needs, where a colleague sends.
REACHED_BY = {
    Channel.PHONE: ContactPoint.Kind.PHONE,
    Channel.SMS: ContactPoint.Kind.PHONE,
    Channel.EMAIL: ContactPoint.Kind.EMAIL,
    Channel.POST: ContactPoint.Kind.ADDRESS,
}
log = logging.getLogger(__name__)
# What the gate said, as the state of a letter that never goes.
ENDS = {gate.Reason.EXPIRED: State.EXPIRED, gate.Reason.WITHDRAWN: State.WITHDRAWN}
Now = Callable[[], datetime]
_TAKE = """
    UPDATE customers_letter l
       SET state = 'handing', reason = '', attempts = l.attempts + 1, claimed_until = %s, handed_at = %s,
           point_id = told.point
      FROM unnest(%s::uuid[], %s::bigint[]) AS told (id, point)
     WHERE l.id = told.id
"""


def deliver_due(*, now: Now, open_cases: facts.OpenCases, limit: int = 1000) -> int:
    """Letters that are due and pass the gate go out, for as long as a round lasts; returns how many did.

    At most `limit` e-mails are looked at: what is left waits for the next round.
    """
    _free_the_dead(now())
    end = now() + ROUND
    sent = sum(_by_gateway(channel, now, open_cases, end=end) for channel in gateway.channels())
    if Channel.EMAIL not in writing.ways():
        return sent
    left: set[UUID] = set()
    with mailing.Line() as line:
        for _turn in range(limit):
            if now() >= end:
                break
            taken = claim(due(Channel.EMAIL, now()), 1, at=now(), open_cases=open_cases, left=left)
            if not taken.looked:
                break
            sent += sum(_hand_over(letter, line, now) for letter in taken.letters)
    return sent


def _by_gateway(channel: str, now: Now, open_cases: facts.OpenCases, *, end: datetime) -> int:
    """Letters that are due and pass the gate are handed over, many in one call; returns how many.

    What takes longer to make ready than the gate's word is good for goes back, and fewer are taken next.
    """
    sent, left, most = 0, set[UUID](), AT_ONCE
    while now() < end:
        taken = claim(due(channel, now()), most, at=now(), open_cases=open_cases, left=left)
        messages = _messages(taken.letters, now)
        if taken.letters and now() - (taken.letters[0].handed_at or now()) > FRESH:
            for letter in messages:
                _put_back(letter, "late", again=now(), at=now())
            most = max(1, most // 2)
            continue
        if not taken.looked or (messages and not _in_one_call(messages, now)):
            break
        sent += len(messages)
    return sent


def _messages(letters: Sequence[Letter], now: Now) -> dict[Letter, gateway.Handed]:
    """What is handed over of each; one that cannot be made ready has failed, and holds up no other."""
    points = ContactPoint.objects.in_bulk([letter.point_id for letter in letters if letter.point_id])
    messages: dict[Letter, gateway.Handed] = {}
    for letter in letters:
        try:
            messages[letter] = _message(letter, points.get(letter.point_id or 0))
        except Exception as error:
            _failed(letter, error, at=now())
    return messages


def _in_one_call(messages: Mapping[Letter, gateway.Handed], now: Now) -> bool:
    """Whether the gateway has them. Whatever happens is noted."""
    try:
        gateway.hand_over([*messages.values()], at=now())
    except Exception as error:
        for letter in messages:
            _failed(letter, error, at=now())
        return False
    note_handed([letter.pk for letter in messages], at=now())
    return True


def _message(letter: Letter, point: ContactPoint | None) -> gateway.Handed:
    """Raises LookupError for a number that is gone since the gate was asked."""
    if point is None and letter.channel != Channel.WECHAT:
        raise LookupError
    return {
        "id": str(letter.pk),
        "channel": letter.channel,
        "to": contact_points.opened(point.kind, bytes(point.encrypted)) if point else letter.customer.number,
        "purpose": letter.purpose,
        "text": rendering.text_of(letter),
        "valid_until": letter.valid_until.isoformat(),
    }


def due(channel: str, at: datetime) -> QuerySet[Letter]:
    """What nobody has to send by hand, waits, and is not stopped; the most urgent first."""
    waiting = Letter.objects.filter(state=State.WAITING, by_hand=False, channel=channel, next_at__lte=at)
    for row in switches.closed().rows:
        stopped = Q() if row.channel == switches.EVERY else Q(channel=row.channel)
        stopped &= Q() if row.purpose == switches.EVERY else Q(purpose=row.purpose)
        waiting = waiting.exclude(stopped, valid_until__gt=at)
    return waiting.order_by("priority", "valid_from", "id")


class Taken(NamedTuple):
    """How many letters were looked at, and those that may go: they are in hand."""

    looked: int
    letters: list[Letter]


@transaction.atomic(durable=True)
def claim(letters: QuerySet[Letter], most: int, *, at: datetime, open_cases: facts.OpenCases, left: set[UUID]) -> Taken:
    """The first of them that may go are in hand, at most one of each customer, whose letters count each other.

    It waits for nobody: what somebody else holds, or whose customer is just saying something, is `left` for later.
    """
    rows = letters.exclude(pk__in=left).select_for_update(of=("self",), skip_locked=True).select_related("customer")
    found = list(rows[:most])
    first = {row.customer_id: row for row in reversed(found)}
    free = locks.hold_if_free(lock_of(customer_id) for customer_id in first)
    left.update(row.pk for customer_id, row in first.items() if lock_of(customer_id) not in free)
    mine = [row for row in found if first[row.customer_id] is row and lock_of(row.customer_id) in free]
    asked = facts.of(mine, now=at, open_cases=open_cases)
    going = [row for row in mine if _may_go(row, asked[row.pk], at=at)]
    if going:
        with connection.cursor() as cursor:
            ids, points = [row.pk for row in going], [row.point_id for row in going]
            cursor.execute(_TAKE, [at + leases.TERM, at, ids, points])
    for row in going:
        row.state, row.attempts, row.claimed_until = State.HANDING, row.attempts + 1, at + leases.TERM
        row.handed_at = at  # it counts as told from now on
    _note_all(going, Event.CLAIMED, at=at)
    return Taken(len(found), going)


def _may_go(letter: Letter, asked: facts.Asked, *, at: datetime) -> bool:
    """What the gate says of it now: it may, or waits, or has ended. Call with the customer's reach held."""
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
    point = ContactPoint.objects.filter(pk=letter.point_id or 0).first()
    try:
        mail = rendering.mail_of(letter)
        if mail is None or point is None or claimed_at is None or now() - claimed_at > FRESH:
            _put_back(letter, "late", again=now(), at=now())
            return False
        address = contact_points.opened(point.kind, bytes(point.encrypted))
        line.send(mail.subject, mail.body, address, mail.headers)
    except Exception as error:
        _failed(letter, error, at=now())
        return False
    note_handed([letter.pk], at=now())
    return True


@transaction.atomic
def note_handed(ids: Sequence[UUID], *, at: datetime) -> None:
    """They have left, whoever may hold them by now."""
    rows = Letter.objects.filter(pk__in=ids, state__in=(State.HANDING, State.UNKNOWN)).order_by("pk")
    letters = list(rows.select_for_update())
    left = Letter.objects.filter(pk__in=[row.pk for row in letters])
    left.update(state=State.HANDED, handed_at=at, claimed_until=None)
    _note_all(letters, Event.HANDED, at=at)


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
    """Whether it may be handed over twice: an answer that is lost is worse than one that comes twice, and gateway and
    shop drop what they know by its id.
    """
    return letter.purpose == Purpose.SERVICE or letter.channel != Channel.EMAIL


def _free_the_dead(at: datetime) -> None:
    """What a sender died over: a letter of service waits again, any other is perhaps sent. What is too late has ended.

    What was passed on and nobody has said to have arrived is perhaps sent, once its time is over.
    """
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
    by_hand = list(late.filter(by_hand=True).values_list("pk", flat=True))
    late.update(state=State.EXPIRED, reason=gate.Reason.EXPIRED, ended_at=at)
    writing.off_the_day(by_hand, at=at)
    passed_on = Letter.objects.filter(state=State.HANDED, by_hand=False, channel__in=BY_RECEIPT)
    passed_on.filter(valid_until__lte=at).update(state=State.UNKNOWN, reason=NO_RECEIPT, ended_at=at)


# By hand --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def sent_by_hand(letter_id: UUID, *, by: User, at: datetime, open_cases: facts.OpenCases) -> Letter:
    """A colleague has sent it, or read it out: asked at the gate at this very moment; the work of it is done.

    Raises DomainError with why not.
    """
    letter = _held_by_hand(letter_id, at=at, open_cases=open_cases)
    letter.state, letter.handed_at, letter.reason = State.HANDED, at, ""
    letter.save(update_fields=["state", "handed_at", "reason"])
    _note(letter, Event.BY_HAND, at=at, by=by)
    work = Todo.objects.filter(dedupe_key=writing.work_key(letter.pk), state=Todo.State.OPEN)
    work.update(state=Todo.State.DONE, closed_at=at, closed_by=by)
    audit.record(by, "letter.sent_by_hand", letter.customer, at=at, letter=str(letter.pk), channel=letter.channel)
    return letter


@transaction.atomic
def address_for(letter_id: UUID, *, by: User, at: datetime, open_cases: facts.OpenCases) -> list[str]:
    """Where a colleague reaches the customer with it, in clear: asked at the gate at this very moment, and on record.

    Raises DomainError with why it may not go now, and when the customer has said so.
    """
    letter = _held_by_hand(letter_id, at=at, open_cases=open_cases)
    shown = contact_points.reveal(letter.customer, by=by, purpose=f"letter {letter.pk}", at=at)
    points = letter.customer.contact_points.order_by("kind", "id")
    kind = REACHED_BY.get(Channel(letter.channel))
    in_use = [point.kind == kind and not point.retired for point in points]
    return [value for (_kind, value), is_meant in zip(shown, in_use, strict=True) if is_meant]


def _held_by_hand(letter_id: UUID, *, at: datetime, open_cases: facts.OpenCases) -> Letter:
    """A letter that waits for a colleague and may go now, with its customer's reach held. Raises DomainError if not."""
    customer_id = Letter.objects.values_list("customer_id", flat=True).get(pk=letter_id)
    locks.hold(lock_of(customer_id))
    letter = Letter.objects.select_for_update(of=("self",)).select_related("customer").get(pk=letter_id)
    if letter.state != State.WAITING or not letter.by_hand:
        how, since = str(letter.get_state_display()), letter.ended_at or letter.handed_at
        if since:
            how = _("%(how)s, since %(when)s") % {"how": how, "when": f"{mall_time(since):%m-%d %H:%M}"}
        raise DomainError(_("This letter is: %(how)s.") % {"how": how}, code="letter_state")
    if reason := why_not_now(letter, at=at, open_cases=open_cases):
        raise DomainError(_("Do not send this now: %(why)s.") % {"why": reason}, code="gate_closed")
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
    if state == State.BOUNCED and letter.point_id and bounces.is_about_the_address(code):
        BadPoint.objects.update_or_create(point_id=letter.point_id, defaults={"since": at, "code": code[:60]})
    return True


def _note(letter: Letter, kind: str, *, at: datetime, code: str = "", by: User | None = None) -> None:
    _note_all([letter], kind, at=at, code=code, by=by)


def _note_all(letters: Sequence[Letter], kind: str, *, at: datetime, code: str = "", by: User | None = None) -> None:
    LetterEvent.objects.bulk_create(
        LetterEvent(
            letter=letter,
            kind=kind,
            at=at,
            code=code[:60],
            key=f"{letter.pk}:{kind}:{letter.attempts}:{at.isoformat()}:{code[:40]}",
            by=by,
        )
        for letter in letters
    )
