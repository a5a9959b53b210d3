"""Whoever serves the customer next is told that something went wrong: at the next order, delivery, contact or visit."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from complaints.cases import transitions
from complaints.models import Case, Department, PromptDelivery, ServicePrompt
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers.models import Customer

Status = ServicePrompt.Status
Trigger = ServicePrompt.Trigger
VALID_FOR = timedelta(days=90)


@transaction.atomic
def arm(
    case: Case,
    *,
    trigger: str,
    at: datetime,
    by: User | None,
    text: str = "",
    department: Department | None = None,
    valid_for: timedelta = VALID_FOR,
) -> ServicePrompt:
    """The prompt waits for its moment. The same one for the same case and moment is armed once."""
    if trigger not in Trigger.values:
        raise Invalid(_("Choose the next order, delivery, contact or visit."), code="unknown_trigger")
    same = ServicePrompt.objects.filter(case=case, trigger=trigger, status=Status.ARMED, text=text.strip()[:300])
    if waiting := same.first():
        return waiting
    prompt = ServicePrompt.objects.create(
        customer=transitions.customer_of(case),
        case=case,
        trigger=trigger,
        department=department,
        text=text.strip()[:300],
        valid=DateTimeTZRange(at, at + valid_for),
        armed_by=by,
    )
    audit.record(by, "prompt.armed", prompt, at=at, case=case.pk, trigger=trigger)
    return prompt


def arm_usual(case: Case, *, at: datetime, by: User | None) -> ServicePrompt | None:
    """What the case's category says must be watched next time; unasked for, the next contact. Nobody known: nothing."""
    if case.kind == Case.Kind.GRUMBLE or case.customer_id is None:
        return None
    category = case.category
    trigger = category.prompt_trigger or Trigger.CONTACT
    return arm(case, trigger=trigger, at=at, by=by, text=category.prompt_text, department=category.prompt_department)


def armed(customer: Customer, *triggers: str, at: datetime) -> QuerySet[ServicePrompt]:
    """What must be known when this customer is served now, or at these moments, the gravest case first."""
    prompts = ServicePrompt.objects.filter(customer=customer, status=Status.ARMED, valid__contains=at)
    if triggers:
        prompts = prompts.filter(trigger__in=triggers)
    return prompts.select_related("case__category", "department").order_by("case__severity", "-case_id", "id")


def shown(
    customer: Customer, *triggers: str, context_ref: str, at: datetime, to: User | None = None
) -> list[ServicePrompt]:
    """The armed prompts of these moments, on record as shown at this order, delivery, contact or visit, once for each."""
    prompts = list(armed(customer, *triggers, at=at))
    if not prompts:
        return []
    PromptDelivery.objects.bulk_create(
        [PromptDelivery(prompt=p, context_ref=context_ref[:120], shown_to=to, shown_at=at) for p in prompts],
        ignore_conflicts=True,
    )
    return prompts


@transaction.atomic
def acknowledge(prompt_id: int, *, by: User, at: datetime, outcome: str = "", context_ref: str = "") -> ServicePrompt:
    """A named person has seen to it; the prompt does not come up again."""
    prompt = ServicePrompt.objects.select_for_update().get(pk=prompt_id)
    if prompt.status != Status.ARMED:
        raise DomainError(
            _("This prompt is settled already: %(how)s.") % {"how": prompt.get_status_display()}, code="prompt_settled"
        )
    prompt.status = Status.ACKNOWLEDGED
    prompt.save(update_fields=["status"])
    PromptDelivery.objects.update_or_create(
        prompt=prompt,
        context_ref=(context_ref or f"user:{by.pk}")[:120],
        defaults={"acknowledged_by": by, "acknowledged_at": at, "outcome": outcome.strip()[:200]},
        create_defaults={
            "acknowledged_by": by,
            "acknowledged_at": at,
            "outcome": outcome.strip()[:200],
            "shown_to": by,
            "shown_at": at,
        },
    )
    audit.record(by, "prompt.acknowledged", prompt, at=at, case=prompt.case_id, customer=prompt.customer_id)
    return prompt


def cancel_of(case: Case) -> int:
    """The case is open again: what was to be said afterwards is no longer true."""
    return case.prompts.filter(status=Status.ARMED).update(status=Status.CANCELLED)


def expire_due(*, now: datetime) -> int:
    return ServicePrompt.objects.filter(status=Status.ARMED, valid__fully_lt=DateTimeTZRange(now, None)).update(
        status=Status.EXPIRED
    )


def wording(prompt: ServicePrompt) -> str:
    """What is shown: the words somebody wrote, else a sentence made from the case."""
    case = prompt.case
    about = _("%(number)s about %(category)s") % {"number": case.number, "category": case.category}
    return (
        f"{about}: {prompt.text}"
        if prompt.text
        else _("%(case)s was solved: ask whether all is well.") % {"case": about}
    )
