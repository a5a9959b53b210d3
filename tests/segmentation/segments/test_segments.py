"""A segment is a rule with versions and a history: made, changed, shared, put away, and worked out night by night."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.http import Http404

from core.accounts.models import AuditEntry, Role, User
from core.lib.conditions.catalogue import NotYours
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import All, Any_, BadCondition, Leaf, Node, Not
from core.lib.errors import DomainError
from core.lib.periods import mall_midnight
from crm.flows import nightly
from crm.flows import staff as leaving
from crm.flows.catalogue import CUSTOMERS
from crm.flows.record import erasure, merging, unmerging
from customers.access import standings_of
from customers.models import Customer, Merge, Standing
from segmentation.models import Segment, SegmentDay, SegmentMember, SegmentVersion
from segmentation.segments import inside, measure, membership, reach, writing
from tests.conftest import NOW, TODAY, MakeCustomer, MakeUser

TOMORROW, TOMORROW_NOON = TODAY + timedelta(days=1), NOW + timedelta(days=1)
BIG, QUIET = Leaf("class", "any", ("big",)), Leaf("quiet", "gt", ("60",))
Make = Callable[..., Segment]
Why = SegmentMember.Why


@pytest.fixture
def lead(make_user: MakeUser) -> User:
    return make_user(Role.TEAM_LEAD, "Mina")


@pytest.fixture
def make(lead: User) -> Make:
    def build(node: Node, name: str = "Quiet big", *, by: User = lead, shared: bool = True) -> Segment:
        segment = writing.create(name, node, catalogue=CUSTOMERS, by=by, at=NOW)
        if shared:
            segment = writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=by, at=NOW)
        return segment

    return build


def put(customer: Customer, **fields: Any) -> Customer:
    Standing.objects.filter(pk=customer.pk).update(**fields)
    return customer


def evaluate(segment: Segment, day: date = TOMORROW, why: Why = Why.NIGHT) -> membership.Moved | None:
    return membership.evaluate(segment.pk, CUSTOMERS, as_of=day, at=mall_midnight(day), why=why)


def revise(segment: Segment, node: Node, *, by: User, based_on: int = 1, reason: str = "Too few") -> SegmentVersion:
    return writing.revise(segment.pk, node, based_on=based_on, reason=reason, catalogue=CUSTOMERS, by=by, at=NOW)


def inside_now(segment: Segment, on: date | None = None) -> set[int]:
    return set(membership.members(segment, on).values_list("customer", flat=True))


def names(node: Node, reader: int | None = None) -> set[str]:
    rows = Standing.objects.filter(CUSTOMERS.compile(node, Context(TODAY, reader)))
    return set(rows.values_list("customer__name", flat=True))


def test_a_night_twice_is_a_night_once(make: Make, lead: User, make_customer: MakeCustomer) -> None:
    """13: who is in is in, by the night; again changes nothing; the past is not written anew."""
    ann = put(make_customer("Ann"), customer_class=Standing.Class.BIG)
    ben = put(make_customer("Ben"), customer_class=Standing.Class.BIG)
    cat = make_customer("Cat")
    segment = make(BIG)
    writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    put(ben, customer_class=Standing.Class.ACTIVE)
    put(cat, customer_class=Standing.Class.BIG)

    first, again = evaluate(segment), evaluate(segment)

    assert (first, again) == ((2, 1, 1), (2, 0, 0))
    assert inside_now(segment) == {ann.pk, cat.pk}
    assert inside_now(segment, TODAY) == {ann.pk, ben.pk}
    assert list(SegmentDay.objects.order_by("on").values_list("on", "size", "entered", "left")) == [
        (TODAY, 2, 2, 0),
        (TOMORROW, 2, 1, 1),
    ]
    assert evaluate(segment, TODAY) is None
    entered = membership.entered_since(segment, NOW - timedelta(days=1))
    assert [(row.customer_id, row.entered_on, row.why) for row in entered] == [(cat.pk, TOMORROW, Why.NIGHT)]


def test_a_new_rule_moves_members_at_once_and_is_no_entry(make: Make, lead: User, make_customer: MakeCustomer) -> None:
    """13: also of a segment that names the one that was changed."""
    put(make_customer("Ann"), customer_class=Standing.Class.BIG)
    put(make_customer("Ben"), customer_class=Standing.Class.ACTIVE)
    segment = make(BIG)
    outer = make(All((Leaf("segment", "any", (segment.code,)),)), "Outer")
    for tracked in (segment, outer):
        writing.track(tracked.pk, catalogue=CUSTOMERS, by=lead, at=NOW)

    version = revise(segment, Leaf("class", "any", ("active",)), by=lead)

    assert version.n == 2
    for tracked in (segment, outer):
        moves = SegmentMember.objects.filter(segment=tracked).order_by("pk")
        assert [(m.customer.name, m.why, m.left_why) for m in moves] == [
            ("Ann", Why.FIRST, Why.RULE),
            ("Ben", Why.RULE, ""),
        ]
        assert not membership.entered_since(tracked, NOW - timedelta(days=1)).exists()
        evaluate(tracked)
        assert not membership.entered_since(tracked, NOW - timedelta(days=1)).exists()
    assert SegmentDay.objects.get(segment=segment, on=TODAY).version == version


def test_two_who_change_it_meet_and_nobody_writes_over_a_version(make: Make, lead: User) -> None:
    segment = make(BIG)
    revise(segment, QUIET, by=lead)

    for node, based_on, reason, code in [
        (All((BIG, QUIET)), 1, "Mine", "changed_meanwhile"),
        (All((BIG, QUIET)), 2, " ", "reason_missing"),
        (QUIET, 2, "Same", "unchanged"),
    ]:
        with pytest.raises(DomainError) as refusal:
            revise(segment, node, by=lead, based_on=based_on, reason=reason)
        assert refusal.value.code == code
    assert list(segment.versions.order_by("n").values_list("n", "sentence")) == [
        (1, "Class: Big"),
        (2, "no purchase for more than 60 days"),
    ]
    with pytest.raises(Exception, match="append_only"):
        SegmentVersion.objects.update(reason="other")


def test_circles_are_refused_with_their_way_and_size_counts_in_full(make: Make, lead: User) -> None:
    """13: directly, over two others, and by what a change would make of those that name it."""
    a = make(BIG, "A")
    b = make(Leaf("segment", "any", (a.code,)), "B")
    c = make(Not(Leaf("segment", "all", (b.code,))), "C")
    for named in (a, b, c):
        with pytest.raises(inside.Circle) as refusal:
            revise(a, Any_((BIG, Leaf("segment", "none", (named.code,)))), by=lead)
        assert "A" in str(refusal.value)
    assert "A → C → B → A" in str(refusal.value)
    long = All(tuple(Leaf("quiet", "gt", (str(days),)) for days in range(21)))
    d = make(long, "D")
    e = make(All((Leaf("segment", "any", (a.code,)), *long.parts)), "E")
    with pytest.raises(BadCondition, match="40"):
        make(Any_((Leaf("segment", "any", (d.code,)), Leaf("segment", "any", (e.code,)))), "F")
    with pytest.raises(BadCondition, match="40"):
        revise(a, Leaf("segment", "any", (d.code,)), by=lead)


def test_a_segment_in_a_tree_is_what_it_says(make: Make, make_customer: MakeCustomer) -> None:
    put(make_customer("Ann"), customer_class=Standing.Class.BIG, last_on=TODAY - timedelta(days=61))
    put(make_customer("Ben"), customer_class=Standing.Class.BIG)
    make_customer("Cat")
    big, quiet = make(BIG, "Big ones"), make(QUIET, "安静的客户")
    assert quiet.code == "an-jing-de-ke-hu"

    def of(op: str) -> set[str]:
        return names(Leaf("segment", op, (big.code, quiet.code)))

    assert of("any") == {"Ann", "Ben"}
    assert of("all") == {"Ann"}
    assert of("none") == {"Cat"}
    assert names(Not(Leaf("segment", "any", (quiet.code,)))) == {"Ben", "Cat"}
    assert CUSTOMERS.sentence(Leaf("segment", "any", (quiet.code,))) == "in the segment 安静的客户"


def test_a_segment_of_somebody_else_is_no_segment(make: Make, lead: User, make_user: MakeUser) -> None:
    """5, 6: private ones, those of other teams, and those that do not exist cannot be told apart."""
    manager = make_user(Role.ACCOUNT_MANAGER, "Wang", team="East")
    private = make(BIG, "Mine", shared=False)
    for code in (private.code, "there-is-none"):
        with pytest.raises(Http404):
            reach.segment_for(manager, code)
        with pytest.raises(NotYours) as refusal:
            names(Leaf("segment", "any", (code,)), manager.pk)
        assert str(refusal.value) == f"You may not use “{code}” here."
        assert CUSTOMERS.words(Leaf("segment", "any", (code,))) == f"in the segment {code}"
        with pytest.raises(NotYours):
            names(Leaf("entered", "has", (code,), 30), manager.pk)
    lead.team = manager.team
    lead.save()
    writing.share(private.pk, "team", catalogue=CUSTOMERS, by=lead, at=NOW)
    assert reach.segment_for(manager, private.code) == private
    assert not reach.seen_by(make_user(Role.ACCOUNT_MANAGER, "Zhao", team="West")).exists()
    for verb in (writing.untrack, writing.archive):
        with pytest.raises(DomainError, match="Mina"):
            verb(private.pk, by=manager, at=NOW)


def test_no_segment_says_what_is_hidden(make: Make, make_user: MakeUser) -> None:
    """5: neither made by, nor used by, who may not see a field of it."""
    birthday = Leaf("birthday", "next", ("7",))
    analyst = make_user(Role.ANALYST, "Zhou")
    with pytest.raises(NotYours, match="Birthday"):
        make(birthday, by=analyst, shared=False)
    shared = make(All((BIG, Not(birthday))), "Birthdays")
    hidden = Leaf("segment", "none", (shared.code,))
    entered = Leaf("entered", "never", (shared.code,), 30)
    for leaf in (hidden, entered):
        with pytest.raises(NotYours) as refusal:
            make(Any_((leaf, QUIET)), "Round", by=analyst, shared=False)
        assert str(refusal.value) == f"You may not use “{shared.code}” here."
    # Nor by way of one that only asks who came into it.
    around = make(entered, "Around")
    with pytest.raises(NotYours):
        make(Leaf("segment", "any", (around.code,)), "Around it", by=analyst, shared=False)


def test_what_is_private_holds_the_own_book_and_me_is_not_shared(
    make: Make, make_user: MakeUser, make_customer: MakeCustomer, lead: User
) -> None:
    manager = make_user(Role.ACCOUNT_MANAGER, "Wang")
    mine = put(make_customer("Mine", manager=manager), customer_class=Standing.Class.BIG)
    put(make_customer("Not mine"), customer_class=Standing.Class.BIG)
    segment = make(BIG, "My big ones", by=manager, shared=False)

    writing.track(segment.pk, catalogue=CUSTOMERS, by=manager, at=NOW)

    assert inside_now(segment) == {mine.pk}
    with pytest.raises(DomainError, match="for yourself"):
        writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=manager, at=NOW)
    with pytest.raises(DomainError, match="somebody else"):
        make(Leaf("manager", "any", ("me",)), "Me", by=lead)


def test_what_is_in_use_is_not_put_away(make: Make, lead: User, make_user: MakeUser) -> None:
    a = make(BIG, "A")
    colleague = make_user(Role.TEAM_LEAD, "Zhao")
    b = make(Leaf("segment", "any", (a.code,)), "B", by=colleague)
    for verb in (
        lambda: writing.archive(a.pk, by=lead, at=NOW),
        lambda: writing.share(a.pk, "private", catalogue=CUSTOMERS, by=lead, at=NOW),
    ):
        with pytest.raises(DomainError, match="in use by: B"):
            verb()
    writing.archive(b.pk, by=colleague, at=NOW)
    writing.track(a.pk, catalogue=CUSTOMERS, by=lead, at=NOW)

    writing.archive(a.pk, by=lead, at=NOW)

    a.refresh_from_db()
    assert (a.tracked, a.archived_at) == (False, NOW)
    assert not reach.seen_by(lead).exists()
    assert AuditEntry.objects.filter(action="segment.archived").count() == 2


def test_merged_and_erased_customers(make: Make, lead: User, make_customer: MakeCustomer) -> None:
    """The winner keeps the earlier day; taken apart, each has their own again; who is erased is in nothing."""
    first = put(make_customer("李雷"), customer_class=Standing.Class.BIG)
    other = put(make_customer("李磊"), customer_class=Standing.Class.BIG)
    late = make_customer("韩梅")
    segment = make(BIG)
    writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    put(late, customer_class=Standing.Class.BIG)
    evaluate(segment)

    merging.merge(other, late, by=lead, at=TOMORROW_NOON, reason="The same phone")

    rows = SegmentMember.objects.order_by("customer")
    assert [(r.customer_id, r.entered_on, r.left_why) for r in rows] == [
        (first.pk, TODAY, ""),
        (other.pk, TODAY, Why.MERGE),
        (late.pk, TODAY, ""),
    ]
    unmerging.undo(Merge.objects.get().pk, by=lead, at=TOMORROW_NOON, reason="Two people")
    assert inside_now(segment) == {first.pk, other.pk, late.pk}

    erasure._erase(first, at=TOMORROW_NOON)

    assert first.pk not in inside_now(segment)
    evaluate(segment, TOMORROW + timedelta(days=1))
    assert inside_now(segment) == {other.pk, late.pk}
    rows_of_all = standings_of(make_lead_of_all(), TODAY)
    assert measure.measure(rows_of_all, BIG, CUSTOMERS, Context(TODAY)).size == 2


def make_lead_of_all() -> User:
    return User.objects.create_user("service", roles=[Role.SERVICE_LEAD])


def test_who_leaves_passes_on_what_others_see(make: Make, lead: User, make_user: MakeUser) -> None:
    colleague = make_user(Role.TEAM_LEAD, "Zhao")
    shared, private = make(BIG, "Shared"), make(QUIET, "Private", shared=False)

    leaving.deactivate(lead.pk, to=[colleague], by=colleague, reason="Gone", at=NOW)

    shared.refresh_from_db()
    private.refresh_from_db()
    assert (shared.owner, shared.archived_at) == (colleague, None)
    assert (private.owner, private.archived_at) == (lead, NOW)


def test_the_night_works_out_each_segment_and_one_that_is_broken_holds_up_no_other(
    make: Make, lead: User, make_customer: MakeCustomer
) -> None:
    put(make_customer("Ann"), customer_class=Standing.Class.PROSPECT)
    broken, good = make(QUIET, "A"), make(Leaf("class", "any", ("prospect",)), "B")
    for segment in (broken, good):
        writing.track(segment.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    SegmentVersion.objects.create(segment=broken, n=2, tree={"field": "gone", "op": "has"}, reason="x", by=lead, at=NOW)
    make_customer("Ben")

    run = nightly.run(TOMORROW, now=lambda: TOMORROW_NOON)

    assert run is not None
    assert run.counts["segments"] == 1
    assert run.counts["segments_entered"] == 1
    assert run.counts["segments_left"] == 1
    assert SegmentDay.objects.get(segment=good, on=TOMORROW).size == 2


def test_more_than_a_night_can_carry_are_refused(make: Make, lead: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_TRACKED", 1)
    slow, other = make(BIG, "Slow one"), make(QUIET, "Other")
    writing.track(slow.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    with pytest.raises(DomainError, match="Slow one"):
        writing.track(other.pk, catalogue=CUSTOMERS, by=lead, at=NOW)
    writing.untrack(slow.pk, by=lead, at=NOW)
    assert writing.track(other.pk, catalogue=CUSTOMERS, by=lead, at=NOW).tracked
