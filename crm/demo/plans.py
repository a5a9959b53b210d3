"""Appointments of the demo mall, past and coming: done, nobody there, missed, called off; and some own plans."""

from datetime import datetime, time, timedelta

from care import appointments, plans
from care.appointments import Agreed
from care.models import Appointment
from care.plans import Asked
from core.accounts.models import Role, User
from core.lib.periods import mall_day, mall_moment
from crm.demo.tables.staff import MANAGERS
from crm.flows.planning import talks
from crm.flows.planning.days_off import working_days
from customers.models import Contact, Customer

DAY = timedelta(days=1)
HOURS = (time(10), time(14), None, time(16, 30))
PLACES = ("客户公司", "客户门店", "我们展厅")
# On which day from today, and what became of it; empty: it is to come.
BOOKED = (
    (-12, "done"),
    (-9, "done"),
    (-8, "nobody"),
    (-6, "done"),
    (-5, "off"),
    (-3, "done"),
    (-2, "missed"),
    *((days, "") for days in (0, 0, 1, 1, 2, 3, 5, 6, 7, 8, 9, 11)),
)
OWN = 3


def load(*, at: datetime) -> int:
    """How many appointments the managers have; nothing when there are some already."""
    if Appointment.objects.exists():
        return 0
    User.objects.filter(username="lead").update(is_leader=True)
    leaders = list(User.objects.filter(is_leader=True))
    today, count = mall_day(at), 0
    days = working_days(today)
    for manager in User.objects.filter(username__in=MANAGERS, roles__contains=[Role.ACCOUNT_MANAGER]).order_by("pk"):
        book = Customer.objects.filter(manager=manager, stop=None, merged_into=None).order_by("-standing__value", "pk")
        people = list(book[: len(BOOKED)])
        for n, customer in enumerate(people[:OWN]):
            asked = Asked(14 + 7 * n, visits_a_year=4, leader_visits_a_year=1 + n % 2, why="老客户，年初约定")
            plans.set_own(customer, asked, by=manager, today=today, at=at - 30 * DAY, days=days)
        for n, (customer, (ahead, fate)) in enumerate(zip(people, BOOKED, strict=False)):
            on = today + ahead * DAY
            if appointments.away([manager.pk], on, on):
                continue
            agreed_at = mall_moment(min(on, today), 9) - 4 * DAY
            agreed = Agreed(
                on,
                HOURS[n % 4],
                how=Appointment.How.VISIT if n % 3 == 0 else Appointment.How.CALL,
                purpose=Appointment.Purpose.LEADER if n % 6 == 0 else Appointment.Purpose.PLAN,
                place=PLACES[n % 3] if n % 3 == 0 else "",
            )
            booked = appointments.book(
                customer,
                agreed,
                by=manager,
                at=agreed_at,
                days=days,
                client_key=f"demo-{customer.pk}",
                attendees=leaders if n % 6 == 0 else (),
            )
            _end(booked.appointment, fate, manager, leaders)
            count += 1
    appointments.pass_days(today=today, at=at)
    plans.refresh(None, today=today, at=at, days=days)
    return count


def _end(row: Appointment, fate: str, by: User, leaders: list[User]) -> None:
    at = mall_moment(row.on, 17)
    if fate == "off":
        days = working_days(row.on)
        appointments.cancel(row.pk, reason="客户临时出差", by=by, at=at - DAY, days=days)
    elif fate in ("done", "nobody"):
        is_visit = row.how == Appointment.How.VISIT
        talks.log(
            row.customer,
            by=by,
            at=at,
            channel=Contact.Channel.VISIT if is_visit else Contact.Channel.PHONE,
            direction=Contact.Direction.OUT,
            outcome=Contact.Outcome.REACHED if fate == "done" else Contact.Outcome.NO_ANSWER,
            mood=Contact.Mood.GOOD if fate == "done" else Contact.Mood.NEUTRAL,
            note="聊了近况和下季度的打算" if fate == "done" else "",
            attendees=leaders if row.purpose == Appointment.Purpose.LEADER else (),
            place=row.place,
        )
