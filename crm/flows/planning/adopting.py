"""Somebody takes on a customer who buys more often: a first talk, and a contact plan of their own from then on."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from care import plans
from care.models import CustomerPlan
from core.accounts.models import User
from core.lib.periods import mall_day
from crm.flows.planning.days_off import working_days
from customers.models import Customer
from segmentation.growing import rising
from segmentation.models import Rising

EVERY_DAYS = 45


@transaction.atomic
def adopt(rising_id: int, *, by: User, at: datetime) -> Rising:
    """As `rising.adopt`; somebody talks with the customer every 45 days, unless a plan of their own says otherwise."""
    row = rising.adopt(rising_id, by=by, at=at)
    customer = Customer.objects.get(pk=row.customer_id)
    if not CustomerPlan.objects.filter(customer=customer).exists():
        today = mall_day(at)
        asked = plans.Asked(EVERY_DAYS, why=_("Adopted: buys more often"))
        plans.set_own(customer, asked, by=by, today=today, at=at, days=working_days(today))
    return row
