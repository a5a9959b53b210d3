"""The pages of the levels, through HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import AuditEntry, Role, User
from core.outbox import posting, webhooks
from core.outbox.models import Message, WebhookEvent
from crm.desk.today import today
from customers.models import Customer, Standing, Todo
from loyalty.models import TierDraft, TierOverride, TierRules
from loyalty.notices import Kind
from loyalty.tiers import membership, simulation
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.desk.forms import opened
from tests.loyalty.tiers.stories import content, level_of, levels, night, noon, put_in_force


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "Chen", team="east")


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Zhou", team="east")


@pytest.fixture
def admin(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "He")


@pytest.fixture
def rules(db: None) -> TierRules:
    return put_in_force(content(), today() - timedelta(days=40))


@pytest.fixture
def li_lei(rules: TierRules, make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> Customer:
    """Silver, a year ago all but fifty days: reviewed soon, with nothing bought since."""
    person = make_customer("李雷", manager=chen)
    make_order(person, today() - timedelta(days=20), "1680.00", today=today())
    night(today())
    return person


def sent(client: Client, draft: TierDraft, **changes: str) -> dict[str, Any]:
    """The editor's fields as the browser would send them."""
    page = client.get(reverse("desk:tiers_draft", args=[draft.pk]))
    told: dict[str, Any] = {}
    for level in page.context["levels"]:
        for name in ("code", "name", "qualify", "retain"):
            told[f"{level.prefix}-{name}"] = getattr(level, name)
    for one in [*page.context["choices"], *page.context["numbers"]]:
        told[one.name] = one.value
    for one in page.context["switches"]:
        if one.value:
            told[one.name] = "on"
    return told | {"point_cost": "0.01"} | changes


def test_the_card_says_the_gap_and_the_drawer_why(client: Client, chen: User, li_lei: Customer) -> None:
    client.force_login(chen)

    page = client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
    drawer = client.get(reverse("desk:tiers_why", args=[li_lei.pk])).content.decode()

    assert "¥3,320.00" in page
    assert "to Gold" in page
    assert "¥3,320.00" in drawer
    assert "Leaves the window within 30 days" in drawer
    assert "Reached by purchases" in drawer


def test_a_tile_counts_what_its_list_holds_for_every_role(
    client: Client, li_lei: Customer, make_customer: MakeCustomer, make_user: MakeUser, chen: User, lead: User
) -> None:
    make_customer("韩梅梅", manager=make_user(Role.ACCOUNT_MANAGER, "Wu", team="south"))
    for user, expected in ((chen, 1), (lead, 1), (make_user(Role.SERVICE_LEAD), 2)):
        client.force_login(user)
        total = 0
        for tile in client.get(reverse("desk:tiers_members")).context["levels"]:
            found = client.get(reverse("desk:tiers_members"), {"level": tile.level["code"]}).context
            assert len(found["page"].rows) == tile.count == found["chosen"].count
            total += tile.count
        assert total == expected


def test_roles_that_see_no_customer_see_counts_without_names(client: Client, admin: User, li_lei: Customer) -> None:
    client.force_login(admin)
    page = client.get(reverse("desk:tiers_members"))

    assert [tile.count for tile in page.context["levels"]] == [0, 1, 0]
    assert "李雷" not in page.content.decode()


