"""What service and sales say to each other about an alert, whom they call for, and what they agree on: somebody's work."""

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts import audit
from core.accounts.models import Role, User
from core.accounts.roles import Permission, holders, who_may
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.outbox import delivery
from core.outbox.kinds import Kind, Topic
from customers import managers, todo
from customers.access import in_reach
from customers.models import Todo
from customers.work import stakes
from segmentation.alerts import held_open, work_of
from segmentation.models import Alert, AlertComment

MENTIONED = Kind(
    "alert_mention", Topic.QUESTION, gettext_lazy("%(name)s asks for you: the alert of customer %(number)s")
)
AGREED = Kind(
    "alert_task", Topic.CASE, gettext_lazy("%(name)s gave you work: the alert of customer %(number)s, by %(day)s")
)
KINDS = (MENTIONED, AGREED)
MOST_WORDS = 200
_AT = str.maketrans("＠", "@")


@transaction.atomic
def comment(alert_id: int, *, by: User, text: str, at: datetime) -> AlertComment:
    """A comment of service or sales stands in the discussion; allowed on closed alerts too.

    Whoever is called by “@name” in it is told. Raises Invalid without words, or where somebody who is called for cannot
    open the alert.
    """
    text = text.strip()
    if not text:
        raise Invalid(_("Write a comment first."))
    alert = Alert.objects.select_related("customer").get(pk=alert_id)
    called = _called(alert, text, at) - {by.pk}
    said = AlertComment.objects.create(alert=alert, by=by, text=text, at=at, mentions=sorted(called))
    delivery.tell(
        called,
        MENTIONED,
        {"name": str(by), "number": alert.customer.number},
        key=f"mentioned:{said.pk}",
        thread=f"alert:{alert.pk}",
        at=at,
        link=f"/alerts/{alert.pk}/",
    )
    return said


def _called(alert: Alert, text: str, at: datetime) -> set[int]:
    """The people after an @, by the longest name that stands there; two of one name are both meant."""
    told = text.translate(_AT)
    if "@" not in told:
        return set()
    people = [person for person in who_may(Permission.SUSPECT_LOSS) if f"@{person}" in told]
    names = sorted({str(person) for person in people}, key=len, reverse=True)
    parts = told.split("@")[1:]
    meant = {name for part in parts for name in [next((n for n in names if part.startswith(n)), "")] if name}
    called = [person for person in people if str(person) in meant]
    if not called:
        return set()
    opens = _who_opens(alert, called, at)
    for person in called:
        if person.pk not in opens:
            raise Invalid(
                _("%(name)s cannot open this customer, and would not know what is meant.") % {"name": person},
                code="mention_out_of_reach",
            )
    return {person.pk for person in called}


def _who_opens(alert: Alert, people: Iterable[User], at: datetime) -> set[int]:
    """Who sees the customer, or has spoken here already: service finds them again by their number."""
    seen = in_reach(people, [alert.customer_id], mall_day(at))
    spoke = alert.comments.values_list("by", flat=True)
    return {pk for pk, found in seen.items() if found} | set(spoke)


def talks_with(alert: Alert, *, by: User) -> list[User]:
    """Whom it makes sense to call for: the manager, the leads of that team, service leads, who has spoken; not oneself."""
    ids = set(alert.comments.values_list("by", flat=True))
    manager = alert.customer.manager
    leads = holders(Role.TEAM_LEAD).filter(team=manager.team_id if manager else by.team_id)
    ids |= set((leads | holders(Role.SERVICE_LEAD)).values_list("pk", flat=True))
    ids |= {manager.pk} if manager else set()
    return list(User.objects.filter(pk__in=ids - {by.pk}, is_active=True).order_by("full_name", "pk"))


