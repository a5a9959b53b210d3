"""What is said: to the customer, by the customer, among ourselves; and which clocks each of them moves."""

from datetime import datetime

from django.utils.translation import gettext as _

from complaints.cases import mail
from complaints.models import Case, CaseMessage, Clock, Metric
from complaints.models.clocks import LIVE
from complaints.promises import sla
from core.accounts.models import User
from core.lib.errors import Invalid, SameKey

Direction = CaseMessage.Direction
LONGEST = 20_000


def say(case: Case, *, by: User, at: datetime, body: str, channel: str, has_been_said: bool = False) -> CaseMessage:
    """A person has answered the customer, which stops the waiting clocks; what is written does so once it has left.

    `has_been_said`: it is put down afterwards. A mail still leaves; what was said in a chat is not sent again.
    """
    message = CaseMessage.objects.create(
        case=case,
        direction=Direction.OUT,
        channel=channel,
        author=by,
        body=words(body),
        sent_at=at,
        cycle=case.cycle,
        counts_as_response=True,
    )
    if channel == Case.Channel.EMAIL or (channel in mail.IN_WRITING and not has_been_said):
        mail.prepare(case, message, at=at)
    else:
        mail.reached(case, at=at)
    return message


def hear(case: Case, *, at: datetime, body: str, channel: str, external_ref: str = "") -> CaseMessage:
    """The customer has written. The answer is owed from now on, unless an earlier one is owed already."""
    message = CaseMessage.objects.create(
        case=case,
        direction=Direction.IN,
        channel=channel,
        body=words(body),
        sent_at=at,
        cycle=case.cycle,
        external_ref=external_ref or None,
    )
    owed = Clock.objects.filter(
        case=case, state__in=LIVE, metric__in=[Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE]
    ).exists()
    if case.is_open and case.kind == Case.Kind.COMPLAINT and not owed:
        sla.start(case, Metric.NEXT_RESPONSE, at=at)
    return message


def told_before(external_ref: str, body: str) -> CaseMessage | None:
    """The message that came under this name. Raises SameKey when it said something else."""
    if not external_ref:
        return None
    message = CaseMessage.objects.filter(external_ref=external_ref).select_related("case").first()
    if message and message.redacted_at is None and message.body != words(body):
        raise SameKey()
    return message


def note(case: Case, *, by: User, at: datetime, body: str) -> CaseMessage:
    return CaseMessage.objects.create(
        case=case, direction=Direction.NOTE, author=by, body=words(body), sent_at=at, cycle=case.cycle
    )


def words(body: str) -> str:
    body = body.replace("\x00", "").strip()
    if not body:
        raise Invalid(_("Write something first."), code="empty_message")
    if len(body) > LONGEST:
        raise Invalid(_("This is longer than %(most)d characters. Shorten it.") % {"most": LONGEST}, code="too_long")
    return body
