"""What the customer page says of complaints: what is open, what must be known now, and how often things went wrong."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from complaints import queries
from complaints.cases import prompts
from complaints.models import Case, ServicePrompt, Survey
from complaints.models.cases import OPEN
from core.accounts.models import User
from core.accounts.permissions import StaffRequest, may, needs
from core.accounts.roles import Permission
from core.lib.errors import DomainError
from crm.desk.complaints.wording import TONES, Status
from crm.desk.today import now, today
from customers.access import customer_for
from customers.models import Customer

SHOWN = 5
LATELY = timedelta(days=90)
# At the page somebody talks to the customer or prepares a visit; orders and deliveries are told elsewhere.
MOMENTS = (ServicePrompt.Trigger.CONTACT, ServicePrompt.Trigger.VISIT)


def of(user: User, person: Customer) -> dict[str, Any]:
    """Empty for who does not work complaints."""
    if not may(user, Permission.WORK_COMPLAINTS):
        return {}
    at = now()
    rows = queries.of_customer(person)
    armed = prompts.armed(person, at=at)
    last = Survey.objects.filter(case__customer=person, state=Survey.State.ANSWERED).order_by("-answered_at").first()
    return {
        "may_log": may(user, Permission.LOG_COMPLAINT),
        "cases": [
            {"case": case, "tone": TONES.get(Status(case.status), "grey"), "open": case.is_open}
            for case in rows[:SHOWN]
        ],
        "days": LATELY.days,
        **Case.objects.filter(customer=person).aggregate(
            open=Count("pk", filter=Q(status__in=OPEN)),
            lately=Count("pk", filter=Q(opened_at__gt=at - LATELY)),
            all=Count("pk"),
        ),
        "score": last.score if last else None,
        "prompts": [
            {"pk": prompt.pk, "text": prompts.wording(prompt), "at": prompt.get_trigger_display()}
            for prompt in armed
            if prompt.trigger in MOMENTS
        ],
        "elsewhere": [
            {"text": prompts.wording(prompt), "at": prompt.get_trigger_display()}
            for prompt in armed
            if prompt.trigger not in MOMENTS
        ],
    }


@needs(Permission.WORK_COMPLAINTS)
@require_POST
def acknowledge(request: StaffRequest, pk: int) -> HttpResponse:
    """Seen to: the prompt does not come up again."""
    prompt = ServicePrompt.objects.filter(pk=pk).first()
    if prompt is None:
        raise Http404
    customer_for(request.user, prompt.customer_id, today())
    try:
        prompts.acknowledge(pk, by=request.user, at=now(), outcome=request.POST.get("outcome", "")[:200])
        messages.success(request, _("Seen to"))
    except DomainError as refusal:
        messages.error(request, str(refusal))
    return redirect("desk:customer", prompt.customer_id)
