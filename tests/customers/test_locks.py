"""Customers who are held: by whom, in which order, and against what."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from customers import locks
from customers.models import Contact, Customer
from tests.conftest import NOW, MakeCustomer, MakeUser
from tests.races import PATIENCE, let_pass

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷")


@pytest.fixture
def han_meimei(make_customer: MakeCustomer) -> Customer:
    return make_customer("韩梅梅")


def meanwhile(job: Callable[[], Any]) -> tuple[threading.Thread, threading.Event]:
    done = threading.Event()

    def run() -> None:
        try:
            job()
            done.set()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, done


@transaction.atomic
def hold_both(one: Customer, other: Customer) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")  # as the rows lie
    locks.hold_customers([one.pk, other.pk])


def is_taken(customer: Customer) -> bool:
    try:
        with transaction.atomic():
            Customer.objects.select_for_update(nowait=True).get(pk=customer.pk)
    except DatabaseError:
        return True
    return False


def test_several_are_taken_in_the_order_of_their_ids(li_lei: Customer, han_meimei: Customer) -> None:
    li_lei.save()  # his row is now the later one in the table

    with transaction.atomic():
        locks.hold_customers([han_meimei.pk])
        thread, done = meanwhile(lambda: hold_both(han_meimei, li_lei))
        let_pass(done)

        assert not done.is_set()
        assert is_taken(li_lei)  # first he, then the wait for her
    thread.join(PATIENCE)
    assert done.is_set()


@pytest.mark.parametrize("against_new_rows", [False, True])
def test_what_is_held_still_gets_new_rows_unless_that_is_held_off_too(
    li_lei: Customer, make_user: MakeUser, against_new_rows: bool
) -> None:
    wang = make_user()

    def talk() -> None:
        Contact.objects.create(customer=li_lei, by=wang, at=NOW, channel="phone", outcome="reached")

    with transaction.atomic():
        locks.hold_customers([li_lei.pk], against_new_rows=against_new_rows)
        thread, done = meanwhile(talk)
        let_pass(done)

        assert done.is_set() is not against_new_rows
    thread.join(PATIENCE)
    assert Contact.objects.count() == 1


def test_an_import_sees_that_somebody_waits_for_its_chunk() -> None:
    with transaction.atomic():
        locks.hold_off_everyone()
        before = locks.somebody_waits()
        thread, done = meanwhile(transaction.atomic(lambda: locks.hold_off_imports(["order:shop:1"])))
        end = time.monotonic() + PATIENCE
        while not locks.somebody_waits() and time.monotonic() < end:
            time.sleep(0.01)
        during = locks.somebody_waits()
    thread.join(PATIENCE)

    assert (before, during, done.is_set()) == (False, True, True)
