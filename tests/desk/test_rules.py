"""The page of the rules: nothing is saved that was not looked at."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from crm.desk.numbers import rules_page
from crm.desk.today import now, today
from crm.flows import nightly
from customers import todo
from customers.models import Standing
from segmentation import rules
from tests.conftest import MakeCustomer, MakeUser
from tests.rulebook.stories import confirmed

pytestmark = pytest.mark.django_db
PREVIEW, SAVE = "desk:rules_preview", "desk:rules_save"


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> User:
    user = make_user(Role.ADMINISTRATOR, "He Min")
    client.force_login(user)
    return user


def draft(**told: Any) -> dict[str, Any]:
    shown = {constant.name: constant.shown(constant.default) for constant in rules.CONSTANTS}
    return shown | {"big_share": 70} | told


def test_what_was_previewed_is_saved(client: Client, admin: User) -> None:
    nightly.run(today())

    previewed = client.post(reverse(PREVIEW), draft())
    seen = previewed.context["previewed"]
    without_reason = client.post(reverse(SAVE), draft(previewed=seen))
    saved = client.post(reverse(SAVE), draft(previewed=seen, reason="fewer big customers"))

    assert previewed.context["preview"]["alerts"] == 0
    assert without_reason.status_code == 422
    assert "Say in a few words why the rules change." in without_reason.content.decode()
    assert saved.status_code == 302
    assert rules.current().version == 1
    confirmed(now())
    assert rules.current(today() + timedelta(days=1)).parameters["big_share"] == 0.7  # today's night has run


def test_what_was_changed_after_the_preview_is_shown_before_it_is_saved(client: Client, admin: User) -> None:
    seen = client.post(reverse(PREVIEW), draft()).context["previewed"]
    other = draft(previewed=seen, big_share=60, reason="fewer big customers")

    refused = client.post(reverse(SAVE), other)

    page = refused.content.decode()
    assert refused.status_code == 422
    assert "These rules have not been previewed yet." in page
    assert 'value="60"' in page
    assert 'value="fewer big customers"' in page
    assert rules.current().version == 1
    client.post(reverse(SAVE), other | {"previewed": refused.context["previewed"]})
    confirmed(now())
    assert rules.current().parameters["big_share"] == 0.6


def test_a_preview_does_not_outlive_the_rules_it_was_compared_with(client: Client, admin: User) -> None:
    seen = client.post(reverse(PREVIEW), draft()).context["previewed"]
    client.post(reverse(SAVE), draft(previewed=seen, reason="somebody was faster"))
    confirmed(now())

    late = client.post(reverse(SAVE), draft(previewed=seen, big_cap=20, reason="mine"))

    assert late.status_code == 422
    assert rules.current().version == 2


def test_the_versions_tell_their_changes_in_the_language_of_the_reader(client: Client, admin: User) -> None:
    seen = client.post(reverse(PREVIEW), draft()).context["previewed"]
    client.post(reverse(SAVE), draft(previewed=seen, reason="少一些大客户"))
    confirmed(now())

    told = client.get(reverse("desk:rules")).context["versions"].rows

    assert [(row.version.version, row.reason) for row in told] == [
        (2, "少一些大客户"),
        (1, "The defaults Laoke starts with"),
    ]
    assert [(before, after) for _label, before, after in told[0].changes] == [("80 %", "70 %")]
    assert told[1].changes == []


def test_a_preview_that_is_opened_again_is_the_page_of_the_rules(client: Client, admin: User) -> None:
    assert client.get(reverse(PREVIEW))["Location"] == reverse("desk:rules")


def test_whoever_may_only_look_neither_previews_nor_saves(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ANALYST))

    assert client.get(reverse("desk:rules")).status_code == 200
    assert {client.post(reverse(name), draft()).status_code for name in (PREVIEW, SAVE)} == {403}


def test_a_version_tells_its_changes_though_the_one_before_stands_on_the_next_page(
    client: Client, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules_page, "VERSIONS_SHOWN", 1)
    seen = client.post(reverse(PREVIEW), draft()).context["previewed"]
    client.post(reverse(SAVE), draft(previewed=seen, reason="少一些大客户"))
    confirmed(now())

    newest = client.get(reverse("desk:rules")).context["versions"]
    oldest = client.get(reverse("desk:rules") + newest.next).context["versions"]

    assert [(before, after) for _label, before, after in newest.rows[0].changes] == [("80 %", "70 %")]
    assert [row.version.version for row in oldest.rows] == [1]
    assert oldest.rows[0].changes == []


def test_what_is_at_stake_is_changed_on_its_page_and_shows_its_what_if(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    chen, at = make_user(Role.ACCOUNT_MANAGER, "Chen"), timezone.now()
    for n, (reason, value) in enumerate((("tier", 1000), ("credit", 600))):
        person = make_customer(f"客户{n}", manager=chen)
        Standing.objects.filter(pk=person.pk).update(value=value)
        todo.open_task(person, reason=reason, text={}, due_on=today(), at=at, dedupe_key=reason, owner=chen)
    client.force_login(make_user(Role.ADMINISTRATOR, "Wu"))
    page, told = (
        reverse("desk:risk_rules"),
        {"promise": "30", "contact": "10", "tier": "10", "check": "2", "booked": "10", "letter": "10"},
    )
    told |= {"reason": "credit hurts"}
    assert f'href="{page}"' in client.get(reverse("desk:rulebook")).content.decode()
    assert "Version 1 is in force" in client.get(page).content.decode()

    propose = reverse("desk:risk_rules_propose")
    for credit in ("0", "101", "x"):
        refused = client.post(propose, told | {"credit": credit})
        assert (refused.status_code, "credit hurts" in refused.content.decode()) == (422, True)
    assert client.post(propose, told | {"credit": "50", "reason": " "}).status_code == 422
    change = client.post(propose, told | {"credit": "50"}, follow=True).content.decode()
    assert "Payment overdue: 50 % instead of 10 %." in change
    assert "place 1" in change
    assert "Rows that change their place in their queue" in change
    assert "A change by Wu" in client.get(page).content.decode()
    client.force_login(make_user(Role.TEAM_LEAD, "Xu"))
    assert client.post(propose, told | {"credit": "50"}).status_code == 403
