"""The pages of the days of somebody's life and of those who are not to be reached."""

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Role
from core.lib.almanac.days import LifeDay
from customers.models import ContactStop, LifeDate
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened

pytestmark = pytest.mark.django_db
DAY = {"kind": "birthday", "month": "6", "day": "15", "calendar": "leap", "year": "", "of_whom": "", "label": ""}


def test_a_manager_writes_corrects_confirms_and_removes_a_day(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    customer = make_customer("李雷", manager=chen, birthday=LifeDay(2, 3))
    client.force_login(chen)
    address = reverse("desk:life_dates", args=[customer.pk])

    refused = client.post(address, DAY | {"calendar": "", "month": "2", "day": "30"})
    assert (refused.status_code, LifeDate.objects.count()) == (422, 1)
    assert 'value="30"' in refused.content.decode()
    assert client.post(address, DAY | {"greet": "on"}).status_code == 302

    row = LifeDate.objects.get(leap=True)
    assert (row.greet, LifeDate.objects.get(month=2).greet) == (True, False)
    page = reverse("desk:life_date", args=[customer.pk, row.pk])
    changed = opened(client.get(page).context["form"]) | {"day": "", "of_whom": "女儿"}
    assert client.post(page, changed).status_code == 302
    row.refresh_from_db()
    assert (row.day, row.of_whom, row.leap) == (None, "女儿", True)
    LifeDate.objects.filter(month=2).update(certainty="doubtful", greet=True)
    assert "Doubtful" in client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    doubtful = LifeDate.objects.get(month=2)
    assert "李雷" in client.get(reverse("desk:doubtful_days")).content.decode()
    client.post(reverse("desk:life_date_confirm", args=[customer.pk, doubtful.pk]), {"back": "doubtful"})
    assert "李雷" not in client.get(reverse("desk:doubtful_days")).content.decode()
    client.post(reverse("desk:life_date_remove", args=[customer.pk, row.pk]))
    assert list(LifeDate.objects.values_list("certainty", flat=True)) == ["sure"]
    assert client.get(page).status_code == 404


def test_who_hears_it_stops_and_a_lead_takes_it_back(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, lead = make_user(Role.ACCOUNT_MANAGER, "Chen Jing"), make_user(Role.SERVICE_LEAD)
    customer = make_customer("李雷", manager=chen)
    client.force_login(chen)
    stop = reverse("desk:stop", args=[customer.pk])
    told = {"kind": "no_contact", "since": "2026-11-01", "said_by": "本人", "note": ""}

    assert client.post(stop, told | {"since": "2999-01-01"}).status_code == 422
    client.post(stop, told)

    assert ContactStop.objects.get().kind == "no_contact"
    page = client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    assert "Wants no contact" in page
    assert reverse("desk:stop_undo", args=[customer.pk]) not in page
    client.force_login(lead)
    undo = reverse("desk:stop_undo", args=[customer.pk])
    assert undo in client.get(reverse("desk:customer", args=[customer.pk])).content.decode()
    assert client.post(undo, {"reason": ""}).status_code == 422
    assert client.post(undo, {"reason": "听错了"}).status_code == 302
    assert not ContactStop.objects.exists()
    assert client.get(undo).status_code == 404
