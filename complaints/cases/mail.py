"""An answer in writing leaves as a letter, in the thread of the customer's own mail, and counts once it has left.

Where no mail server is set up, the customer has no address, or Laoke cannot send by the channel (WeChat, the shop's
chat), a colleague sends it and says so; until then the clock goes on. What comes back owes the answer again.
"""

import re
from collections.abc import Callable
from datetime import datetime
from email.utils import make_msgid

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from complaints import queries
from complaints.cases import notices, transitions
from complaints.models import Case, CaseEvent, CaseMail, CaseMessage, Clock, Metric
from complaints.models.clocks import LIVE
from complaints.promises import sla
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError
from core.outbox import mailing
from customers import contact_points
from customers.letters import delivery, shop, writing
from customers.letters.writing import Words
from customers.models import ContactPoint, Letter

State = CaseMail.State
UNSENT = (State.WAITING, State.FAILED, State.BY_HAND)
# Nobody but a colleague gets these on their way.
STUCK = (State.FAILED, State.BY_HAND)
# They can be sent again, or by a colleague.
MENDABLE = (*STUCK, State.BOUNCED)
# What of a case is written, sent and can come back; on the phone and at a visit it has been said.
IN_WRITING = {Case.Channel.EMAIL: "email", Case.Channel.WECHAT: "wechat", Case.Channel.SHOP: "shop"}
LONGEST_THREAD = 20
# What a letter that has ended means for the answer it carries.
_OVER = {
    Letter.State.REFUSED: State.FAILED,
    Letter.State.BLOCKED: State.FAILED,
    Letter.State.EXPIRED: State.FAILED,
    Letter.State.STOPPED: State.FAILED,
    Letter.State.WITHDRAWN: State.DROPPED,
}
# Handed over, and nobody has said yet that it arrived.
_ONLY_PASSED_ON = Q(letter__state=Letter.State.HANDED, letter__by_hand=False, letter__channel__in=delivery.BY_RECEIPT)
_ARRIVED = {Letter.State.DELIVERED: State.DELIVERED, Letter.State.BOUNCED: State.BOUNCED}


def prepare(case: Case, message: CaseMessage, *, at: datetime) -> CaseMail:
    """The message waits to be sent, in the thread of what the customer wrote; or for somebody to send it by hand."""
    thread = _thread(case) if message.channel == Case.Channel.EMAIL else []
    goes = leaves_by_itself(case, message.channel)
    mail = CaseMail(
        message=message,
        state=State.WAITING if goes else State.BY_HAND,
        own_id=make_msgid(idstring=f"case{case.pk}", domain=mailing.own_domain()),
        in_reply_to=thread[-1] if thread else "",
        references=" ".join(thread[-LONGEST_THREAD:]),
        subject=_subject(case),
    )
    mail.letter = _written(mail, case, at=at)
    mail.save()
    return mail


def _written(mail: CaseMail, case: Case, *, at: datetime) -> Letter | None:
    """The letter that carries the answer; None for a caller nobody knows, to whom only a colleague can write."""
    if case.customer is None:
        return None
    headers = {"In-Reply-To": mail.in_reply_to, "References": mail.references} if mail.in_reply_to else {}
    return writing.write(
        case.customer,
        Words(mail.subject, mail.message.body, headers),
        channel=IN_WRITING.get(Case.Channel(mail.message.channel), "email"),
        purpose="service",
        occasion=occasion_of(case),
        period=f"message:{mail.message_id}:{mail.attempt}",
        own_id=mail.own_id,
        point=_preset(case),
        by_hand=mail.state != State.WAITING,
        at=at,
        by=mail.message.author,
    )


def occasion_of(case: Case) -> str:
    """What its letters are about."""
    return f"case:{case.pk}"


def leaves_by_itself(case: Case, channel: str = Case.Channel.EMAIL) -> bool:
    """Whether an answer by this channel is sent without anybody's help: there is a way, and somebody at its end."""
    if channel == Case.Channel.EMAIL:
        return not mailing.loses_mail() and _points(case).exists()
    return case.customer is not None and writing.leaves_by_itself(IN_WRITING[Case.Channel(channel)])


def goes_again(message: CaseMessage) -> bool:
    """Whether Laoke itself can send it once more."""
    return writing.leaves_by_itself(IN_WRITING.get(Case.Channel(message.channel), ""))


def reached(case: Case, *, at: datetime) -> None:
    """The customer has an answer: the waiting clocks are stopped, the first answer is on record for good."""
    case.first_response_at = case.first_response_at or at
    case.acknowledged_at = case.acknowledged_at or at
    sla.stop(case, at=at, metrics=[Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE])
    notices.answered(case, at=at)


def is_under_way(case: Case) -> bool:
    """An answer was written that has not left yet."""
    return CaseMail.objects.filter(message__case=case, message__cycle=case.cycle, state__in=UNSENT).exists()


