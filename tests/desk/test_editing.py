"""Whoever edits sends what they changed; what others changed meanwhile stays, or both texts are shown."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role
from crm.desk import urls
from crm.desk.editing import EditForm
from crm.desk.loyalty.campaigns.forms import CampaignForm, LotteryForm
from customers.models import Customer
from loyalty.models import CouponCampaign, Lottery
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened

# Asked each time anew, or never changed: nothing of it is stored that somebody else could have changed.
ASKED_ANEW = {"code", "reason", "key", "username", "version"}


def every_form(of: type[EditForm] = EditForm) -> Iterator[Any]:
    assert urls.urlpatterns  # every room has been read
    for form in of.__subclasses__():
        yield form
        yield from every_form(form)


def test_every_edit_form_says_what_it_would_open_with() -> None:
    """A field that it leaves out would be overwritten unseen."""
    mute = {form.__name__ for form in every_form() if form.shown is EditForm.shown and not hasattr(form, "_meta")}

    assert mute == {"EditForm"}  # that of a case goes by the version its author saw


def test_a_form_of_a_row_shows_all_that_it_asks() -> None:
    rows = [form for form in every_form() if hasattr(form, "_meta") and form.shown is EditForm.shown]
    unseen = {form.__name__: set(form.base_fields) - set(form._meta.fields or ()) - ASKED_ANEW for form in rows}

    assert len(rows) >= 10
    assert {name: fields for name, fields in unseen.items() if fields} == {}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "row"), [(CampaignForm, CouponCampaign()), (LotteryForm, Lottery())], ids=["coupons", "draw"]
)
def test_a_form_of_its_own_shows_all_that_it_asks(form: Any, row: Any) -> None:
    row.starts_at = row.ends_at = timezone.now()

    assert set(form().fields) - set(form().shown(row)) <= ASKED_ANEW


@pytest.mark.django_db
def test_of_a_field_that_two_changed_the_author_sees_both_texts_and_takes_one(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    manager = make_user(Role.ACCOUNT_MANAGER)
    person = make_customer(manager=manager)
    client.force_login(manager)
    page, address = reverse("desk:customer", args=[person.pk]), reverse("desk:edit_profile", args=[person.pk])
    typed = opened(client.get(page).context["profile_form"]) | {"notes": "爱喝龙井"}
    Customer.objects.filter(pk=person.pk).update(notes="爱喝普洱")

    refused = client.post(address, typed)
    body, form = refused.content.decode(), refused.context["profile_form"]

    assert refused.status_code == 422
    assert ("爱喝龙井" in body, "it says “爱喝普洱” now" in body) == (True, True)
    assert json.loads(form["notes"].theirs) == ["爱喝普洱"]
    assert 'data-take-into="notes"' in body
    client.post(address, opened(form))
    person.refresh_from_db()
    assert person.notes == "爱喝龙井"
