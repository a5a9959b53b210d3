"""Who looked after whom, and from which day to which."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models

from customers.models.people import Customer


class ManagerSpan(models.Model):
    """A customer had this manager on these days; without an end it is so today, without a beginning it began before the
    record. Kept by a trigger of the customer: whoever changes the manager, by whatever door, changes this with it.
    """

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="spans", db_index=False)
    manager = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False)
    days = DateRangeField()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="one_manager_at_a_time",
                expressions=[("customer", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(condition=models.Q(days__isempty=False), name="manager_span_has_days"),
        ]
        indexes = [models.Index(fields=["manager"], name="span_by_manager")]

    def __str__(self) -> str:
        return f"{self.customer_id}: {self.manager_id} {self.days}"
