"""How often and at which hours customers are written to: the version that holds, and a new one with its reason."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils.translation import gettext as _

from core.accounts import audit
from core.accounts.models import User
from core.lib import sql
from core.lib.errors import DomainError, Invalid
from core.lib.periods import mall_day, mall_midnight
from customers.letters.gate import Policy
from customers.models import SendPolicy

_CAPPED = sql.load(__file__, "would_be_capped")
FIELDS = ("opens", "closes", "a_day", "in_7_days", "in_30_days", "survey_days")


def last() -> SendPolicy:
    """The version that holds; an unsaved version 0 with the usual figures where nobody has decided any."""
    return SendPolicy.objects.order_by("-version").first() or SendPolicy(version=0)


def in_force() -> Policy:
    row = last()
    return Policy(**{name: getattr(row, name) for name in FIELDS})


@transaction.atomic
def decide(*, base: int, reason: str, by: User, at: datetime, **terms: Any) -> SendPolicy:
    """A new version holds from the next letter on. Raises DomainError when `base` is not the last version any more."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE customers_sendpolicy IN SHARE ROW EXCLUSIVE MODE")
    if last().version != base:
        raise DomainError(_("Somebody has changed this meanwhile. Look at it again."), code="changed_meanwhile")
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    if not 8 <= terms["opens"] < terms["closes"] <= 21:
        raise Invalid(_("Letters go out between 8 and 21 o'clock: carriers take none outside."), code="hours")
    if not 1 <= terms["in_7_days"] <= terms["in_30_days"] or min(terms["a_day"], terms["survey_days"]) < 1:
        raise Invalid(_("At least 1 each, and no more in 7 days than in 30."), code="caps")
    policy = SendPolicy.objects.create(version=base + 1, reason=reason.strip()[:200], by=by, at=at, **terms)
    audit.record(by, "letters.policy", policy, at=at, version=policy.version)
    return policy


class WhatIf(NamedTuple):
    """Of the last thirty days: letters of offers and questions that went out, and those the caps would have kept back."""

    sent: int
    kept_back: int


def what_if(terms: Policy, *, at: datetime) -> WhatIf:
    """What these caps would have done to what went out in the thirty days before `at`, each day for itself."""
    since = mall_midnight(mall_day(at) - timedelta(days=30))
    with connection.cursor() as cursor:
        cursor.execute(
            _CAPPED,
            {
                "since": since,
                "a_day": terms.a_day,
                "in_7": terms.in_7_days,
                "in_30": terms.in_30_days,
                "asked": terms.survey_days,
                "zone": str(since.tzinfo),
            },
        )
        return WhatIf(*cursor.fetchone())
