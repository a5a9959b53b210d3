"""An answer by e-mail leaves in the thread of the customer's own mail, and counts as an answer once it has left.

A mail is claimed in one transaction, sent outside of any, and noted in another, as in the outbox. Where no mail server is
set up, or the customer has no address, a colleague sends it and says so; until then the clock goes on.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime
from email.utils import make_msgid

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from complaints.cases import notices, transitions
from complaints.models import Case, CaseEvent, CaseMail, CaseMessage, Metric
from complaints.promises import sla
from core.accounts import audit
from core.accounts.models import User
from core.jobs import leases
from core.lib import retry
from core.lib.errors import DomainError
from core.outbox import mailing
from customers import contact_points
from customers.models import ContactPoint

State = CaseMail.State
UNSENT = (State.WAITING, State.FAILED, State.BY_HAND)
# Nobody but a colleague gets these on their way.
STUCK = (State.FAILED, State.BY_HAND)
LONGEST_THREAD = 20
log = logging.getLogger(__name__)


def prepare(case: Case, message: CaseMessage, *, at: datetime) -> CaseMail:
    """The message waits to be sent, in the thread of what the customer wrote; or for somebody to send it by hand."""
    thread = _thread(case)
    return CaseMail.objects.create(
        message=message,
        state=State.WAITING if leaves_by_itself(case) else State.BY_HAND,
        own_id=make_msgid(idstring=f"case{case.pk}", domain=mailing.own_domain()),
        in_reply_to=thread[-1] if thread else "",
        references=" ".join(thread[-LONGEST_THREAD:]),
        subject=_subject(case),
        next_attempt_at=at,
    )


def leaves_by_itself(case: Case) -> bool:
    """Whether an answer by e-mail is sent without anybody's help: there is a mail server, and an address."""
    return not mailing.loses_mail() and _points(case).exists()


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


def deliver_due(*, now: Callable[[], datetime], limit: int = 100) -> int:
    """Send what is due and nobody else is sending, at most `limit` mails; returns how many were sent."""
    sent = 0
    for _turn in range(limit):
        due = CaseMail.objects.filter(state=State.WAITING, next_attempt_at__lte=now())
        mail = leases.take(due.order_by("next_attempt_at", "pk"), at=now())
        if mail is None:
            break
        if error := _send(mail):
            _note_failure(mail, error, at=now())
        else:
            _note_sent(mail.pk, by=None, at=now())
            sent += 1
    return sent


@transaction.atomic
def sent_by_hand(mail_id: int, *, by: User, at: datetime) -> CaseMail:
    """A colleague has sent the answer from their own mail program: from this moment it counts."""
    mail = CaseMail.objects.select_related("message").get(pk=mail_id)
    case = transitions.hold_target(mail.message.case_id)
    mail = CaseMail.objects.select_for_update().get(pk=mail_id)
    if mail.state not in STUCK:
        raise DomainError(_("This e-mail is: %(how)s.") % {"how": mail.get_state_display()}, code="mail_state")
    _note(mail, case, by=by, at=at)
    return mail


@transaction.atomic
def try_again(mail_id: int, *, by: User, at: datetime) -> CaseMail:
    """The mail that failed waits to be sent once more, as often as the first time."""
    mail = CaseMail.objects.select_for_update(of=("self",)).select_related("message__case").get(pk=mail_id)
    if mail.state not in STUCK:
        raise DomainError(_("This e-mail is: %(how)s.") % {"how": mail.get_state_display()}, code="mail_state")
    if mailing.loses_mail():
        raise DomainError(_("No mail server is set up: send it by hand and press Sent."), code="no_mail_server")
    if not _points(mail.message.case).exists():
        raise DomainError(_("The customer has no e-mail address. Answer in another way."), code="no_address")
    mail.state, mail.attempts, mail.next_attempt_at, mail.error = State.WAITING, 0, at, ""
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


def drop(message: CaseMessage) -> None:
    """The words are gone before they were sent: they stay here."""
    CaseMail.objects.filter(message=message, state__in=UNSENT).update(state=State.DROPPED, claimed_until=None)


def _send(mail: CaseMail) -> str:
    """Why it did not go out, or nothing. Whatever the transport raises, the mail waits for its next turn."""
    message = CaseMessage.objects.select_related("case").get(pk=mail.message_id)
    point = _point(message.case)
    if point is None:
        return _("no e-mail address")
    headers = {"Message-ID": mail.own_id}
    if mail.in_reply_to:
        headers |= {"In-Reply-To": mail.in_reply_to, "References": mail.references}
    try:
        address = contact_points.opened(point.kind, bytes(point.encrypted))
        EmailMessage(mail.subject, message.body, to=[address], headers=headers).send()
    except Exception as error:
        return type(error).__name__
    return ""


@transaction.atomic
def _note_sent(mail_id: int, *, by: User | None, at: datetime) -> None:
    """It has left, whoever may hold it by now; a second word of that changes nothing."""
    mail = CaseMail.objects.select_related("message").get(pk=mail_id)
    case = transitions.hold_target(mail.message.case_id)
    mail = CaseMail.objects.select_for_update().get(pk=mail_id)
    if mail.state != State.SENT:
        _note(mail, case, by=by, at=at)


def _note(mail: CaseMail, case: Case, *, by: User | None, at: datetime) -> None:
    mail.state, mail.sent_at, mail.error, mail.claimed_until = State.SENT, at, "", None
    mail.save()
    CaseMessage.objects.filter(pk=mail.message_id).update(sent_at=at)
    reached(case, at=at)
    notices.seen_to(case, notices.MAIL_FAILED, at=at)
    transitions.record(
        case, CaseEvent.Kind.MAILED, by=by, at=at, touched=["mail"], message=mail.message_id, by_hand=by is not None
    )


@transaction.atomic
def _note_failure(mail: CaseMail, error: str, *, at: datetime) -> None:
    """It waits for its next attempt; after the last somebody has it on their page."""
    log.warning("mail %s failed: %s", mail.pk, error)
    again = retry.next_attempt(retry.MAIL, attempts=mail.attempts, at=at)
    held = leases.still_held(mail).filter(state=State.WAITING)
    noted = held.update(
        state=State.WAITING if again else State.FAILED,
        next_attempt_at=again or mail.next_attempt_at,
        error=error[:200],
        claimed_until=None,
    )
    if noted and not again:
        case = Case.objects.select_related("queue__department").get(pk=mail.message.case_id)
        notices.tell(
            [case.owner_id or case.queue.department.head_id, mail.message.author_id],
            notices.MAIL_FAILED,
            case,
            key=f"mail:{mail.pk}:{at.isoformat()}",
            at=at,
        )


def _points(case: Case) -> QuerySet[ContactPoint]:
    return ContactPoint.objects.filter(customer=case.customer_id, kind=ContactPoint.Kind.EMAIL)


def _point(case: Case) -> ContactPoint | None:
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
    for message in said:
        own = CaseMail.objects.filter(message=message, state=State.SENT).values_list("own_id", flat=True).first()
        refs.append((message.sent_at, own or (message.external_ref or "").partition(":")[2]))
    return [named for _at, ref in refs if (named := _named(ref or ""))]


def _named(ref: str) -> str:
    """The reference as a Message-ID, or nothing where it is none."""
    bare = ref.strip().strip("<>")
    return f"<{bare}>" if re.fullmatch(r"[\x21-\x7e]+@[\x21-\x7e]+", bare) and "<" not in bare else ""
