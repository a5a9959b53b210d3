"""The lead's page: who holds and keeps what, who is away, and behind each number its list."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lxml import html

from core.accounts.models import Role, User
from crm.desk.today import today
from customers.books import leaves
from customers.models import Promise
from customers.promises import ledger
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def east(make_user: MakeUser, make_customer: MakeCustomer) -> dict[str, User]:
    people = {
        "lead": make_user(Role.TEAM_LEAD, "Zhou", team="east"),
        "chen": make_user(name="Chen", team="east", capacity=2),
        "zhao": make_user(name="Zhao", team="east"),
        "wu": make_user(name="Wu", team="south"),
    }
    at = timezone.now()
    for n, owner in enumerate(("chen", "chen", "chen", "zhao", "wu", "lead")):
        person = make_customer(f"客户{n}", manager=people[owner])
        state = (Alert.State.OPEN, Alert.State.RECOVERED)[n % 2]
        Alert.objects.create(
            customer=person,
            kind="quiet",
            state=state,
            last_on=today() - 60 * DAY,
            opened_on=today() - 9 * DAY,
            window_ends_on=today() + 30 * DAY,
            closed_on=None if state == Alert.State.OPEN else today(),
            severity=10,
            evidence={},
        )
        for k, days in enumerate((-3, 5)):
            promise = ledger.make(
                person,
                words="回电",
                due=ledger.to_the_hour(at + days * DAY),
                owner=people[owner],
                by=people[owner],
                at=at - 10 * DAY,
                source=Promise.Source.OTHER,
                source_id=n * 10 + k,
            )
            if n == 1 and days < 0:
                ledger.keep(promise.pk, by=people[owner], at=at - 4 * DAY)
    return people


def found(client: Client, address: str) -> int:
    page: Any = client.get(address)
    return len(html.document_fromstring(page.content.decode()).findall(".//main//*[@data-rows]/*[@data-href]"))


def test_each_number_opens_its_list(client: Client, east: dict[str, User]) -> None:
    leaves.note(east["zhao"], starts_on=today(), ends_on=today() + DAY, cover=east["chen"], by=None, at=timezone.now())
    client.force_login(east["lead"])
    page = client.get(reverse("desk:overview"))
    rows = {str(row.person): row for row in page.context["rows"]}

    assert list(rows) == ["Chen", "Zhao", "Zhou"]
    chen = rows["Chen"]
    # Zhao's late promise and the one that falls due while she is away are with who stands in.
    numbers = (chen.book.count, chen.promises.count, chen.late.count, chen.undecided.count, chen.recovered.count)
    assert (numbers, chen.is_over) == ((3, 6, 3, 2, 1), True)
    assert (chen.kept.kept, chen.kept.due) == (1, 3)
    assert (rows["Zhao"].cover, rows["Chen"].leave) == ("Chen", None)
    for row in rows.values():
        cells = [row.book, row.promises, row.late, row.undecided, row.recovered]
        for cell in cells:
            assert found(client, cell.url) == cell.count, (str(row.person), cell)
        assert found(client, row.kept_url) == row.kept.due
    client.force_login(east["wu"])
    assert client.get(reverse("desk:overview")).status_code == 403
    assert found(client, f"{reverse('desk:promises')}?who={east['chen'].pk}&show=open") == 2
