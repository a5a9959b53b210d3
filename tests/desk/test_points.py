"""The pages of points: the card, the ledger in words, redeeming, asking by hand, deciding, the programme."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from core.rulebook.models import RuleChange
from crm.desk.loyalty.points.forms import RulesForm
from customers.models import Category, Customer
from loyalty.campaigns import draws
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import Lottery, PointAdjustment, PointRules, Redemption, Reward
from loyalty.points import accounts as points
from loyalty.points import adjustments, rewards
from loyalty.points import rules as point_rules
from tests.conftest import MakeCustomer, MakeUser
from tests.desk.forms import opened
from tests.rulebook.stories import confirmed


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(name="Chen")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


@pytest.fixture
def rules(db: None) -> PointRules:
    start = timezone.now() - timedelta(days=10)
    return point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="Tests", at=start)


@pytest.fixture
def rich(rules: PointRules, li_lei: Customer) -> Customer:
    points.grant(li_lei, 500, source="goodwill", key="g", at=timezone.now(), reason="late delivery")
    return li_lei


def for_points(*, begun: bool = True, **terms: Any) -> Lottery:
    """A published draw for points."""
    author, lead = (
        User.objects.create_user(username=name, roles=[Role.ADMINISTRATOR]) for name in ("author", "publisher")
    )
    at = timezone.now()
    made = draws.create(
        "WHEEL",
        by=author,
        at=at,
        name="积分转盘",
        rules="One ticket for points.",
        entry="points",
        starts_at=at + timedelta(hours=-1 if begun else 1),
        ends_at=at + timedelta(days=9),
        **terms,
    )
    prizes = (PrizeFact("杯子", "goods", 100_000, 5, Decimal(20)), PrizeFact("谢谢参与", "thanks", 900_000))
    draws.set_prizes(made.pk, prizes, by=author, at=at)
    draws.publish(made.pk, by=lead, at=at)
    return made


def test_the_customer_page_shows_the_points_and_none_while_there_are_no_rules(
    client: Client, chen: User, li_lei: Customer, make_customer: MakeCustomer
) -> None:
    client.force_login(chen)
    page = reverse("desk:customer", args=[li_lei.pk])
    assert client.get(page).context["points"] == {}
    start = timezone.now()
    point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="Tests", at=start)
    points.grant(li_lei, 500, source="goodwill", key="g", at=timezone.now())

    assert client.get(page).context["points"]["balance"].available == 500


def test_a_reward_is_redeemed_once_however_often_the_form_is_sent(client: Client, chen: User, rich: Customer) -> None:
    cup = Reward.objects.create(name="杯子", points=300)
    client.force_login(chen)
    address = reverse("desk:points", args=[rich.pk])
    key = client.get(address).context["redeem_form"].initial["key"]
    for _again in range(2):
        told = {"key": key, "reward": cup.pk, "quantity": 1}
        assert client.post(reverse("desk:points_redeem", args=[rich.pk]), told).status_code == 302
    taken = Redemption.objects.get()

    assert "300 points set aside" in client.get(address).content.decode()
    client.post(reverse("desk:redemption_hand_over", args=[taken.pk]))
    lines = [row.what for row in client.get(address).context["rows"]]
    assert lines == ["杯子", "杯子", "late delivery"]
    client.post(reverse("desk:redemption_take_back", args=[taken.pk]), {"reason": "broken"})
    assert points.balance(rich, at=timezone.now()).available == 500


def test_what_cannot_be_paid_is_refused_with_the_numbers_and_stays_typed(
    client: Client, chen: User, rich: Customer
) -> None:
    cup = Reward.objects.create(name="杯子", points=300)
    client.force_login(chen)
    told = {"key": "8c0f0a52-7a0e-4a5c-9a70-2f2f8f3f7b11", "reward": cup.pk, "quantity": 2}
    answer = client.post(reverse("desk:points_redeem", args=[rich.pk]), told)

    assert answer.status_code == 422
    assert "Only 500 points can be used, 600 are asked for." in answer.content.decode()
    assert answer.context["redeem_form"]["quantity"].value() == "2"
    assert not Redemption.objects.exists()


def test_above_the_limit_the_lead_decides(client: Client, chen: User, rich: Customer, make_user: MakeUser) -> None:
    lead = make_user(Role.SERVICE_LEAD)
    client.force_login(chen)
    told = {"key": "8c0f0a52-7a0e-4a5c-9a70-2f2f8f3f7b12", "points": 5000, "reason": "wedding present"}
    client.post(reverse("desk:points_adjust", args=[rich.pk]), told)
    asked = PointAdjustment.objects.get()
    assert asked.state == PointAdjustment.State.WAITING
    assert client.post(reverse("desk:point_agree", args=[asked.pk])).status_code == 403

    client.force_login(lead)
    assert [one.pk for one in client.get(reverse("desk:point_programme")).context["waiting"]] == [asked.pk]
    client.post(reverse("desk:point_agree", args=[asked.pk]))

    assert points.balance(rich, at=timezone.now()).available == 5500


@pytest.mark.parametrize(
    ("asked", "thanks", "left"),
    [(200, "+200 points", 700), (5000, "Asked for: a second person decides.", 500)],
)
def test_the_page_says_whether_the_points_have_moved_or_wait(
    client: Client, chen: User, rich: Customer, asked: int, thanks: str, left: int
) -> None:
    client.force_login(chen)
    told = {"key": "8c0f0a52-7a0e-4a5c-9a70-2f2f8f3f7b14", "points": asked, "reason": "wedding present"}

    page = client.post(reverse("desk:points_adjust", args=[rich.pk]), told, follow=True).content.decode()

    assert thanks in page
    assert points.balance(rich, at=timezone.now()).available == left


def test_what_the_lead_refuses_does_not_move(client: Client, chen: User, rich: Customer, make_user: MakeUser) -> None:
    asked = adjustments.request(rich, 5000, reason="wedding", client_key="k", by=chen, at=timezone.now())
    client.force_login(make_user(Role.SERVICE_LEAD))

    client.post(reverse("desk:point_refuse", args=[asked.pk]))

    asked.refresh_from_db()
    assert asked.state == PointAdjustment.State.REFUSED
    assert points.balance(rich, at=timezone.now()).available == 500


def test_only_those_who_reach_the_customer_are_asked_to_decide(
    client: Client, chen: User, rich: Customer, make_user: MakeUser
) -> None:
    client.force_login(chen)
    told = {"key": "8c0f0a52-7a0e-4a5c-9a70-2f2f8f3f7b13", "points": 5000, "reason": "wedding present"}
    client.post(reverse("desk:points_adjust", args=[rich.pk]), told)

    client.force_login(make_user(Role.TEAM_LEAD, "Qian", team="south"))

    assert list(client.get(reverse("desk:point_programme")).context["waiting"]) == []


def test_a_foreign_customer_has_no_ledger(client: Client, rich: Customer, make_user: MakeUser) -> None:
    client.force_login(make_user(name="Zhao"))

    assert client.get(reverse("desk:points", args=[rich.pk])).status_code == 404


def test_rules_are_put_in_force_by_the_administrator(client: Client, make_user: MakeUser, rules: PointRules) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    gold = Category.objects.create(name="Gold")
    told = {
        "excluded_categories": [gold.pk],
        "least_order": "10",
        "most_per_day": "5000",
        "shortfall": "forgiven",
        "rate": "2",
        "pending_days": "7",
        "life_months": "24",
        "life_ends": "year",
        "hold_minutes": "30",
        "grace_days": "30",
        "yuan_per_point": "0.01",
        "reason": "festival",
        "bonus_points": "0",
        "referrer_points": "100",
        "referred_points": "50",
        "referral_least": "30",
        "notice_days": "1",
    }
    assert client.post(reverse("desk:point_rules"), told | {"reason": ""}).status_code == 422
    waits = client.post(reverse("desk:point_rules"), told)
    assert waits["Location"] == reverse("desk:rule_change", args=[RuleChange.objects.get().pk])
    assert point_rules.in_force(timezone.now()) == rules

    confirmed(timezone.now())

    tomorrow = timezone.now() + timedelta(days=1)
    assert point_rules.in_force(timezone.now()) == rules
    found = point_rules.in_force(tomorrow)
    assert found is not None
    assert (found.version, found.rate, found.life_months) == (2, Decimal(2), 24)
    assert (found.excluded_categories, found.least_order, found.most_per_day) == ([gold.pk], Decimal(10), 5000)
    assert found.shortfall == "forgiven"
    again = RulesForm(instance=found)
    assert again["excluded_categories"].value() == [gold.pk]


def test_the_liability_of_the_page_is_that_of_the_ledger(client: Client, rich: Customer, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ANALYST))
    page = client.get(reverse("desk:point_programme"))

    assert (page.context["owed"], page.context["issued"]) == (500, 500)
    assert sum(page.context["months"]["series"][0]["data"]) == 500


def test_the_catalogue_is_edited_by_the_administrator(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    client.post(reverse("desk:reward_new"), {"name": "杯子", "points": "300", "stock": "5", "active": "on"})
    cup = Reward.objects.get()
    client.post(reverse("desk:reward", args=[cup.pk]), {"name": "马克杯", "points": "300", "stock": "", "active": "on"})
    cup.refresh_from_db()

    assert (cup.name, cup.stock) == ("马克杯", None)
    assert client.post(reverse("desk:reward_new"), {"name": "x", "points": "0"}).status_code == 422


def test_a_ticket_is_bought_once_however_often_the_form_is_sent(client: Client, chen: User, rich: Customer) -> None:
    lottery = for_points(points_cost=300)
    client.force_login(chen)
    page = reverse("desk:points", args=[rich.pk])
    [offered] = client.get(page).context["lotteries"]
    told = {"lottery": lottery.pk, "key": offered.key}
    for _again in range(2):
        assert client.post(reverse("desk:points_ticket", args=[rich.pk]), told).status_code == 302

    seen = client.get(page).context
    assert (seen["balance"].available, seen["tickets"], seen["lotteries"]) == (200, 1, [])
    refused = client.post(reverse("desk:points_ticket", args=[rich.pk]), told | {"key": str(uuid4())}, follow=True)
    assert "Only 200 points can be used, 300 are asked for." in refused.content.decode()


def test_a_draw_that_has_not_begun_sells_nothing(client: Client, chen: User, rich: Customer) -> None:
    lottery = for_points(points_cost=300, begun=False)
    client.force_login(chen)
    told = {"lottery": lottery.pk, "key": str(uuid4())}
    refused = client.post(reverse("desk:points_ticket", args=[rich.pk]), told, follow=True)

    assert "This draw sells no tickets for points now." in refused.content.decode()
    assert refused.context["balance"].available == 500


# What was edited is written, and nothing else -------------------------------------------------------------------------


@pytest.fixture
def admin(client: Client, make_user: MakeUser) -> User:
    user = make_user(Role.ADMINISTRATOR)
    client.force_login(user)
    return user


@pytest.fixture
def cup(db: None) -> Reward:
    return Reward.objects.create(name="杯子", description="350 ml", points=100, stock=10)


def test_a_sale_between_opening_and_saving_stays_sold(
    client: Client, admin: User, cup: Reward, rich: Customer, chen: User
) -> None:
    address = reverse("desk:reward", args=[cup.pk])
    typed = opened(client.get(address).context["form"]) | {"name": "马克杯"}
    rewards.reserve(rich, cup, quantity=3, key="sale", at=timezone.now(), by=chen)

    answer = client.post(address, typed, follow=True)

    cup.refresh_from_db()
    assert (cup.name, cup.stock) == ("马克杯", 7)
    assert "马克杯 is saved, 7 in stock." in answer.content.decode()


def test_stock_that_was_typed_counts_from_what_the_form_was_opened_with(
    client: Client, admin: User, cup: Reward, rich: Customer, chen: User
) -> None:
    """Five came in, three were sold meanwhile."""
    address = reverse("desk:reward", args=[cup.pk])
    typed = opened(client.get(address).context["form"]) | {"stock": "15"}
    rewards.reserve(rich, cup, quantity=3, key="sale", at=timezone.now(), by=chen)

    client.post(address, typed)

    cup.refresh_from_db()
    assert cup.stock == 12


def test_a_form_that_is_sent_twice_adds_to_the_stock_once(
    client: Client, admin: User, cup: Reward, rich: Customer, chen: User
) -> None:
    """Ten came in; the second click, or the Back of the browser, comes after a sale of three."""
    address = reverse("desk:reward", args=[cup.pk])
    typed = opened(client.get(address).context["form"]) | {"stock": "20"}
    client.post(address, typed)
    rewards.reserve(rich, cup, quantity=3, key="sale", at=timezone.now(), by=chen)

    again = client.post(address, typed)

    cup.refresh_from_db()
    assert (again.status_code, cup.stock) == (422, 17)
    assert "it says “17” now" in again.content.decode()


def test_a_new_reward_whose_form_is_sent_twice_is_one(client: Client, admin: User) -> None:
    address = reverse("desk:reward_new")
    typed = opened(client.get(address).context["form"]) | {"name": "杯子", "points": "100"}

    assert [client.post(address, typed).status_code for _twice in range(2)] == [302, 302]

    assert Reward.objects.count() == 1


def test_more_cannot_be_taken_off_the_stock_than_sales_have_left(
    client: Client, admin: User, cup: Reward, rich: Customer, chen: User
) -> None:
    address = reverse("desk:reward", args=[cup.pk])
    typed = opened(client.get(address).context["form"]) | {"stock": "1"}
    rewards.reserve(rich, cup, quantity=3, key="sale", at=timezone.now(), by=chen)

    refused = client.post(address, typed)
    assert refused.status_code == 422
    assert "Only 7 are left: some were taken meanwhile." in refused.content.decode()
    client.post(address, opened(refused.context["form"]))

    cup.refresh_from_db()
    assert cup.stock == 1


def test_what_two_people_change_is_refused_once_with_what_it_says_now(client: Client, admin: User, cup: Reward) -> None:
    address = reverse("desk:reward", args=[cup.pk])
    typed = opened(client.get(address).context["form"]) | {"name": "马克杯", "active": ""}
    Reward.objects.update(name="茶杯", description="500 ml")

    refused = client.post(address, typed)
    assert refused.status_code == 422
    assert "it says “茶杯” now" in refused.content.decode()
    assert refused.context["form"]["name"].value() == "马克杯"
    cup.refresh_from_db()
    assert (cup.name, cup.active) == ("茶杯", True)

    client.post(address, opened(refused.context["form"]))
    cup.refresh_from_db()
    assert (cup.name, cup.description, cup.active) == ("马克杯", "500 ml", False)


def test_a_new_version_keeps_what_another_put_in_force_meanwhile(
    client: Client, admin: User, rules: PointRules
) -> None:
    gold = Category.objects.create(name="Gold")
    typed = opened(client.get(reverse("desk:point_programme")).context["rules_form"])
    at = timezone.now()
    theirs = {"rate": Decimal(3), "excluded_categories": [gold.pk]}
    point_rules.save(theirs, starts_at=at, by=None, reason="Festival", at=at)

    client.post(reverse("desk:point_rules"), typed | {"grace_days": "9", "reason": "longer"})

    confirmed(timezone.now())
    made = point_rules.in_force(timezone.now() + timedelta(days=1))
    assert made is not None
    assert (made.version, made.rate, made.excluded_categories, made.grace_days) == (3, Decimal(3), [gold.pk], 9)


def test_points_by_hand_meant_a_second_time_are_booked_a_second_time(
    client: Client, chen: User, rich: Customer
) -> None:
    client.force_login(chen)
    url = reverse("desk:points_adjust", args=[rich.pk])
    asked = {"key": str(uuid4()), "points": 10, "reason": "sorry", "once": uuid4().hex}
    client.post(url, asked)
    again = client.post(url, asked)
    assert (again.status_code, PointAdjustment.objects.count()) == (422, 1)

    client.post(url, asked | {"once": uuid4().hex, "key": again.context["adjust_form"]["key"].value()})

    assert PointAdjustment.objects.count() == 2


def test_a_button_with_a_word_has_its_effect_once(
    client: Client, chen: User, rich: Customer, make_customer: MakeCustomer
) -> None:
    client.force_login(chen)
    told = {"referrer": make_customer("韩梅梅", manager=chen).number, "once": uuid4().hex}
    url = reverse("desk:points_refer", args=[rich.pk])
    client.post(url, told)

    assert "sent already" in client.post(url, told, follow=True).content.decode()