def is_stuck(case: Case) -> bool:
    """An answer was written that only a colleague gets on its way."""
    return CaseMail.objects.filter(message__case=case, message__cycle=case.cycle, state__in=STUCK).exists()


def deliver_due(*, now: Callable[[], datetime]) -> int:
    """Letters that are due go out, and cases follow what became of theirs; returns how many went."""
    _adopt(at=now())
    shop.announce(at=now(), open_cases=queries.who_complain)
    sent = delivery.deliver_due(now=now, open_cases=queries.who_complain)
    follow(at=now())
    return sent


def _adopt(*, at: datetime) -> None:
    """An answer that waited before there were letters, or whose customer is known by now, has its letter."""
    for mail in CaseMail.objects.filter(state=State.WAITING, letter=None).select_related("message__case__customer"):
        with transaction.atomic():
            mail.letter = _written(mail, mail.message.case, at=at)
            mail.save(update_fields=["letter"])


def follow(*, at: datetime) -> None:
    """Each case knows what became of its letters, at the moment when it happened."""
    moved = CaseMail.objects.filter(letter__isnull=False).exclude(letter__state__in=["waiting", "handing", "planned"])
    moved = moved.exclude(_ONLY_PASSED_ON)
    sent_by_hand = Q(state=State.BY_HAND, letter__state__in=[Letter.State.HANDED, *_ARRIVED])
    for mail in moved.filter(Q(state=State.WAITING) | sent_by_hand).select_related("letter"):
        _follow(mail, at=at)
    for mail in moved.filter(state=State.SENT, letter__state__in=list(_ARRIVED)).select_related("letter"):
        _follow(mail, at=at)


@transaction.atomic
def _follow(mail: CaseMail, *, at: datetime) -> None:
    case = transitions.hold_target(mail.message.case_id)
    mail = CaseMail.objects.select_for_update(of=("self",)).select_related("letter", "message").get(pk=mail.pk)
    letter = mail.letter
    if letter is None:
        return
    passed_on = not letter.by_hand and letter.channel in delivery.BY_RECEIPT
    if mail.state == State.WAITING and passed_on:
        _follow_receipt(mail, case, letter, at=at)
    elif mail.state in (State.WAITING, State.BY_HAND) and letter.handed_at and letter.state not in _OVER:
        _note(mail, case, by=None, at=letter.handed_at)
    elif mail.state == State.WAITING and letter.state in _OVER:
        _note_failure(mail, _OVER[Letter.State(letter.state)], letter.reason, case, at=letter.ended_at or at)
    if mail.state == State.SENT and letter.state in _ARRIVED:
        _note_arrival(mail, case, _ARRIVED[Letter.State(letter.state)], at=letter.ended_at or at)


def _follow_receipt(mail: CaseMail, case: Case, letter: Letter, *, at: datetime) -> None:
    """What was only passed on counts from the moment it is said to have arrived."""
    ended_at = letter.ended_at or at
    if letter.state == Letter.State.DELIVERED:
        _note(mail, case, by=None, at=ended_at)
    elif letter.state != Letter.State.HANDED:
        _note_failure(mail, _OVER.get(Letter.State(letter.state), State.FAILED), letter.reason, case, at=ended_at)


@transaction.atomic
def sent_by_hand(mail_id: int, *, by: User, at: datetime) -> CaseMail:
    """A colleague has sent the answer from a program of their own: from this moment it counts."""
    mail = CaseMail.objects.select_related("message").get(pk=mail_id)
    case = transitions.hold_target(mail.message.case_id)
    mail = CaseMail.objects.select_for_update(of=("self",)).select_related("letter").get(pk=mail_id)
    if mail.state not in MENDABLE:
        raise DomainError(_("This e-mail is: %(how)s.") % {"how": mail.get_state_display()}, code="mail_state")
    if mail.letter and mail.letter.state == Letter.State.WAITING:
        delivery.sent_by_hand(mail.letter.pk, by=by, at=at, open_cases=queries.who_complain)
    _note(mail, case, by=by, at=at)
    return mail


@transaction.atomic
def try_again(mail_id: int, *, by: User, at: datetime) -> CaseMail:
    """The mail that failed waits to be sent once more, as often as the first time."""
    mail = CaseMail.objects.select_for_update(of=("self",)).select_related("message__case__customer").get(pk=mail_id)
    if mail.state not in MENDABLE:
        raise DomainError(_("This e-mail is: %(how)s.") % {"how": mail.get_state_display()}, code="mail_state")
    if not goes_again(mail.message):
        raise DomainError(_("No mail server is set up: send it by hand and press Sent."), code="no_mail_server")
    if mail.message.channel == Case.Channel.EMAIL and not _points(mail.message.case).exists():
        raise DomainError(_("The customer has no e-mail address. Answer in another way."), code="no_address")
    if mail.letter:
        writing.withdraw(Letter.objects.filter(pk=mail.letter.pk), reason="again", at=at)
    mail.state, mail.error, mail.sent_at, mail.attempt = State.WAITING, "", None, mail.attempt + 1
    mail.letter = _written(mail, mail.message.case, at=at)
    mail.save()
    notices.seen_to(mail.message.case, notices.MAIL_FAILED, at=at)
    audit.record(by, "complaint.mail_again", mail.message.case, at=at, mail=mail.own_id)
    return mail


