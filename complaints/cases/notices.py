"""Messages of the desk to colleagues, stored with the change that causes them and gone when somebody has seen to it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from complaints.models import Case, Metric
from core.accounts.models import User
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic

YOURS = Kind("case_yours", Topic.CASE, _("Case %(number)s is yours (P%(priority)d)"))
TAKEN = Kind("case_taken", Topic.CASE, _("Case %(number)s is with %(name)s now"))
BACK = Kind("case_back", Topic.CASE, _("Case %(number)s is back in the queue %(queue)s"))
NO_ROOM = Kind("case_no_room", Topic.CASE, _("Case %(number)s waits in %(queue)s: nobody has room"))
TO_BE_TAKEN = Kind("case_to_be_taken", Topic.CASE, _("Case %(number)s waits in %(queue)s until somebody takes it"))
REOPENED = Kind("case_reopened", Topic.CASE, _("Case %(number)s is open again"))
BIG = Kind("case_big", Topic.BIG, _("Your big customer complains: %(number)s (P%(priority)d)"))
ASKED = Kind("question", Topic.QUESTION, _("%(number)s: a question to %(department)s"))
ASKED_LATE = Kind("question_late", Topic.QUESTION, _("%(number)s: %(department)s has not answered in time"))
ANSWERED = Kind("question_answered", Topic.QUESTION, _("%(number)s: %(department)s has answered"))
DECLINED = Kind("question_declined", Topic.QUESTION, _("%(number)s: %(department)s declines the question"))
REMEDY_WAITS = Kind("remedy_waits", Topic.APPROVAL, _("%(number)s: a remedy waits for your approval"))
REMEDY_TO_GIVE = Kind("remedy_to_give", Topic.CASE, _("%(number)s: a remedy is approved, now give it"))
REMEDY_REFUSED = Kind("remedy_refused", Topic.REFUSED, _("%(number)s: a remedy was refused"))
TIME_RUNS_OUT = Kind(
    "time_runs_out",
    Topic.PROMISE,
    _("%(number)s: %(percent)d %% of the time for “%(promise)s” is used up"),
    {"promise": Metric},
)
MAIL_FAILED = Kind("mail_failed", Topic.PROMISE, _("%(number)s: the answer did not reach the customer by e-mail"))
UNHAPPY = Kind("unhappy", Topic.UNHAPPY, _("%(number)s: the customer is not content (%(score)d of 5)"))
ACTION = Kind("action", Topic.IMPROVEMENT, _("Keeps coming back: %(cause)s (%(count)d cases)"))
ACTION_LATE = Kind("action_late", Topic.IMPROVEMENT, _("Overdue since %(day)s: %(cause)s"))
UNCONFIRMED_YEAR = Kind("year", Topic.FAULT, _("Holidays of %(year)d are not confirmed: %(calendar)s"))

ANSWERS = (Metric.FIRST_RESPONSE, Metric.NEXT_RESPONSE)
KINDS = (
    YOURS,
    TAKEN,
    BACK,
    NO_ROOM,
    TO_BE_TAKEN,
    REOPENED,
    BIG,
    ASKED,
    ASKED_LATE,
    ANSWERED,
    DECLINED,
    REMEDY_WAITS,
    REMEDY_TO_GIVE,
    REMEDY_REFUSED,
    TIME_RUNS_OUT,
    MAIL_FAILED,
    UNHAPPY,
    ACTION,
    ACTION_LATE,
    UNCONFIRMED_YEAR,
)
# What nobody has to see to once the case has ended.
OVER_WITH_THE_CASE = (
    YOURS,
    TAKEN,
    BACK,
    NO_ROOM,
    TO_BE_TAKEN,
    REOPENED,
    BIG,
    ASKED,
    ASKED_LATE,
    TIME_RUNS_OUT,
    REMEDY_WAITS,
)
# What a person has seen to by doing something with the case.
OVER_WITH_A_DEED = (YOURS, NO_ROOM, TO_BE_TAKEN, BACK, REOPENED, ANSWERED, DECLINED, MAIL_FAILED)


def tell(
    user_ids: Iterable[int | None],
    kind: Kind,
    case: Case,
    *,
    key: str,
    at: datetime,
    thread: str = "",
    link: str = "",
    **params: Any,
) -> None:
    """Each of these people has the message about the case once; nobody (None) is left out. It leads to `link`, or there."""
    delivery.tell(
        user_ids,
        kind,
        {"number": case.number, **params},
        key=key,
        thread=thread or thread_of(case),
        at=at,
        link=link or f"/complaints/{case.pk}/",
    )


def thread_of(case: Case) -> str:
    return f"case:{case.pk}"


def handed(case: Case, *, at: datetime) -> None:
    """The case has found an owner, or lost one: nobody else has to take it, or thinks that it is theirs."""
    bell.settle(thread_of(case), (YOURS, NO_ROOM, TO_BE_TAKEN, BACK), at=at)


def acted(case: Case, by: User, *, at: datetime) -> None:
    """This person has done something with the case, and needs not be told any more that they should."""
    bell.settle(thread_of(case), OVER_WITH_A_DEED, at=at, users=[by.pk])


def answered(case: Case, *, at: datetime) -> None:
    """The customer has an answer: no time runs out for one."""
    bell.settle(thread_of(case), [TIME_RUNS_OUT], at=at, params__promise__in=[*ANSWERS])


def seen_to(case: Case, kind: Kind, *, at: datetime) -> None:
    """What this kind told about the case is done with."""
    bell.settle(thread_of(case), [kind], at=at)


def ended(case: Case, *, at: datetime) -> None:
    """The case is closed, one way or another: what was to be done about it has left every bell."""
    bell.settle(thread_of(case), OVER_WITH_THE_CASE, at=at)