def can_do(alert: Alert, *, by: User, at: datetime) -> QuerySet[User]:
    """Whose work something can be: those this person gives customers to, and who takes part; all of them see the customer."""
    near = {person.pk for person in talks_with(alert, by=by)}
    people = (managers.choosable(by) | User.objects.filter(pk__in={by.pk, *near}, is_active=True)).distinct()
    return User.objects.filter(pk__in=_who_opens(alert, people, at)).order_by("full_name", "pk")


@transaction.atomic
def agree(alert_id: int, *, by: User, words: str, owner: User, due_on: date, at: datetime) -> Todo:
    """What was agreed is this person's work until that day, on their My day; they are told.

    A purchase, the end of the window or the loss of the customer ends it. Raises AlertClosed, Invalid without words, for a
    day that is over or beyond the window, and for somebody who cannot open the customer.
    """
    alert = held_open(alert_id)
    words = words.strip()[:MOST_WORDS]
    if not words:
        raise Invalid(_("Write what is to be done."), code="words_missing")
    today = mall_day(at)
    last = max(today, alert.window_ends_on)
    if not today <= due_on <= last:
        raise Invalid(
            _("Choose a day from today on, up to the end of the window on %(day)s.") % {"day": last},
            code="decision_day",
        )
    if not owner.is_active or owner.pk not in _who_opens(alert, [owner], at):
        raise Invalid(_("%(name)s cannot open this customer: choose somebody else.") % {"name": owner}, code="owner")
    ordinal = Todo.objects.filter(alert_id=alert.pk).count()
    task = todo.open_task(
        alert.customer,
        reason=Todo.Reason.ALERT,
        text={"task": words, "by": str(by)},
        due_on=due_on,
        at=at,
        dedupe_key=f"alert-task:{alert.pk}:{ordinal}",
        stake=_stake(alert, at),
        alert_id=alert.pk,
        owner=owner,
    )
    audit.record(by, "alert.agreed", alert, at=at, owner=owner.pk, due_on=due_on.isoformat())
    if owner.pk != by.pk:
        told = {"name": str(by), "number": alert.customer.number, "day": due_on.isoformat()}
        thread, link = f"alert:{alert.pk}", f"/alerts/{alert.pk}/"
        delivery.tell([owner.pk], AGREED, told, key=f"agreed:{task.pk}", thread=thread, at=at, link=link)
    return task


def _stake(alert: Alert, at: datetime) -> stakes.Stake:
    """As much as is at stake with the alert itself."""
    own = work_of(alert).exclude(stake_parts={}).order_by("-pk").first()
    if own is None:
        risk = Decimal(str(alert.evidence.get("no_purchase", stakes.FIRST.shares[Todo.Reason.PROMISE])))
        value = alert.customer.standing.value
        return stakes.of(Todo.Reason.ALERT, value=value, risk=risk, table=stakes.in_force(at=at))
    parts = own.stake_parts
    return stakes.Stake(own.at_stake, Decimal(parts["risk"]), Decimal(parts["value"]), parts["version"])


class Said(NamedTuple):
    """One entry of the discussion: a comment with whom it called for, or what was agreed (`task`), by the hour."""

    at: datetime
    by: str
    text: str
    sign: str
    called: list[str]
    task: Todo | None


def discussion(alert: Alert) -> list[Said]:
    """All that was said and agreed about the alert, the oldest first."""
    comments = list(alert.comments.select_related("by"))
    tasks = Todo.objects.filter(alert_id=alert.pk, text__has_key="task").select_related("owner", "closed_by")
    names = _names({pk for said in comments for pk in said.mentions})
    entries = [
        Said(
            said.at,
            str(said.by),
            said.text,
            str(said.get_sign_display()) if said.sign else "",
            [names[pk] for pk in said.mentions if pk in names],
            None,
        )
        for said in comments
    ]
    entries += [Said(task.opened_at, str(task.text.get("by", "")), task.agreed, "", [], task) for task in tasks]
    return sorted(entries, key=lambda said: said.at)


def _names(ids: Collection[int]) -> dict[int, str]:
    return {person.pk: str(person) for person in User.objects.filter(pk__in=ids)} if ids else {}
