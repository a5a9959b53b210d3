"""Making it good: within limits at once, above them by two people, and given once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from complaints import queries
from complaints.cases import lifecycle, remedies
from complaints.models import Case, Department, Remedy, RemedyLimit
from core.accounts.models import Role, User
from core.lib.errors import DomainError, Invalid
from core.outbox.models import Message
from customers.models import Customer
from loyalty.models import CampaignUsage, Coupon, CouponCampaign
from loyalty.points import accounts as points
from loyalty.points import holds
from loyalty.points import rules as point_rules
from tests.complaints.conftest import DAY, WEDNESDAY, LogCase, solved
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import running

pytestmark = pytest.mark.django_db
Status = Remedy.Status


@pytest.fixture
def case(log_case: LogCase, li_lei: Customer) -> Case:
    return log_case(li_lei)


def propose(case: Case, by: User, amount: object = 50, key: str = "", **told: Any) -> Remedy:
    fields = {"kind": "refund", "reason": "丢件", "at": WEDNESDAY, "client_key": key or f"{case.pk}-{amount}-{by.pk}"}
    return remedies.propose(case.pk, by=by, amount=amount, **fields | told)


def test_within_the_limits_nobody_else_is_asked(case: Case, wang: User) -> None:
    remedy = propose(case, wang)

    assert (remedy.status, remedy.needs_approval, remedy.limits) == (Status.APPROVED, False, {})
    given = remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, reference="R-1")
    assert (given.status, given.issued_at) == (Status.ISSUED, WEDNESDAY)
    remedies.issue(remedy.pk, by=wang, at=WEDNESDAY + DAY, reference="R-1")
    with pytest.raises(DomainError):
        remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, reference="R-2")


def test_proposing_twice_is_once(case: Case, wang: User) -> None:
    assert propose(case, wang, key="k") == propose(case, wang, key="k")
    assert Remedy.objects.count() == 1


def test_above_a_limit_a_second_person_with_the_right_and_the_limit_agrees(
    case: Case, wang: User, sun: User, lead: User, make_user: MakeUser
) -> None:
    remedy = propose(case, wang, 80)
    assert (remedy.status, remedy.limits) == (Status.PROPOSED, {"at_once": ["80.00", "50.00"]})
    for who, code in ((wang, "second_person"), (sun, "not_an_approver")):
        with pytest.raises(DomainError) as refusal:
            remedies.approve(remedy.pk, by=who, at=WEDNESDAY)
        assert refusal.value.code == code

    assert remedies.approve(remedy.pk, by=lead, at=WEDNESDAY).status == Status.APPROVED

    huge = propose(case, wang, 9000)
    with pytest.raises(DomainError, match=r"above your own limits too: at once 9000\.00 > 2000\.00"):
        remedies.approve(huge.pk, by=lead, at=WEDNESDAY)


def test_the_head_is_told_what_waits_and_a_refusal_says_why_and_is_final(case: Case, wang: User, lead: User) -> None:
    Department.objects.filter(code=case.queue.department.code).update(head=lead)
    remedy = propose(case, wang, 80)
    assert Message.objects.get(dedupe_key__startswith="remedy:").recipient == lead

    with pytest.raises(Invalid):
        remedies.refuse(remedy.pk, by=lead, at=WEDNESDAY, reason=" ")
    remedies.refuse(remedy.pk, by=lead, at=WEDNESDAY, reason="已经重发")

    for verb in (
        lambda: remedies.refuse(remedy.pk, by=lead, at=WEDNESDAY, reason="再一次"),
        lambda: remedies.approve(remedy.pk, by=lead, at=WEDNESDAY),
        lambda: remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, reference="R-1"),
    ):
        with pytest.raises(DomainError) as refusal:
            verb()
        assert refusal.value.code == "remedy_settled"


def test_what_is_within_the_limits_cannot_be_refused_afterwards(case: Case, wang: User, lead: User) -> None:
    given = propose(case, wang)

    with pytest.raises(DomainError) as refusal:
        remedies.refuse(given.pk, by=lead, at=WEDNESDAY, reason="太多")

    assert (refusal.value.code, remedies.remaining(case, "refund", by=wang, at=WEDNESDAY)) == (
        "remedy_settled",
        Decimal("50.00"),
    )


def test_a_days_sums_end_with_the_day_of_the_mall(log_case: LogCase, make_customer: MakeCustomer, wang: User) -> None:
    limit = RemedyLimit.objects.get(role=Role.SERVICE_AGENT, kind="refund", customer_class=None)
    for number in range(int(limit.per_day // limit.at_once)):
        case = log_case(make_customer(f"客户{number}"))
        assert propose(case, wang, limit.at_once).limits == {}
    case = log_case(make_customer("再一位"))

    assert list(propose(case, wang, 1).limits) == ["per_day"]
    assert propose(case, wang, 2, at=WEDNESDAY + DAY).limits == {}


def test_a_remedy_is_given_while_the_case_is_open(case: Case, wang: User) -> None:
    lifecycle.withdraw(case.pk, by=wang, at=WEDNESDAY, reason="客户撤回")

    with pytest.raises(DomainError) as refusal:
        propose(case, wang)

    assert refusal.value.code == "not_now"


def test_small_sums_add_up_per_case_per_customer_and_per_day(
    case: Case, log_case: LogCase, li_lei: Customer, wang: User, sun: User
) -> None:
    propose(case, wang, 50, "1")
    propose(case, wang, 50, "2")
    assert remedies.remaining(case, "refund", by=wang, at=WEDNESDAY) == 0
    assert propose(case, wang, 1, "3").limits == {"per_case": ["101.00", "100.00"]}
    other = log_case(li_lei)
    propose(other, sun, 50, "4")
    # 101 in the first case and 50 here: 50 more would make 201.
    assert propose(other, sun, 50, "5").limits == {"per_customer": ["201.00", "200.00"]}
    later = WEDNESDAY + timedelta(days=31)
    assert propose(log_case(li_lei, at=later), sun, 50, "6", at=later).limits == {}


def test_a_big_customer_may_be_given_more(log_case: LogCase, madam_gao: Customer, wang: User) -> None:
    case = log_case(madam_gao)

    assert propose(case, wang, 200).status == Status.APPROVED
    assert remedies.remaining(case, "refund", by=wang, at=WEDNESDAY) == Decimal("200.00")
    assert remedies.suggested(case)[-1] == "visit"


def test_an_analyst_gives_nothing_alone(case: Case, make_user: MakeUser) -> None:
    assert propose(case, make_user(Role.ANALYST), 1).limits == {"role": ["1.00", "0"]}


def test_a_case_is_not_solved_over_an_open_remedy_unless_it_is_promised(case: Case, wang: User, lead: User) -> None:
    remedy = propose(case, wang, 80)
    with pytest.raises(DomainError) as refusal:
        lifecycle.resolve(case.pk, by=wang, at=WEDNESDAY, **solved())
    assert refusal.value.code == "remedy_open"

    remedies.refuse(remedy.pk, by=lead, at=WEDNESDAY, reason="已经重发")
    assert Message.objects.filter(recipient=wang, dedupe_key__startswith="remedy-refused").count() == 1
    propose(case, wang, 20, promised_at=WEDNESDAY + DAY)
    assert lifecycle.resolve(case.pk, by=wang, at=WEDNESDAY, **solved()).status == Case.Status.RESOLVED


def test_what_failed_is_still_owed_and_what_was_given_can_be_taken_back(case: Case, wang: User) -> None:
    remedy = propose(case, wang)
    remedies.fail(remedy.pk, by=None, at=WEDNESDAY, error="no such account")
    remedies.issue(remedy.pk, by=None, at=WEDNESDAY, reference="R-1")

    assert remedies.take_back(remedy.pk, by=wang, at=WEDNESDAY, reason="客户不要").status == Status.REVOKED
    assert remedies.remaining(case, "refund", by=wang, at=WEDNESDAY) == Decimal("50.00")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"amount": 0}, "remedy_amount"),
        ({"amount": -1}, "remedy_amount"),
        ({"kind": "points", "amount": "10.50"}, "remedy_amount"),
        ({"kind": "apology", "amount": 5}, "remedy_amount"),
        ({"kind": "house", "amount": 5}, "unknown_remedy"),
        ({"reason": " "}, "reason_missing"),
        ({"promised_at": WEDNESDAY}, "promise_past"),
    ],
)
def test_what_cannot_be_given_is_refused(case: Case, wang: User, told: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        propose(case, wang, **told)

    assert refusal.value.code == code


def test_points_are_on_the_account_as_soon_as_they_are_given_and_gone_when_taken_back(
    case: Case, wang: User, lead: User
) -> None:
    point_rules.save({"rate": Decimal(1)}, starts_at=WEDNESDAY, by=None, reason="Tests", at=WEDNESDAY)
    remedy = propose(case, wang, 300, kind="points")
    for _again in range(2):
        given = remedies.issue(remedy.pk, by=wang, at=WEDNESDAY)

    assert given.reference.startswith("points #")
    assert points.balance(case.customer, at=WEDNESDAY).available == 300
    assert points.statement(case.customer).get().reason == f"Complaint {case.number}"

    held = holds.hold(case.customer, 200, purpose="order", ref="x", at=WEDNESDAY)
    with pytest.raises(DomainError, match="Only 100 points can be used, 300 are asked for"):
        remedies.take_back(remedy.pk, by=lead, at=WEDNESDAY, reason="又补发了")
    holds.release(held.pk, at=WEDNESDAY)
    remedies.take_back(remedy.pk, by=lead, at=WEDNESDAY, reason="又补发了")

    assert points.balance(case.customer, at=WEDNESDAY).available == 0


# What is given by itself ----------------------------------------------------------------------------------------------


def test_a_coupon_is_handed_out_with_the_remedy_once_and_taken_back_unused(
    case: Case, wang: User, li_lei: Customer
) -> None:
    twenty = running("TWENTY", amount=20, starts_at=WEDNESDAY - DAY)
    remedy = propose(case, wang, 30, kind="coupon")

    for _time in range(2):
        given = remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, campaign=twenty)
    coupon = Coupon.objects.get(customer=li_lei)
    assert (given.coupon, given.status, given.reference) == (coupon, Status.ISSUED, f"TWENTY #{coupon.pk}")

    taken = remedies.take_back(remedy.pk, by=wang, at=WEDNESDAY, reason="误给")
    coupon.refresh_from_db()
    assert (taken.status, coupon.status) == (Status.REVOKED, Coupon.Status.REVOKED)

    again = remedies.issue(propose(case, wang, 20, kind="coupon").pk, by=wang, at=WEDNESDAY, campaign=twenty)
    Coupon.objects.filter(pk=again.coupon_id).update(status=Coupon.Status.REDEEMED)
    with pytest.raises(DomainError) as refusal:
        remedies.take_back(again.pk, by=wang, at=WEDNESDAY, reason="误给")
    assert (refusal.value.code, Remedy.objects.get(pk=again.pk).status) == ("coupon_used", Status.ISSUED)


@pytest.mark.parametrize(
    "unfit",
    [
        {"amount": 31},
        {"kind": "percent", "percent": 50, "amount": 0},
        {"needs_code": False},
        {"starts_at": WEDNESDAY + DAY},
        "over",
        "draft",
        "used_up",
        "used_by_the_customer",
    ],
    ids=["dearer", "without-a-top", "no-codes", "not-begun", "over", "draft", "used-up", "used-by-them"],
)
def test_a_coupon_that_would_not_hold_or_is_worth_more_is_not_given(
    case: Case, wang: User, li_lei: Customer, unfit: Any
) -> None:
    terms = {"amount": 20, "starts_at": WEDNESDAY - DAY}
    campaign = running("SOME", **terms | (unfit if isinstance(unfit, dict) else {}))
    if unfit == "over":
        CouponCampaign.objects.update(ends_at=WEDNESDAY)
    elif unfit == "draft":
        CouponCampaign.objects.update(status="draft")
    elif unfit == "used_up":
        CouponCampaign.objects.update(used=100)
    elif unfit == "used_by_the_customer":
        CampaignUsage.objects.create(campaign=campaign, customer=li_lei, used=1, most=1)
    remedy = propose(case, wang, 30, kind="coupon")

    with pytest.raises(Invalid) as refusal:
        remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, campaign=campaign)

    remedy.refresh_from_db()
    assert (refusal.value.code, remedy.status, Coupon.objects.count()) == ("campaign_unfit", Status.APPROVED, 0)


def test_a_coupon_given_elsewhere_has_a_number_and_a_refusal_gives_none(case: Case, wang: User) -> None:
    campaign = running("TWENTY", amount=20, starts_at=WEDNESDAY - DAY)
    remedy = propose(case, wang, 30, kind="coupon")
    with pytest.raises(Invalid):
        remedies.issue(remedy.pk, by=wang, at=WEDNESDAY)
    with transaction.atomic():
        remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, campaign=campaign)
        transaction.set_rollback(True)
    assert (Coupon.objects.count(), Remedy.objects.get().status) == (0, Status.APPROVED)

    given = remedies.issue(remedy.pk, by=wang, at=WEDNESDAY, reference="SHOP-1")
    assert (given.coupon, given.reference, Coupon.objects.count()) == (None, "SHOP-1", 0)


def test_what_is_to_be_given_stands_with_who_gives_it_until_it_is(
    case: Case, wang: User, sun: User, lead: User
) -> None:
    lifecycle.assign(case.pk, sun, by=lead, at=WEDNESDAY)
    small, much = propose(case, wang, 10), propose(case, wang, 150)
    assert list(queries.to_give(sun)) == [small]

    remedies.approve(much.pk, by=lead, at=WEDNESDAY)

    assert set(queries.to_give(sun)) == {small, much}
    assert [str(row.recipient) for row in Message.objects.filter(kind="remedy_to_give")] == ["Sun Li"]
    for remedy in (small, much):
        remedies.issue(remedy.pk, by=sun, at=WEDNESDAY, reference="R")
    assert not queries.to_give(sun).exists()
    assert Message.objects.get(kind="remedy_to_give").settled_at == WEDNESDAY