def test_a_level_at_risk_becomes_a_to_do_that_says_what_is_missing(
    client: Client, chen: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    put_in_force(content(window_months=2, validity_months=2), today() - timedelta(days=40))
    person = make_customer("李雷", manager=chen)
    make_order(person, today() - timedelta(days=30), "1000.00", today=today())
    night(today())
    client.force_login(chen)

    assert "¥800.00" in client.get(reverse("desk:tiers_at_risk")).content.decode()
    client.post(reverse("desk:tiers_at_risk_todos"))

    assert Todo.objects.get().reason == Todo.Reason.TIER
    assert "Silver ends unless ¥800 more is bought by" in client.get(reverse("desk:my_day")).content.decode()


def test_a_promise_is_made_and_ended_by_the_team_lead(client: Client, lead: User, li_lei: Customer) -> None:
    client.force_login(lead)
    told = {"level": "gold", "ends_on": (today() + timedelta(days=30)).isoformat(), "reason": "opening"}

    client.post(reverse("desk:tiers_promise", args=[li_lei.pk]), told)
    assert level_of(li_lei, today()) == "gold"
    assert "promised until" in client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()

    client.post(reverse("desk:tiers_end_promise", args=[li_lei.pk]))
    assert TierOverride.objects.get().ends_on == today()
    assert level_of(li_lei, today()) == "silver"


def test_from_draft_to_publishing_to_rolling_back(client: Client, admin: User, lead: User, li_lei: Customer) -> None:
    Standing.objects.update(customer_class=Standing.Class.BIG)
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")
    told = sent(client, draft, **{"level-1-qualify": "2000", "level-1-retain": "1700"})

    preview = client.post(reverse("desk:tiers_preview", args=[draft.pk]), told | {"transition": "now"})
    assert preview.context["figures"]["falls"] == 1
    assert "李雷" not in preview.content.decode()
    client.post(reverse("desk:tiers_draft", args=[draft.pk]), told)
    starts_on = today() + timedelta(days=1)
    going_on = client.post(
        reverse("desk:tiers_transition", args=[draft.pk]),
        {"transition": "now", "starts_on": starts_on.isoformat(), "reason": "costs", "notice": "Dear members"},
    )
    assert going_on["Location"] == reverse("desk:tiers_confirm", args=[draft.pk])
    own = client.post(reverse("desk:tiers_publish", args=[draft.pk]), {"falls": "1"})
    assert own.status_code == 422
    assert "somebody else has to publish it" in own.content.decode()

    client.force_login(lead)
    page = client.get(reverse("desk:tiers_confirm", args=[draft.pk]))
    assert (page.context["moved"], page.context["movers"]) == (1, [(li_lei.number, "李雷", "Silver", "Member")])
    page = page.content.decode()
    assert "Silver begins at ¥2,000 instead of ¥1,000." in page
    assert "李雷" in page
    wrong = client.post(reverse("desk:tiers_publish", args=[draft.pk]), {"falls": "7"})
    assert (wrong.status_code, TierRules.objects.count()) == (422, 1)
    client.post(reverse("desk:tiers_publish", args=[draft.pk]), {"falls": "1"})
    second = TierRules.objects.get(version=2)
    night(starts_on)
    assert level_of(li_lei, starts_on) == "member"
    page = client.get(reverse("desk:tiers_version", args=[second.pk]), {"replay": "1"})
    assert page.context["aftermath"].as_foretold == page.context["aftermath"].foretold == 1
    cell = client.get(reverse("desk:tiers_moves", args=[second.simulation_id]), {"before": "Silver", "after": "Member"})
    assert [one.name for one in cell.context["page"].rows] == ["李雷"]
    client.force_login(admin)  # who sees no customer, and answers for the rules
    cell = client.get(reverse("desk:tiers_moves", args=[second.simulation_id]), {"before": "Silver", "after": "Member"})
    assert "李雷" in cell.content.decode()
    assert reverse("desk:customer", args=[li_lei.pk]) not in cell.content.decode()
    assert AuditEntry.objects.filter(actor=admin, action="tier.names_seen").count() == 1

    back = simulation.roll_back(second.pk, by=admin, reason="complaints", at=noon(starts_on))
    simulation.publish(back.pk, by=lead, falls=0, at=noon(starts_on))
    night(starts_on + timedelta(days=1))
    assert level_of(li_lei, starts_on + timedelta(days=1)) == "silver"


def test_the_words_for_the_members_go_to_the_systems_that_listen_or_the_page_says_who_has_to(
    client: Client, admin: User, lead: User, rules: TierRules, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = simulation.new_draft(by=admin, at=timezone.now())
    simulation.save_draft(draft.pk, by=admin, at=timezone.now(), reason="costs", notice="Dear members")
    simulation.simulate(draft.pk, by=admin, at=timezone.now())
    client.force_login(lead)

    alone = client.get(reverse("desk:tiers_confirm", args=[draft.pk])).content.decode()
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    webhooks.register("https://shop.example/hooks", events=[Kind.TIER_RULES_PUBLISHED], by=admin, at=timezone.now())
    heard = client.get(reverse("desk:tiers_confirm", args=[draft.pk])).content.decode()
    client.post(reverse("desk:tiers_publish", args=[draft.pk]), {"falls": "0"})

    assert "No system of the mall hears of new rules: whoever publishes has to tell the members." in alone
    assert "Publishing hands these words to 1 system of the mall." in heard
    assert WebhookEvent.objects.get().data["notice"] == "Dear members"
    published = client.get(reverse("desk:tiers_version", args=[TierRules.objects.latest("version").pk]))
    assert "Dear members" in published.content.decode()


def test_a_version_that_is_withdrawn_never_begins(client: Client, lead: User, li_lei: Customer) -> None:
    begins = today() + timedelta(days=2)
    second = put_in_force(content(levels=levels(silver=2000, gold=5000), transition="now"), begins, on=today())
    client.force_login(lead)

    page = client.post(
        reverse("desk:tiers_withdraw", args=[second.pk]), {"reason": "改日再说"}, follow=True
    ).content.decode()
    told = Message.objects.filter(kind="levels_withdrawn").values_list("params__reason", flat=True)
    night(begins)

    assert "Withdrawn: the version before goes on" in page
    assert set(told) == {"改日再说"}
    assert "改日再说" in client.get(reverse("desk:tiers_version", args=[second.pk])).content.decode()
    assert level_of(li_lei, begins) == "silver"


def test_what_was_typed_is_not_lost_when_it_is_refused(client: Client, admin: User, rules: TierRules) -> None:
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")
    told = sent(client, draft, **{"level-1-name": "银卡", "level-1-qualify": "9999"})

    refused = client.post(reverse("desk:tiers_draft", args=[draft.pk]), told)

    assert refused.status_code == 422
    assert "Gold must begin above 银卡." in refused.content.decode()
    assert 'value="9999"' in refused.content.decode()
    draft.refresh_from_db()
    assert draft.content["levels"][1]["qualify"] == "1000"


def test_levels_are_added_and_removed_on_the_screen_only(client: Client, admin: User, rules: TierRules) -> None:
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")

    more = client.post(reverse("desk:tiers_add_level", args=[draft.pk]), sent(client, draft))
    fewer = client.post(reverse("desk:tiers_remove_level", args=[draft.pk]), sent(client, draft, remove="1"))

    between = client.post(reverse("desk:tiers_add_level", args=[draft.pk]), sent(client, draft, above="1"))

    assert [len(page.context["levels"]) for page in (more, fewer)] == [4, 2]
    assert [level.code for level in between.context["levels"]] == ["member", "silver", "level_1", "gold"]
    draft.refresh_from_db()
    assert len(draft.content["levels"]) == 3


def test_pages_without_rules_say_how_to_begin(client: Client, admin: User) -> None:
    client.force_login(admin)

    assert "No levels yet" in client.get(reverse("desk:tiers_members")).content.decode()
    assert "No rules yet" in client.get(reverse("desk:tiers")).content.decode()
    assert membership.applied() is None


def test_the_lists_ask_no_more_for_more_members(
    client: Client,
    chen: User,
    rules: TierRules,
    make_customer: MakeCustomer,
    make_order: MakeOrder,
    django_assert_max_num_queries: Any,
) -> None:
    night(today())
    client.force_login(chen)
    client.get(reverse("desk:tiers_members"))  # what a process asks once has been asked
    for number in range(3):
        person = make_customer(f"客户{number}", manager=chen)
        make_order(person, today(), "1000.00", today=today())
        membership.after_orders([person.pk], at=noon(today()))
        with django_assert_max_num_queries(14):
            client.get(reverse("desk:tiers_members"), {"level": "silver"})


def test_a_draft_saved_by_somebody_else_meanwhile_is_not_overwritten_unseen(
    client: Client, admin: User, rules: TierRules, make_user: MakeUser
) -> None:
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")
    address = reverse("desk:tiers_draft", args=[draft.pk])
    typed = sent(client, draft, grace_days="9") | {"opened": client.get(address).context["opened"]}
    sun = make_user(Role.ADMINISTRATOR, "Sun")
    simulation.save_draft(draft.pk, content=content(notice_days=30), by=sun, at=timezone.now())

    one_more_row = client.post(reverse("desk:tiers_add_level", args=[draft.pk]), typed)
    assert one_more_row.context["opened"] == typed["opened"]
    refused = client.post(address, typed)

    assert refused.status_code == 422
    assert "Sun has saved this draft meanwhile." in refused.content.decode()
    assert "Days of notice: 1 instead of 30." in refused.content.decode()
    draft.refresh_from_db()
    assert (draft.content["notice_days"], draft.by) == (30, sun)

    assert client.post(address, typed | {"opened": refused.context["opened"]}).status_code == 302
    draft.refresh_from_db()
    assert (draft.content["notice_days"], draft.content["grace_days"]) == (1, 9)


def test_the_transition_writes_over_nothing_that_was_saved_meanwhile(
    client: Client, admin: User, rules: TierRules, make_user: MakeUser
) -> None:
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")
    address = reverse("desk:tiers_transition", args=[draft.pk])
    typed = opened(client.get(address).context["form"]) | {"reason": "costs"}
    sun = make_user(Role.ADMINISTRATOR, "Sun")
    simulation.save_draft(
        draft.pk, content=content(grace_days=9, transition="now"), notice="Dear members", by=sun, at=timezone.now()
    )

    assert client.post(address, typed).status_code == 302

    draft.refresh_from_db()
    assert (draft.reason, draft.notice) == ("costs", "Dear members")
    assert (draft.content["grace_days"], draft.content["transition"]) == (9, "now")


def test_a_shop_of_one_publishes_its_own_draft_with_a_typed_reason(
    client: Client, admin: User, li_lei: Customer
) -> None:
    User.objects.exclude(pk=admin.pk).update(is_active=False)
    client.force_login(admin)
    client.post(reverse("desk:tiers_new"))
    draft = TierDraft.objects.latest("id")
    client.post(reverse("desk:tiers_draft", args=[draft.pk]), sent(client, draft, **{"level-1-qualify": "2000"}))
    told = {
        "transition": "now",
        "starts_on": (today() + timedelta(days=1)).isoformat(),
        "reason": "costs",
        "notice": "",
    }
    client.post(reverse("desk:tiers_transition", args=[draft.pk]), told)
    publish = reverse("desk:tiers_publish", args=[draft.pk])

    page = client.get(reverse("desk:tiers_confirm", args=[draft.pk]))
    falls = str(page.context["figures"]["falls"])
    unsaid = client.post(publish, {"falls": falls})
    client.post(publish, {"falls": falls, "because": "nobody else is here"})

    assert "Why you decide alone" in page.content.decode()
    assert unsaid.status_code == 422
    assert TierRules.objects.get(version=2).alone_because == "nobody else is here"
