"""Two records that may be one person: found every night with the reasons, until somebody says that they are two."""

from datetime import date, datetime

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.errors import Invalid
from customers.access import visible_to
from customers.models import Customer, NotTheSame, PossibleDuplicate

MOST_IN_A_BLOCK = 6
MOST_PAIRS = 10_000
REASONS = {
    "phone": _("Same phone"),
    "email": _("Same e-mail"),
    "address": _("Same address"),
    "birthday": _("Same name and birthday"),
    "city": _("Same name and city"),
}


@transaction.atomic
def find(*, on: date) -> int:
    """The list is what the records say now, the best founded pairs first; returns how many there are.

    Pairs of which somebody has said that they are two people are not on it. Doing it again changes nothing.
    """
    steps = sql.steps(__file__, "duplicates")
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS found_duplicates")
        cursor.execute(steps["find"], {"block": MOST_IN_A_BLOCK, "most": MOST_PAIRS})
        cursor.execute(steps["store"], {"on": on})
        cursor.execute("SELECT count(*) FROM customers_possibleduplicate")
        return int(cursor.fetchone()[0])


def pairs_for(user: User, today: date) -> QuerySet[PossibleDuplicate]:
    """The pairs of which the user may see both, the best founded first."""
    people = visible_to(user, today).values("pk")
    pairs = PossibleDuplicate.objects.filter(first__in=people, second__in=people)
    related = ("first__standing", "second__standing", "first__manager", "second__manager")
    return pairs.select_related(*related).order_by("-score", "pk")


def apart_for(user: User, today: date) -> QuerySet[NotTheSame]:
    """The pairs of which somebody has said that they are two people, the latest first."""
    people = visible_to(user, today).values("pk")
    pairs = NotTheSame.objects.filter(first__in=people, second__in=people)
    return pairs.select_related("first", "second", "by").order_by("-at", "-pk")


@transaction.atomic
def not_the_same(one: Customer, other: Customer, *, by: User, at: datetime) -> None:
    """These are two people: no night proposes them again. Saying it twice changes nothing. Raises Invalid for one."""
    if one.pk == other.pk:
        raise Invalid(_now("These are one record."), code="same_customer")
    first, second = sorted((one, other), key=lambda customer: customer.pk)
    _row, is_new = NotTheSame.objects.get_or_create(first=first, second=second, defaults={"by": by, "at": at})
    PossibleDuplicate.objects.filter(first=first, second=second).delete()
    if is_new:
        audit.record(by, "customer.not_the_same", first, at=at, other=second.pk)


@transaction.atomic
def maybe_the_same(one: Customer, other: Customer, *, by: User, at: datetime) -> None:
    """What somebody said of these two is taken back: the next night may propose them."""
    pair = [one.pk, other.pk]
    if NotTheSame.objects.filter(Q(first__in=pair) & Q(second__in=pair)).delete()[0]:
        audit.record(by, "customer.maybe_the_same", one, at=at, other=other.pk)