def came_from(case: Case, address: str) -> None:
    """An answer by e-mail goes to this address of the customer, from which they wrote."""
    if case.customer is None:
        return
    point = contact_points.point_of(case.customer, ContactPoint.Kind.EMAIL, address)
    Case.objects.filter(pk=case.pk).update(mail_from=point)


def drop(message: CaseMessage, *, at: datetime) -> None:
    """The words are gone before they were sent: they stay here."""
    letters = Letter.objects.filter(occasion=occasion_of(message.case), period__startswith=f"message:{message.pk}:")
    writing.forget(letters, reason="removed", at=at)
    CaseMail.objects.filter(message=message, state__in=UNSENT).update(state=State.DROPPED)


def _note(mail: CaseMail, case: Case, *, by: User | None, at: datetime) -> None:
    mail.state, mail.sent_at, mail.error = State.SENT, at, ""
    mail.save()
    CaseMessage.objects.filter(pk=mail.message_id).update(sent_at=at)
    reached(case, at=at)
    notices.seen_to(case, notices.MAIL_FAILED, at=at)
    transitions.record(
        case, CaseEvent.Kind.MAILED, by=by, at=at, touched=["mail"], message=mail.message_id, by_hand=by is not None
    )


def _note_failure(mail: CaseMail, state: str, error: str, case: Case, *, at: datetime) -> None:
    """It does not go out by itself any more: somebody has it on their page."""
    mail.state, mail.error = state, error[:200]
    mail.save(update_fields=["state", "error"])
    if state == State.FAILED:
        _tell(mail, case, at=at)


def _note_arrival(mail: CaseMail, case: Case, state: str, *, at: datetime) -> None:
    """It has arrived; or it came back, and the answer is owed again from that moment."""
    mail.state, mail.error = state, mail.letter.reason if mail.letter else ""
    mail.save(update_fields=["state", "error"])
    if state != State.BOUNCED:
        return
    answers = [Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE]
    owed = Clock.objects.filter(case=case, state__in=LIVE, metric__in=answers).exists()
    if case.is_open and case.kind == Case.Kind.COMPLAINT and not owed:
        sla.start(case, Metric.NEXT_RESPONSE, at=at)
    case.needs_a_look = True
    transitions.record(
        case, CaseEvent.Kind.MAIL_BACK, by=None, at=at, touched=["mail"], message=mail.message_id, code=mail.error
    )
    _tell(mail, case, at=at)


def _tell(mail: CaseMail, case: Case, *, at: datetime) -> None:
    notices.tell(
        [case.owner_id or case.queue.department.head_id, mail.message.author_id],
        notices.MAIL_FAILED,
        case,
        key=f"mail:{mail.pk}:{at.isoformat()}",
        at=at,
    )


def _points(case: Case) -> QuerySet[ContactPoint]:
    return ContactPoint.objects.filter(customer=case.customer_id, kind=ContactPoint.Kind.EMAIL)


def _preset(case: Case) -> ContactPoint | None:
    """The address the customer wrote from; of several others the newest."""
    points = _points(case)
    return points.filter(pk=case.mail_from_id or 0).first() or points.order_by("-pk").first()


def _subject(case: Case) -> str:
    """What the customer wrote under, with the number by which an answer finds its case."""
    title = re.sub(
        r"^(\s*(re|aw|回复|回覆|答复)\s*[:：])+", "", " ".join(case.title.split()), flags=re.IGNORECASE
    ).strip()
    return f"Re: {title[:200]} ({case.number})" if title else f"Re: {case.number}"


def _thread(case: Case) -> list[str]:
    """The Message-IDs of what was said by e-mail in this case, oldest first."""
    refs = [(case.received_at, case.source_ref)] if case.channel == Case.Channel.EMAIL else []
    said = CaseMessage.objects.filter(case=case, channel=Case.Channel.EMAIL).order_by("sent_at", "pk")
    left = (State.SENT, State.DELIVERED)
    for message in said:
        own = CaseMail.objects.filter(message=message, state__in=left).values_list("own_id", flat=True).first()
        refs.append((message.sent_at, own or (message.external_ref or "").partition(":")[2]))
    return [named for _at, ref in refs if (named := _named(ref or ""))]


def _named(ref: str) -> str:
    """The reference as a Message-ID, or nothing where it is none."""
    bare = ref.strip().strip("<>")
    return f"<{bare}>" if re.fullmatch(r"[\x21-\x7e]+@[\x21-\x7e]+", bare) and "<" not in bare else ""
