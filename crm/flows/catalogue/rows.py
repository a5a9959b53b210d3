"""The rows of each list that somebody may see, whatever is asked of them: pages, tiles and REST begin here."""

from datetime import date

from django.db.models import QuerySet

from complaints import queries
from complaints.models import Case
from core.accounts.models import User
from customers.access import scope_filter
from customers.models import Order
from segmentation.models import Alert


def cases_of(user: User, today: date) -> QuerySet[Case]:
    return Case.objects.filter(queries.reach(user, today))


def alerts_of(user: User, today: date) -> QuerySet[Alert]:
    return Alert.objects.filter(scope_filter(user, today, "customer__", book="customer__standing__"))


def orders_of(user: User, today: date) -> QuerySet[Order]:
    """The newest of a million are read by an index of the time; those of one book by the customers of the book."""
    return Order.objects.filter(scope_filter(user, today, "customer__"))
