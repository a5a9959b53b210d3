"""What a new mall does first. Each step looks for itself whether it is done."""

from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from complaints.models import QueueMember
from core.accounts.models import Role, User
from core.accounts.permissions import StaffRequest, needs
from core.accounts.roles import Permission, holders
from core.jobs import runs
from crm.checks import mail_is_lost
from crm.desk.today import now
from crm.operating import health
from customers.managers import LOOK_AFTER
from customers.models import Customer, Order
from loyalty.models import TierRules


@dataclass(frozen=True)
class Step:
    done: bool
    title: str
    why: str
    url: str
    label: str


def steps() -> list[Step]:
    """The way from an empty house to the first working day, in order."""
    return [*_until_the_first_night(), *_for_the_first_day()]


def _until_the_first_night() -> list[Step]:
    people, staff = _people(), reverse("desk:staff")
    return [
        Step(
            len(people) > 1 or any(user.holds(*_HUMAN) and len(user.roles) >= len(_HUMAN) for user in people),
            _("Invite your colleagues"),
            _("Each gets a link, chooses a password and sees what their roles need. Who works alone is done here."),
            staff,
            _("Staff"),
        ),
        Step(
            holders(*LOOK_AFTER).exists(),
            _("Say who looks after customers"),
            _("Account managers and team leads have a book of customers. Without one nobody's day begins with a task."),
            staff,
            _("Staff"),
        ),
        Step(
            Order.objects.exists(),
            _("Drop in last year's orders"),
            _("The exports of your shop as they are. Customers come with their orders; nothing else has to be typed."),
            reverse("desk:imports"),
            _("Imports"),
        ),
        Step(
            runs.first_night_is_over(),
            _("Let the first night run"),
            _(
                "At two in the morning Laoke works out who is valuable, who could be and who has gone quiet. Or start it now."
            ),
            reverse("desk:nights"),
            _("Nights"),
        ),
    ]


def _for_the_first_day() -> list[Step]:
    return [
        Step(
            Customer.objects.filter(manager__isnull=False).exists(),
            _("Give customers to their managers"),
            _("A team lead chooses on the page of a customer who looks after them."),
            reverse("desk:staff"),
            _("Staff"),
        ),
        Step(
            QueueMember.objects.exists(),
            _("Say who answers complaints"),
            _("The desk stands, with its hours and promises; its queues need people who take cases."),
            reverse("desk:complaint_settings", args=["members"]),
            _("Complaint settings"),
        ),
        Step(
            TierRules.objects.exists(),
            _("Publish the levels"),
            _("A draft with four levels waits for you. A second person publishes it."),
            reverse("desk:tiers"),
            _("Rules of the levels"),
        ),
        Step(
            not mail_is_lost(),
            _("Connect a mail server"),
            _("Links for colleagues and answers to customers leave by e-mail once EMAIL_URL is set: docs/install.md."),
            "",
            "",
        ),
        Step(
            not health.backup_is_stale(at=now()),
            _("Save it every day"),
            _("A backup that was restored and compared: manage.py backup, once a day, as docs/operations.md says."),
            "",
            "",
        ),
    ]


_HUMAN = [role for role in Role if role != Role.CLIENT]


def _people() -> list[User]:
    people = User.objects.filter(is_active=True).exclude(roles__contains=[Role.CLIENT])
    return [user for user in people if user.has_usable_password()]


@needs(Permission.MANAGE_STAFF)
def first_steps(request: StaffRequest) -> HttpResponse:
    rows = steps()
    done = sum(step.done for step in rows)
    upcoming = next((step for step in rows if not step.done), None)
    return render(
        request, "desk/people/first_steps.html", {"steps": rows, "done": done, "of": len(rows), "upcoming": upcoming}
    )
