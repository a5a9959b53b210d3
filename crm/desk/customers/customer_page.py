"""What stands on the customer page: who, the three axes with their why, the usual interval, what happened, what to do."""

from typing import Any

from core.accounts.permissions import StaffRequest, mask
from core.accounts.roles import Field
from crm.desk.customers import cases
from crm.desk.customers.forms import AssignForm, ContactForm, ProfileForm, RevealForm
from crm.desk.customers.record import reach
from crm.desk.customers.record.forms import ContactPointForm
from crm.desk.customers.timeline import Timeline
from crm.desk.loyalty.campaigns import club_page, coupon_page, credit_page
from crm.desk.loyalty.points import ledger
from crm.desk.loyalty.tiers import level
from crm.desk.paging import page_of
from crm.desk.today import today
from crm.desk.work import interval
from customers.models import Customer, Merge, Todo
from customers.record import fields
from segmentation.explain import explain
from segmentation.models import Alert

EVENTS_SHOWN = 60


def context(request: StaffRequest, customer: Customer) -> dict[str, Any]:
    """The page as it is opened; whoever answers a refused form puts that form in the place of its own."""
    reader = request.user
    why = explain(customer, reader=reader)
    return {
        "customer": customer,
        "standing": mask(reader, customer.standing, value=Field.VALUE, potential=Field.VALUE),
        "today": today(),
        "why": why,
        "interval": interval.chart(customer, why) if why else None,
        "alert": Alert.objects.filter(customer=customer, state=Alert.State.OPEN).first(),
        "complaints": cases.of(reader, customer),
        "timeline": page_of(request, Timeline(customer, reader), EVENTS_SHOWN),
        "todos": list(Todo.objects.filter(customer=customer, state=Todo.State.OPEN).order_by("due_on", "pk")),
        "reached_by": reach.rows(customer),
        "point_form": ContactPointForm(),
        "custom": answers(customer),
        "earlier_numbers": list(customer.merged.values_list("number", flat=True)),
        "merges": list(Merge.objects.filter(winner=customer, undone_at=None).select_related("loser").order_by("-at")),
        "level": level.card(customer),
        "points": ledger.card(reader, customer),
        "wallet": coupon_page.card(reader, customer),
        "clubs": club_page.card(customer),
        "on_account": credit_page.card(reader, customer, today()),
        "contact_form": ContactForm(),
        "profile_form": ProfileForm(instance=customer),
        "reveal_form": RevealForm(),
        "assign_form": AssignForm(by=reader),
    }


def answers(customer: Customer) -> list[tuple[str, str]]:
    """The mall's own fields that are answered, by their names."""
    return [(asked.name, customer.custom[asked.key]) for asked in fields.in_use() if customer.custom.get(asked.key)]
