"""Who has left the demo mall and why, who may be leaving by what was heard, and what was agreed about one of them."""

from datetime import date, timedelta

from core.accounts.models import User
from core.lib.periods import mall_day, mall_moment
from crm.demo.tables.leaving import AGREED, HEARD, LOST, SAID
from customers.models import Customer, Standing
from segmentation import alerts
from segmentation.leaving import discussing, suspecting
from segmentation.models import Alert

HOUR = 15
# Of the alerts of a manager these stay open: the largest.
KEPT_OPEN = 3


def fill(today: date) -> None:
    """The past of a mall with its people; without them nobody has said anything."""
    people = {person.username: person for person in User.objects.filter(username__in=("agent", "service", "zhao"))}
    if len(people) == 3:
        _lose(today)
        _hear(today, people["agent"])
        _talk(today, people["service"], people["zhao"])


def _lose(today: date) -> None:
    by_manager: dict[int | None, list[Alert]] = {}
    rows = Alert.objects.filter(state=Alert.State.OPEN, customer__manager__isnull=False)
    for alert in rows.select_related("customer__manager").order_by("-severity", "pk"):
        by_manager.setdefault(alert.customer.manager_id, []).append(alert)
    small = [alert for own in by_manager.values() for alert in own[KEPT_OPEN:]]
    for n, (alert, left) in enumerate(zip(small[: 2 * len(LOST)], LOST + LOST, strict=False)):
        on = max(alert.opened_on, today - timedelta(days=1 + 3 * n))
        interview: alerts.Interview = {
            "why": left.why,
            "chance": left.chance,
            "recoverable": left.recoverable,
            "rival": left.rival,
            "rival_service": left.rival_service,
            "compared": left.compared,
        }
        by = alert.customer.manager
        if by and on < today:
            alerts.close_lost(alert.pk, by=by, cause=left.cause, interview=interview, on=on, at=mall_moment(on, HOUR))


def _hear(today: date, agent: User) -> None:
    """Of customers who are not quiet at all."""
    at = mall_moment(today - timedelta(days=1), HOUR)
    calm = Customer.objects.filter(manager__isnull=False, standing__customer_class=Standing.Class.ACTIVE)
    calm = calm.exclude(alerts__state=Alert.State.OPEN).filter(stop=None).order_by("-standing__value", "pk")
    for person, (sign, words) in zip(calm[: len(HEARD)], HEARD, strict=False):
        suspecting.suspect(person, by=agent, words=words, sign=sign, at=at)


def _talk(today: date, service: User, manager: User) -> None:
    at = mall_moment(today - timedelta(days=1), HOUR)
    mine = Alert.objects.filter(state=Alert.State.OPEN, customer__manager=manager, window_ends_on__gt=today)
    alert = mine.order_by("-severity", "pk").first()
    if alert and alert.opened_on <= mall_day(at):
        discussing.comment(alert.pk, by=service, text=SAID.format(name=manager), at=at)
        due_on = today + timedelta(days=1)
        discussing.agree(alert.pk, by=manager, words=AGREED, owner=service, due_on=due_on, at=at)
