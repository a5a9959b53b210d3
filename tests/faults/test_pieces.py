"""While the night stands in one piece of a step, nobody waits for what the pieces before it have touched."""

import pytest
from django.db import transaction
from django.utils import timezone

from customers.models import Order
from loyalty.models import PointAccount
from loyalty.points import orders as point_orders
from tests.faults import digest
from tests.faults.conftest import Digest, Eve, done, planned
from tests.faults.processes import Lock, Processes, until


def accounts_waited_for() -> list[int]:
    """Customers whose new orders the night gives points for, in the order in which it does."""
    ids = point_orders.arrived(at=timezone.now())
    owners = dict(Order.objects.filter(pk__in=ids).values_list("pk", "customer_id"))
    return list(dict.fromkeys(owners[pk] for pk in ids))


def stands_in_the_last(processes: Processes, *options: str) -> tuple[Lock, int]:
    """The night waits for the account of the last customer; the lock it waits for, and the first customer."""
    first, *_others, last = accounts_waited_for()
    PointAccount.objects.get_or_create(customer_id=last, defaults={"settled_at": timezone.now()})
    lock = Lock(f"SELECT 1 FROM loyalty_pointaccount WHERE customer_id = {last} FOR UPDATE").__enter__()
    processes.night(str(planned().business_date), "--orders-at-once", "1", *options)
    lock.caught()
    return lock, first


def test_accounts_of_earlier_pieces_are_free_while_a_later_one_waits(
    eve: Eve, undisturbed: Digest, processes: Processes
) -> None:
    expected = undisturbed()
    eve()

    lock, first = stands_in_the_last(processes)
    try:
        with transaction.atomic():
            assert PointAccount.objects.select_for_update(nowait=True).get(customer=first).available >= 0
    finally:
        lock.release()
    until(done, "the night is done")

    assert digest.digest() == expected


def test_in_one_transaction_they_would_not_be(eve: Eve, processes: Processes) -> None:
    eve()

    lock, first = stands_in_the_last(processes, "--whole-steps")
    try:
        with pytest.raises(PointAccount.DoesNotExist), transaction.atomic():
            PointAccount.objects.select_for_update(nowait=True).get(customer=first)
    finally:
        lock.release()
    until(done, "the night is done")
