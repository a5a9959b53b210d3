"""What the customer page says of complaints: what is open, what must be known now, and how often things went wrong."""

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.calls import marks
from complaints.cases import prompts
from complaints.models import CallerMark, Case, ServicePrompt, Survey
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from crm.desk.acting import press
from crm.desk.complaints.wording import TONES, Status
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer

SHOWN = 5
LATELY = timedelta(days=90)
# At the page somebody talks to the customer or prepares a visit; what concerns orders and deliveries stands elsewhere.
MOMENTS = (ServicePrompt.Trigger.CONTACT, ServicePrompt.Trigger.VISIT)


class CaseRow(NamedTuple):
    case: Case
    tone: str


class Prompt(NamedTuple):
    """What must be known `at` a moment; `now` when that moment is this page."""

    pk: int
    text: str
    at: str
    now: bool


@dataclass(frozen=True)
class Complaints:
    """The card of one customer. `lately` are those of the last `days` days, `score` the last answer to a survey."""

    may_log: bool
    cases: list[CaseRow]
    open: int
    lately: int
    all: int
    days: int
    score: int | None
    prompts: list[Prompt]
    elsewhere: list[Prompt]
    mark: CallerMark | None


class Asked(NamedTuple):
    counts: QuerySet[Case, tuple[int, int, int]]
    cases: QuerySet[Case]
    armed: QuerySet[ServicePrompt]
    answered: QuerySet[Survey]
    marks: QuerySet[CallerMark]


def asked(customer: Customer) -> Asked:
    """What `of` tells, to be read with the rest of the page."""
    at = now()
    counts = Case.objects.filter(customer=customer).order_by().values("customer")
    answered = Survey.objects.filter(case__customer=customer, state=Survey.State.ANSWERED).order_by("-answered_at")
    return Asked(
        counts.annotate(
            opened=Count("pk", filter=Q(status__in=OPEN)),
            lately=Count("pk", filter=Q(opened_at__gt=at - LATELY)),
            all=Count("pk"),
        ).values_list("opened", "lately", "all"),
        queries.of_customer(customer)[:SHOWN],
        prompts.armed(customer, at=at).defer("valid"),
        answered[:1],
        marks.of(customer, today=today())[:1],
    )


def of(user: User, rows: Asked) -> Complaints | None:
    """None for who does not work complaints."""
    if not may(user, Permission.WORK_COMPLAINTS):
        return None
    opened, lately, all_ = next(iter(rows.counts), (0, 0, 0))
    armed = [
        Prompt(prompt.pk, prompts.wording(prompt), prompt.get_trigger_display(), prompt.trigger in MOMENTS)
        for prompt in rows.armed
    ]
    return Complaints(
        may_log=may(user, Permission.LOG_COMPLAINT),
        cases=[CaseRow(case, TONES.get(Status(case.status), "grey")) for case in rows.cases],
        open=opened,
        lately=lately,
        all=all_,
        days=LATELY.days,
        score=next((survey.score for survey in rows.answered), None),
        prompts=[prompt for prompt in armed if prompt.now],
        elsewhere=[prompt for prompt in armed if not prompt.now],
        mark=next(iter(rows.marks), None),
    )


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def acknowledge(request: StaffRequest, pk: int) -> HttpResponse:
    """Seen to: the prompt does not come up again."""
    prompt = ServicePrompt.objects.filter(pk=pk).first()
    if prompt is None:
        raise Http404
    customer_for(request.user, prompt.customer_id, today())
    outcome = request.POST.get("outcome", "")[:200]
    press(request, lambda: prompts.acknowledge(pk, by=request.user, at=now(), outcome=outcome), _("Seen to"))
    return redirect("desk:customer", prompt.customer_id)
