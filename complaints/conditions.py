"""What conditions may say of what went wrong for a customer."""

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from complaints.models import Case, Category, Survey
from complaints.models.cases import OPEN
from complaints.queries import NOT_COUNTED
from core.lib.conditions import fields as of
from core.lib.conditions.fields import Context, Cost, Field
from core.lib.conditions.kinds import Kind, Words
from core.lib.conditions.tree import Leaf
from customers.lists.happenings import happening, times_of
from customers.lists.record import latest

GROUP = _("Complaints")


def _counted() -> QuerySet[Case]:
    return Case.objects.filter(kind=Case.Kind.COMPLAINT).exclude(status__in=NOT_COUNTED)


def open_cases() -> QuerySet[Case]:
    """The complaints that count as open ones of their customers."""
    return _counted().filter(status__in=OPEN)


def _open(leaf: Leaf, context: Context) -> Q:
    return times_of(open_cases().filter(customer=OuterRef("customer_id")), leaf)


def _cases(values: Sequence[str]) -> QuerySet[Case]:
    return _counted().filter(category__in=[int(value) for value in values]) if values else _counted()


def _categories() -> list[tuple[str, Words]]:
    return [(str(pk), name) for pk, name in Category.objects.order_by("name").values_list("pk", "name")]


def _late(values: Sequence[str]) -> QuerySet[Case]:
    return _counted().filter(breached=True)


def _satisfaction(leaf: Leaf, context: Context) -> Q:
    """The last answer to the question after a case, 1 to 5."""
    answers = Survey.objects.filter(case__customer=OuterRef("customer_id"), score__isnull=False)
    if leaf.op == "unknown":
        return Q(~Exists(answers))
    newest = answers.order_by("-answered_at", "-pk").values("score")[:1]
    return of.compared_with(leaf, newest)


FIELDS: tuple[Field, ...] = (
    Field("open_cases", _("Open complaints"), Kind.NUMBER, _open, group=GROUP, cost=Cost.PROBE),
    Field(
        "last_case",
        _("Last complaint"),
        Kind.DAY,
        latest(_counted, "received_at"),
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
        says={"unknown": _("never complained")},
    ),
    Field(
        "complained",
        _("Complained"),
        Kind.HAPPENING,
        happening(_cases, at="received_at"),
        group=GROUP,
        cost=Cost.PROBE,
        options=_categories,
        says={"has": _("complained about %(value)s"), "never": _("never complained about %(value)s")},
    ),
    Field(
        "answered_late",
        _("Complaint answered late"),
        Kind.HAPPENING,
        happening(_late, at="received_at"),
        group=GROUP,
        cost=Cost.PROBE,
        says={"has": _("had a complaint past its deadline"), "never": _("no complaint past its deadline")},
    ),
    Field(
        "satisfaction",
        _("Satisfaction after the last case"),
        Kind.NUMBER,
        _satisfaction,
        group=GROUP,
        cost=Cost.PROBE,
        unknown=True,
    ),
)
