"""Which files wait for a worker. Apart from the work, of which whoever only tells the workers needs to load none."""

from django.db.models.functions import Now

from core.jobs import leases
from customers.models import Import


def to_issue() -> list[int]:
    """Imports a worker should look at now, the oldest first."""
    return list(Import.objects.filter(leases.to_be_had(Now())).order_by("pk").values_list("pk", flat=True))
