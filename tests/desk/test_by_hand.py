"""What people do by hand for one customer: an account frozen, a ticket given, a proposed limit taken back."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import AuditEntry, Role, User
from crm.flows.record import merging
from customers.models import Customer
from loyalty.campaigns import credit
from loyalty.models import CreditLimitChange, LotteryTicket
from loyalty.points import accounts
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import DAY, goods, published

KEY = "8c0f0a52-7a0e-4a5c-9a70-2f2f8f3f7b21"


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen", team="east")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Zhou", team="east")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


@pytest.fixture
def stranger(make_customer: MakeCustomer, make_user: MakeUser) -> Customer:
    return make_customer("韩梅梅", manager=make_user(Role.ACCOUNT_MANAGER, "Wu", team="south"))


def body(client: Client, name: str, pk: int) -> str:
    answer = client.get(reverse(f"desk:{name}", args=[pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_an_account_is_frozen_and_thawed_with_a_reason_each(
    client: Client, chen: User, lead: User, li_lei: Customer
) -> None:
    freeze, thaw = (reverse(f"desk:points_{verb}", args=[li_lei.pk]) for verb in ("freeze", "thaw"))
    client.force_login(lead)
    assert freeze in body(client, "points", li_lei.pk)

    assert client.post(freeze, {"reason": ""}).status_code == 422
    assert client.post(freeze, {"reason": "three refunds a day"}).status_code == 302
    assert accounts.balance(li_lei, at=timezone.now()).frozen
    assert thaw in body(client, "points", li_lei.pk)
    assert "three refunds a day" in body(client, "points_thaw", li_lei.pk)
    client.force_login(chen)
    assert "is frozen" in body(client, "points", li_lei.pk)
    assert thaw not in body(client, "points", li_lei.pk)
    assert client.post(thaw, {"reason": "it was me"}).status_code == 403
    client.force_login(lead)
    client.post(thaw, {"reason": "a gift shop"})

    assert not accounts.balance(li_lei, at=timezone.now()).frozen
    lines = AuditEntry.objects.filter(action__startswith="points.").order_by("pk")
    assert [(line.action, line.detail["reason"]) for line in lines] == [
        ("points.frozen", "three refunds a day"),
        ("points.thawed", "a gift shop"),
    ]


def test_an_account_out_of_reach_is_not_frozen(client: Client, lead: User, stranger: Customer) -> None:
    client.force_login(lead)

    assert client.post(reverse("desk:points_freeze", args=[stranger.pk]), {"reason": "fraud"}).status_code == 404
    assert not accounts.balance(stranger, at=timezone.now()).frozen


def test_a_ticket_is_given_once_however_often_the_form_is_sent(
    client: Client, lead: User, li_lei: Customer, stranger: Customer
) -> None:
    at = timezone.now()
    lottery = published(goods(), starts_at=at - DAY, ends_at=at + 9 * DAY)
    give = reverse("desk:draw_give_ticket", args=[lottery.pk])
    client.force_login(lead)
    assert give in body(client, "draw", lottery.pk)

    data = {"customer": li_lei.number.lower(), "reason": "birthday", "key": KEY}
    assert [client.post(give, data).status_code for _again in range(2)] == [302, 302]
    assert client.post(give, data | {"customer": stranger.number}).status_code == 422
    assert client.post(give, data | {"customer": "C9999999"}).status_code == 422

    ticket = LotteryTicket.objects.get()
    assert (ticket.customer, ticket.source, ticket.status) == (li_lei, "gift", "issued")
    assert AuditEntry.objects.filter(action="draw.ticket_given").count() == 1


def test_a_ticket_given_to_a_merged_number_is_that_of_the_record_that_stays(
    client: Client, lead: User, chen: User, li_lei: Customer, make_customer: MakeCustomer
) -> None:
    at = timezone.now()
    lottery = published(goods(), starts_at=at - DAY, ends_at=at + 9 * DAY)
    twin = make_customer("李雷 二", manager=chen)
    merging.merge(twin, li_lei, by=lead, at=at, reason="one person")
    client.force_login(lead)
    data = {"customer": twin.number, "reason": "birthday", "key": KEY}

    assert client.post(reverse("desk:draw_give_ticket", args=[lottery.pk]), data).status_code == 302

    assert LotteryTicket.objects.get().customer == li_lei


def test_a_draw_that_is_over_gives_no_ticket(client: Client, lead: User, li_lei: Customer) -> None:
    at = timezone.now()
    lottery = published(goods(), starts_at=at - 9 * DAY, ends_at=at - DAY)
    client.force_login(lead)
    data = {"customer": li_lei.number, "reason": "birthday", "key": KEY}

    answer = client.post(reverse("desk:draw_give_ticket", args=[lottery.pk]), data)

    assert answer.status_code == 422
    assert "This draw is over." in answer.content.decode()
    assert not LotteryTicket.objects.exists()


def test_who_proposed_a_limit_takes_it_back_and_nobody_else(
    client: Client, chen: User, lead: User, li_lei: Customer
) -> None:
    at = timezone.now()
    waits = {"change": credit.propose_limit(li_lei, limit="30000", term_days=30, reason="monthly", by=chen, at=at).pk}
    withdraw = reverse("desk:credit_withdraw", args=[li_lei.pk])
    client.force_login(lead)
    assert withdraw not in body(client, "credit_account", li_lei.pk)
    answer = client.post(withdraw, waits, follow=True)
    assert "Only who proposed this limit takes it back." in answer.content.decode()
    assert CreditLimitChange.objects.get().status == "proposed"

    client.force_login(chen)
    assert withdraw in body(client, "credit_account", li_lei.pk)
    client.post(withdraw, waits)
    assert "decided already" in client.post(withdraw, waits, follow=True).content.decode()
    assert client.post(withdraw).status_code == 404

    change = CreditLimitChange.objects.get()
    assert (change.status, change.account.credit_limit) == ("withdrawn", 0)
    assert "monthly" in body(client, "credit_account", li_lei.pk)
