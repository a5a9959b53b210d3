"""Who may change rules, from when on, and what is asked about first."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.models import SlaPolicy
from complaints.setup import defaults
from complaints.setup import rulebook as promises
from core.accounts.models import AuditEntry, Role, User
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.outbox.models import Message
from core.rulebook import changes
from core.rulebook.kinds import Content, Kind
from core.rulebook.models import RuleChange
from crm.flows import nightly, waiting
from loyalty import rulebook as points
from loyalty.models import PointRules
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from segmentation import rulebook as nights
from segmentation import rules
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 28, 2, tzinfo=UTC)
TODAY = date(2026, 7, 28)
DAY = timedelta(days=1)
Kinds = list[tuple[Kind, Content]]


@pytest.fixture
def wang(make_user: MakeUser) -> User:
    return make_user(Role.ADMINISTRATOR, "Wang")


@pytest.fixture
def kinds(db: None) -> Kinds:
    """Each kind with rules in force, and others for it."""
    began = NOW - 90 * DAY
    point_rules.save({"rate": Decimal(1), "notice_days": 7}, starts_at=began, by=None, reason="first", at=began)
    defaults.install(at=began)
    told = promises.RULES.versions(1)[0].content
    return [
        (points.RULES, {"rate": "2", "notice_days": 1}),
        (nights.RULES, {"big_share": 0.7}),
        (promises.RULES, {**told, "reopen_days": 9}),
    ]


def propose(kind: Kind, content: Content, by: User, **more: Any) -> RuleChange:
    starts_on = changes.first_day(kind, today=TODAY)
    return changes.propose(kind, content, **{"starts_on": starts_on, "reason": "better", "by": by, "at": NOW} | more)


def code_of(verb: Callable[..., object], *args: Any, **told: Any) -> str:
    with pytest.raises(DomainError) as refusal, transaction.atomic():
        verb(*args, **told)
    return refusal.value.code


def test_the_author_waits_for_somebody_else_and_a_shop_of_one_says_why(
    kinds: Kinds, wang: User, make_user: MakeUser
) -> None:
    for kind, content in kinds:
        before = changes.in_force(kind, at=NOW)
        change = propose(kind, content, wang)

        assert code_of(changes.confirm, kind, change.pk, by=wang, at=NOW) == "second_person"
        zhao = make_user(Role.ADMINISTRATOR, f"Zhao {kind.name}")
        alone: dict[str, Any] = {"by": wang, "at": NOW, "because": "nobody else is here"}
        assert code_of(changes.confirm, kind, change.pk, **alone) == "second_person"
        zhao.is_active = False
        zhao.save()
        done = changes.confirm(kind, change.pk, **alone)

        assert (done.state, done.alone_because) == ("confirmed", "nobody else is here")
        entry = AuditEntry.objects.get(action="rules.confirmed", subject_id=str(change.pk))
        assert entry.detail["alone_because"] == "nobody else is here"
        late = NOW + timedelta(days=9)
        now_in_force = changes.in_force(kind, at=late)
        assert now_in_force is not None
        assert before is not None
        assert (now_in_force.number, now_in_force.content) == (before.number + 1, kind.checked(content))


def test_the_database_refuses_a_change_confirmed_by_its_author(kinds: Kinds, wang: User) -> None:
    kind, content = kinds[0]
    change = propose(kind, content, wang)

    with pytest.raises(IntegrityError, match="rules_need_two_people"), transaction.atomic():
        RuleChange.objects.filter(pk=change.pk).update(state="confirmed", version=2, decided_by=wang)


def test_who_may_confirm_is_told_and_has_it_on_the_list(kinds: Kinds, wang: User, make_user: MakeUser) -> None:
    lead = make_user(Role.TEAM_LEAD, "Lin")
    kind, content = kinds[0]

    change = propose(kind, content, wang)

    assert [item.url for item in waiting.for_user(lead, at=NOW)] == [f"/rulebook/changes/{change.pk}/"]
    assert [item.pk for item in waiting.proposed_by(wang, at=NOW)] == [change.pk]
    assert Message.objects.filter(recipient=lead, kind="rules_wait", settled_at=None).exists()
    changes.confirm(kind, change.pk, by=lead, at=NOW)
    assert not Message.objects.filter(recipient=lead, settled_at=None).exists()
    assert Message.objects.filter(recipient=wang, kind="rules_decided").exists()


def test_the_notice_of_the_rules_in_force_holds_for_the_author_already(kinds: Kinds, wang: User) -> None:
    kind, content = kinds[0]

    early = code_of(propose, kind, content, wang, starts_on=TODAY + 6 * DAY)

    assert (early, RuleChange.objects.count()) == ("starts_on", 0)
    assert propose(kind, content, wang, starts_on=TODAY + 7 * DAY).starts_on == TODAY + 7 * DAY
    promise = kinds[2]
    assert code_of(propose, *promise, wang, starts_on=TODAY) == "starts_on"
    assert code_of(propose, *promise, wang, starts_on=TODAY + 400 * DAY) == "starts_on"


def test_a_confirmed_change_is_withdrawn_before_it_begins_and_rolled_back_after(
    kinds: Kinds, wang: User, make_user: MakeUser
) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    for kind, content in kinds:
        start = changes.first_day(kind, today=TODAY) + 2 * DAY
        before = changes.newest(kind)
        first = propose(kind, content, wang, starts_on=start)
        changes.confirm(kind, first.pk, by=zhao, at=NOW)
        assert code_of(propose, kind, content, wang) == "unchanged"
        changes.withdraw(kind, first.pk, reason="too soon", by=wang, at=NOW)
        assert changes.newest(kind) == before
        assert changes.in_force(kind, at=NOW + timedelta(days=20)) == before

        again = propose(kind, content, wang, starts_on=start)
        done = changes.confirm(kind, again.pk, by=zhao, at=NOW)
        begun = NOW + timedelta(days=10)
        assert code_of(changes.withdraw, kind, done.pk, reason="x", by=wang, at=begun) == "has_begun"
        back = changes.roll_back(kind, done.version or 0, reason="worse", by=wang, at=begun)
        changes.confirm(kind, back.pk, by=zhao, at=begun)
        came = changes.in_force(kind, at=begun + DAY)
        assert came is not None
        assert before is not None
        assert came.content == before.content


def test_a_hundred_points_a_yuan_are_asked_about(kinds: Kinds, wang: User, make_user: MakeUser) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    change = propose(points.RULES, {"rate": "100"}, wang)

    doubts = points.RULES.doubts(change.content, changes.figures_of(change))

    assert doubts == ["100 points per yuan at ¥0.01 a point cost 100 % of the turnover."]
    assert code_of(changes.confirm, points.RULES, change.pk, by=zhao, at=NOW) == "doubts"
    assert changes.confirm(points.RULES, change.pk, by=zhao, at=NOW, meant=True).version == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"rate": "-1"}, "between 0 and 1,000,000"),
        ({"rate": ""}, "cannot be read"),
        ({"rate": "NaN"}, "cannot be read"),
        ({"rate": "1", "life_ends": "never"}, "cannot be read"),
        ({"rate": "1", "bonus": 3}, "There is no rule"),
        ({"rate": "1", "notice_days": 0}, "1 to 366"),
        ({"rate": "1", "hold_minutes": 0}, "at least a minute"),
    ],
)
def test_points_out_of_bounds_are_refused_in_words(kinds: Kinds, wang: User, content: Content, words: str) -> None:
    with pytest.raises(DomainError, match=words):
        propose(points.RULES, content, wang)


def test_what_somebody_else_changed_meanwhile_is_not_overrun(kinds: Kinds, wang: User, make_user: MakeUser) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    kind, content = kinds[1]
    mine, theirs = propose(kind, content, wang), propose(kind, {"big_share": 0.6}, zhao)
    changes.confirm(kind, theirs.pk, by=wang, at=NOW)

    assert code_of(changes.confirm, kind, mine.pk, by=zhao, at=NOW) == "simulation_stale"
    assert not changes.fresh(kind, mine, at=NOW)
    changes.drop(kind, mine.pk, by=wang, at=NOW)
    assert code_of(changes.confirm, kind, mine.pk, by=zhao, at=NOW) == "change_closed"
    assert rules.current(TODAY).parameters["big_share"] == 0.6


def test_old_figures_are_worked_out_again(kinds: Kinds, wang: User, make_user: MakeUser) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    kind, content = kinds[1]
    change = propose(kind, content, wang, starts_on=TODAY + 20 * DAY)
    later = NOW + timedelta(days=8)

    assert code_of(changes.confirm, kind, change.pk, by=zhao, at=later) == "simulation_stale"
    changes.look_again(kind, change.pk, at=later)
    assert changes.confirm(kind, change.pk, by=zhao, at=later).state == "confirmed"


def test_the_pages_lead_from_the_list_to_the_confirmed_version_and_back(
    client: Client, wang: User, make_user: MakeUser
) -> None:
    now = timezone.now()
    point_rules.save({"rate": Decimal(1)}, starts_at=now - 9 * DAY, by=None, reason="first", at=now - 9 * DAY)
    starts_on = mall_day(now) + DAY
    by = {"reason": "festival", "by": wang, "at": now}
    change = changes.propose(points.RULES, {"rate": "100"}, starts_on=starts_on, **by)  # type: ignore[arg-type]
    address = reverse("desk:rule_change", args=[change.pk])
    client.force_login(make_user(Role.TEAM_LEAD, "Lin"))

    listed = client.get(reverse("desk:rulebook")).content.decode()
    refused = client.post(f"{address}confirm/", {"once": "a"})
    client.post(f"{address}confirm/", {"once": "b", "meant": "on"})

    assert address in listed
    assert refused.status_code == 422
    assert "100 points per yuan" in refused.content.decode()
    assert PointRules.objects.get(version=2).starts_at > now
    page = client.get(reverse("desk:rulebook_kind", args=["points"])).content.decode()
    assert "scheduled" in page
    assert client.post(f"{address}withdraw/", {"reason": "too soon"}).status_code == 302
    assert changes.newest(points.RULES).number == 1  # type: ignore[union-attr]
    assert (
        client.post(reverse("desk:rulebook_roll_back", args=["points", 1]), {"reason": "x"}, follow=True).status_code
        == 200
    )
    assert client.get(reverse("desk:rulebook_kind", args=["nothing"])).status_code == 404


def test_a_withdrawn_version_of_the_promises_is_a_draft_again(kinds: Kinds, wang: User, make_user: MakeUser) -> None:
    zhao = make_user(Role.SERVICE_LEAD, "Zhao")
    kind, content = kinds[2]
    change = propose(kind, content, wang)
    changes.confirm(kind, change.pk, by=zhao, at=NOW)

    changes.withdraw(kind, change.pk, reason="too soon", by=zhao, at=NOW)

    assert SlaPolicy.objects.get(status="draft").reopen_days == 9


def test_who_wrote_and_who_confirmed_are_told_who_withdrew_it_and_why(
    client: Client, kinds: Kinds, wang: User, make_user: MakeUser
) -> None:
    zhao, lin = make_user(Role.ADMINISTRATOR, "Zhao"), make_user(Role.TEAM_LEAD, "Lin")
    kind, content = kinds[0]
    change = propose(kind, content, wang)
    changes.confirm(kind, change.pk, by=zhao, at=NOW)

    assert code_of(changes.withdraw, kind, change.pk, reason=" ", by=lin, at=NOW) == "reason_missing"
    changes.withdraw(kind, change.pk, reason="算错了", by=lin, at=NOW)

    told = Message.objects.filter(kind="rules_withdrawn")
    assert set(told.values_list("recipient", flat=True)) == {wang.pk, zhao.pk}
    assert {(row.params["by"], row.params["reason"]) for row in told} == {(str(lin), "算错了")}
    client.force_login(zhao)
    page = client.get(reverse("desk:rule_change", args=[change.pk])).content.decode()
    assert f"Ended by {lin}" in " ".join(page.split())
    assert "算错了" in page


def test_a_roll_back_says_what_stays_and_is_not_late_the_minute_it_is_written(
    client: Client, kinds: Kinds, wang: User, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    kind, content = kinds[0]
    change = propose(kind, content, wang)
    version = changes.confirm(kind, change.pk, by=zhao, at=NOW, meant=True).version or 0
    begun = NOW + 9 * DAY
    assert kind.stays(version) == ["No order has earned points under this version: nothing stays."]
    order = make_order(make_customer("李雷"), mall_day(begun), "1234.00")
    point_orders.reconcile([order.pk], at=begun + DAY)

    back = changes.roll_back(kind, version, reason="worse", by=wang, at=begun)

    [stays] = kind.stays(version)
    assert stays == "Points that stay with the customers: 2,468 of 1 orders, worth ¥24.68."
    client.force_login(zhao)
    assert stays in client.get(reverse("desk:rule_change", args=[back.pk])).content.decode()
    [item] = [item for item in waiting.for_user(zhao, at=begun) if item.pk == back.pk]
    assert item.due_at is not None
    assert item.due_at > begun + timedelta(minutes=1)
    assert changes.confirm(kind, back.pk, by=zhao, at=begun + DAY, meant=True).starts_on == mall_day(begun + DAY)


def test_a_night_rule_begins_with_the_first_night_that_has_not_run(
    kinds: Kinds, wang: User, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    kind, content = kinds[1]
    make_order(make_customer("李雷"), TODAY - 9 * DAY, "80.00")
    evening, after_midnight = NOW + timedelta(hours=12), NOW + timedelta(hours=15)
    nightly.run(TODAY - DAY)
    change = propose(kind, content, wang, starts_on=TODAY, at=NOW)
    nightly.run(TODAY)

    assert code_of(propose, kind, {"big_share": 0.6}, wang, starts_on=TODAY, at=evening) == "starts_on"
    changes.look_again(kind, change.pk, at=after_midnight)
    done = changes.confirm(kind, change.pk, by=zhao, at=after_midnight, meant=True)

    assert done.starts_on == TODAY + DAY
    assert rules.current(TODAY).version == 1
    assert rules.current(TODAY + DAY).version == done.version == 2


def test_a_version_without_a_night_has_moved_nobody_whom_a_roll_back_could_move(
    kinds: Kinds, wang: User, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    zhao = make_user(Role.ADMINISTRATOR, "Zhao")
    kind = kinds[1][0]
    for number in range(8):
        make_order(make_customer(f"客户{number}"), TODAY - (9 + number) * DAY, f"{10 + number * number * 50}.00")
    nightly.run(TODAY - DAY)
    change = propose(kind, {"big_share": 0.3, "big_cap": 0.1}, wang, starts_on=TODAY)
    changes.confirm(kind, change.pk, by=zhao, at=NOW, meant=True)
    assert change.moves

    back = changes.roll_back(kind, 2, reason="never mind", by=wang, at=NOW)

    assert back.moves == []
    assert kind.stays(2) == ["No night has run under this version: nobody has been moved by it."]


def test_a_kind_says_what_is_in_force_in_words(client: Client, kinds: Kinds, wang: User) -> None:
    client.force_login(wang)

    pages = [client.get(reverse("desk:rulebook_kind", args=[kind.name])).content.decode() for kind, _other in kinds]

    assert "Points per yuan" in pages[0]
    assert "80 %" in pages[1]
    assert "Days to reopen" in pages[2]
