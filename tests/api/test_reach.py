"""What a token reaches: the customers of its user, and what the sources it is bound to have told.

Each address stands in one of the tables, so that a new one says what holds it.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone
from rest_framework.test import APIClient

from complaints.attachments import contents, files
from complaints.cases import intake
from complaints.models import Case, Category, ServicePrompt, Survey
from complaints.setup import defaults
from core.accounts import tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from crm.api.urls import urlpatterns
from customers.models import Customer, Order
from customers.promises import ledger
from loyalty.campaigns import coupons, credit, draws
from loyalty.models import CouponRedemption, Lottery, Reward
from loyalty.points import accounts as points
from loyalty.points import holds, rewards
from tests.conftest import MakeCustomer, MakeUser
from tests.loyalty.campaigns.stories import DAY, a_coupon, basket, goods, on_account, published, running
from tests.loyalty.points import stories as point_stories

pytestmark = pytest.mark.django_db
KEY = {"HTTP_IDEMPOTENCY_KEY": "k-1"}
LINES = [{"ref": "1", "net": "100.00"}]


class Asked(NamedTuple):
    """One call about this customer: the address below /api/v1/ and what is sent."""

    method: str
    url: str
    data: dict[str, Any] = {}


Call = Callable[[Customer], Asked]


def a_case(customer: Customer, source: str = "") -> Case:
    told = {"source": source, "source_ref": "k-1"} if source else {}
    category = Category.objects.get(code="delivery-late")
    at = timezone.now()
    return intake.log(customer, category=category, channel="web", description="包裹没到", by=None, at=at, **told).case


def a_prompt(customer: Customer) -> int:
    at = timezone.now()
    moment = DateTimeTZRange(at - DAY, at + DAY)
    prompt = ServicePrompt.objects.create(customer=customer, case=a_case(customer), trigger="order", valid=moment)
    return int(prompt.pk)


def a_day_in() -> dict[str, Any]:
    return {"on": (timezone.now() + timedelta(days=2)).date().isoformat()}


def a_promise_in() -> dict[str, Any]:
    return {"words": "回电", "due_at": (timezone.now() + DAY).isoformat()}


def moved() -> dict[str, Any]:
    later = (timezone.now() + 2 * DAY).isoformat()
    return {"due_at": later, "reason": "出差", "agreed_with_customer": True}


def a_promise(customer: Customer) -> int:
    at, lead = timezone.now(), User.objects.get_or_create(username="keeps", roles=[Role.SERVICE_LEAD])[0]
    due = ledger.to_the_hour(at + DAY)
    promise = ledger.make_once(customer, key="k", words="回电", due=due, owner=lead, by=lead, at=at)
    return int(promise.pk)


def with_points(customer: Customer) -> Customer:
    if not points.balance(customer, at=timezone.now()).available:
        point_stories.rules()
        point_stories.order(customer, "500.00", at=timezone.now() - DAY)
    return customer


def a_hold(customer: Customer) -> int:
    return holds.hold(with_points(customer), 10, purpose="order", ref="x", at=timezone.now()).pk


def a_reward() -> Reward:
    return Reward.objects.get_or_create(name="杯子", defaults={"points": 20, "stock": 3})[0]


def a_redemption(customer: Customer) -> int:
    reward = a_reward()
    return rewards.reserve(with_points(customer), reward, quantity=1, key="r", at=timezone.now()).pk


def a_campaign() -> Any:
    return running(starts_at=timezone.now() - DAY, ends_at=timezone.now() + 9 * DAY)


def a_wheel() -> str:
    wheel = published(goods(total=1), starts_at=timezone.now() - DAY, ends_at=timezone.now() + 9 * DAY)
    return str(wheel.code)


def a_use(customer: Customer, order: str = "shop:8812") -> CouponRedemption:
    coupon = a_coupon(a_campaign(), customer)
    return coupons.reserve(customer, order, basket(), at=timezone.now(), code=coupon.code)


def a_used(customer: Customer) -> int:
    return coupons.redeem(a_use(customer).pk, at=timezone.now()).pk


def a_win(customer: Customer) -> int:
    a_wheel()
    wheel = Lottery.objects.get()
    return int(draws.draw(wheel.pk, customer, idem_key="d", at=timezone.now()).pk)


def an_authorisation(customer: Customer, order: str = "shop:8812") -> int:
    on_account(customer)
    made = credit.authorise(customer, order, "100.00", idem_key="a", at=timezone.now())
    return int(made.pk)


def with_credit(customer: Customer) -> str:
    on_account(customer)
    return str(customer.number)


def with_debt(customer: Customer) -> str:
    credit.capture(an_authorisation(customer), at=timezone.now())
    return str(customer.number)


def order_body(**who: str) -> dict[str, Any]:
    return {"version": 1, "customer": who, "ordered_at": "2026-11-01T12:00:00+08:00", "paid": "100.00"}


def an_order_of(customer: Customer) -> dict[str, Any]:
    return order_body(number=customer.number)


def a_file(case: Case) -> str:
    paper = contents.cleaned(b"%PDF-1.7\n%%EOF\n")
    row = files.add(case.pk, name="x.pdf", file=paper, by=None, at=timezone.now())
    return f"complaints/{case.number}/files/{row.pk}"


def complaint(customer: Customer, **told: Any) -> dict[str, Any]:
    who = {"customer": {"number": customer.number}, "category": "delivery-late", "channel": "web"}
    return {"source": "shop", "source_ref": "k-9", "description": "包裹没到"} | who | told


def mail(customer: Customer, **told: Any) -> dict[str, Any]:
    words = {"channel": "email", "subject": "还没收到", "text": "请尽快处理"}
    return {"source": "shop", "source_ref": "m-9", "sender": {"email": "li.lei@example.com"}} | words | told


OF_A_CUSTOMER: dict[str, Call] = {
    "order": lambda c: Asked("put", "sources/shop/orders/o-9", an_order_of(c)),
    "order-batch": lambda c: Asked(
        "post", "sources/shop/orders/batch", {"orders": [{"external_id": "o-9"} | an_order_of(c)]}
    ),
    "customer-by-number": lambda c: Asked("get", f"customers/{c.number}"),
    "customer-consents": lambda c: Asked("get", f"customers/{c.number}/consents"),
    "complaint-list": lambda c: Asked("post", "complaints", complaint(c)),
    "complaint-inbound": lambda c: Asked("post", "complaints/inbound", mail(c)),
    "complaint-detail": lambda c: Asked("get", f"complaints/{a_case(c).number}"),
    "complaint-messages": lambda c: Asked(
        "post",
        f"complaints/{a_case(c).number}/messages",
        {"source": "shop", "source_ref": "1", "body": "?", "channel": "web"},
    ),
    "complaint-transitions": lambda c: Asked(
        "post", f"complaints/{a_case(c).number}/transitions", {"to": "in_progress"}
    ),
    "complaint-files": lambda c: Asked("get", f"complaints/{a_case(c).number}/files"),
    "complaint-file": lambda c: Asked("get", a_file(a_case(c))),
    "customer-prompts": lambda c: Asked("get", f"customers/{c.number}/prompts"),
    "prompt-acknowledge": lambda c: Asked("post", f"prompts/{a_prompt(c)}/acknowledge"),
    "customer-life-dates": lambda c: Asked("put", f"customers/{c.number}/life-dates", {"life_dates": []}),
    "customer-manager": lambda c: Asked("get", f"customers/{c.number}/manager"),
    "customer-promises": lambda c: Asked("post", f"customers/{c.number}/promises", a_promise_in()),
    "customer-plan": lambda c: Asked("put", f"customers/{c.number}/plan", {"every_days": 30, "why": "他要求"}),
    "customer-appointments": lambda c: Asked("post", f"customers/{c.number}/appointments", a_day_in()),
    "promise-keep": lambda c: Asked("post", f"promises/{a_promise(c)}/keep"),
    "promise-move": lambda c: Asked("post", f"promises/{a_promise(c)}/move", moved()),
    "promise-release": lambda c: Asked("post", f"promises/{a_promise(c)}/release", {"how": "不用了"}),
    "customer-points": lambda c: Asked("get", f"customers/{c.number}/points"),
    "customer-points-lines": lambda c: Asked("get", f"customers/{c.number}/points/lines"),
    "customer-holds": lambda c: Asked(
        "post", f"customers/{with_points(c).number}/holds", {"points": 10, "purpose": "order", "ref": "t-1"}
    ),
    "customer-adjustments": lambda c: Asked(
        "post", f"customers/{with_points(c).number}/adjustments", {"points": 5, "reason": "late delivery"}
    ),
    "customer-redemptions": lambda c: Asked(
        "post", f"customers/{with_points(c).number}/redemptions", {"reward": a_reward().pk}
    ),
    "hold-end": lambda c: Asked("post", f"holds/{a_hold(c)}/capture"),
    "redemption-end": lambda c: Asked("post", f"redemptions/{a_redemption(c)}/hand-over"),
    "coupon-validate": lambda c: Asked(
        "post", "coupons/validate", {"customer": c.number, "code": a_coupon(a_campaign(), c).code, "lines": LINES}
    ),
    "coupon-reserve": lambda c: Asked(
        "post",
        "coupons/reserve",
        {"customer": c.number, "code": a_coupon(a_campaign(), c).code, "lines": LINES, "order_ref": "shop:8812"},
    ),
    "coupon-confirm": lambda c: Asked("post", f"coupons/redemptions/{a_use(c).pk}/confirm"),
    "coupon-release": lambda c: Asked("post", f"coupons/redemptions/{a_use(c).pk}/release"),
    "coupon-rollback": lambda c: Asked("post", f"coupons/redemptions/{a_used(c)}/rollback", {"reason": "returned"}),
    "customer-coupons": lambda c: Asked("get", f"customers/{c.number}/coupons"),
    "lottery-draws": lambda c: Asked("post", f"lottery/{a_wheel()}/draws", {"customer": c.number}),
    "lottery-claim": lambda c: Asked("post", f"lottery/draws/{a_win(c)}/claim"),
    "credit": lambda c: Asked("get", f"credit/{with_credit(c)}"),
    "credit-authorisations": lambda c: Asked(
        "post", f"credit/{with_credit(c)}/authorisations", {"order_ref": "shop:8812", "amount": "10.00"}
    ),
    "credit-capture": lambda c: Asked("post", f"credit/authorisations/{an_authorisation(c)}/capture"),
    "credit-void": lambda c: Asked("post", f"credit/authorisations/{an_authorisation(c)}/void"),
    "credit-payments": lambda c: Asked("post", f"credit/{with_debt(c)}/payments", {"amount": "10.00"}),
}
HELD_ELSEWHERE = {
    "api-schema": "public",
    "api-docs": "public",
    "customer-find": "a list: below",
    "consent-replies": "by the number of a phone: tests/api/test_letters.py",
    "letters-waiting": "a list: tests/api/test_letters.py",
    "letter-receipts": "what is out of reach is unknown: tests/api/test_letters.py",
    "source-customer": "written within the reach of the user: tests/api/test_record.py",
    "complaint-categories": "of the mall",
    "leave-list": "of colleagues: tests/api/test_leaves.py",
    "leave-end": "of colleagues: tests/api/test_leaves.py",
    "hand-over-list": "of colleagues: tests/api/test_leaves.py",
    "promise-list": "a list: tests/api/test_promises.py",
    "surveys-due": "a list: below",
    "customer-tier": "by number, as customer-by-number; needs levels",
    "customer-points-freeze": "by number; needs a right of its own",
    "customer-points-thaw": "by number; needs a right of its own",
    "lottery-tickets": "by number, as lottery-draws; needs a price in points",
    "lottery": "published to everybody",
    "rewards": "of the mall",
    "rules": "of the mall, by the rights of the user",
    "rules-kind": "of the mall, by the rights of the user",
    "rules-propose": "of the mall, by the rights of the user",
    "rules-roll-back": "of the mall, by the rights of the user",
    "rule-change": "of the mall, by the rights of the user",
    "rule-change-confirm": "of the mall, by the rights of the user",
    "rule-change-look-again": "of the mall, by the rights of the user",
    "rule-change-drop": "of the mall, by the rights of the user",
    "rule-change-withdraw": "of the mall, by the rights of the user",
    "customer-list": "lists whom its user sees: tests/api/test_lists.py",
    "order-list": "lists whom its user sees, of its sources: tests/api/test_lists.py",
    "alert-list": "lists whom its user sees: tests/api/test_lists.py",
    "segment-list": "its own and shared ones: tests/api/test_segments.py",
    "segment-detail": "counts whom its user sees: tests/api/test_segments.py",
    "segment-members": "lists whom its user sees: tests/api/test_segments.py",
    "tier-rules": "of the mall, by the rights of the user",
    "tier-drafts": "of the mall, by the rights of the user",
    "tier-draft": "of the mall, by the rights of the user",
    "tier-draft-simulate": "of the mall, by the rights of the user",
    "tier-draft-publish": "of the mall, by the rights of the user",
    "tier-version": "of the mall, by the rights of the user",
    "tier-version-withdraw": "of the mall, by the rights of the user",
    "tier-version-roll-back": "of the mall, by the rights of the user",
}
OF_A_SOURCE: dict[str, Call] = {
    "order": lambda c: Asked("put", "sources/till/orders/o-9", an_order_of(c)),
    "order-batch": lambda c: Asked("post", "sources/till/orders/batch", {"orders": [{"external_id": "o-9"}]}),
    "complaint-list": lambda c: Asked("post", "complaints", complaint(c, source="till")),
    "complaint-inbound": lambda c: Asked("post", "complaints/inbound", mail(c, source="till")),
    "complaint-messages": lambda c: Asked(
        "post",
        f"complaints/{a_case(c).number}/messages",
        {"source": "till", "source_ref": "1", "body": "?", "channel": "web"},
    ),
    "complaint-detail": lambda c: Asked("get", f"complaints/{a_case(c, 'till').number}"),
    "complaint-transitions": lambda c: Asked("get", f"complaints/{a_case(c, 'till').number}/transitions"),
    "complaint-files": lambda c: Asked("get", f"complaints/{a_case(c, 'till').number}/files"),
    "complaint-file": lambda c: Asked("get", a_file(a_case(c, "till"))),
    "coupon-validate": lambda c: Asked(
        "post",
        "coupons/validate",
        {"customer": c.number, "code": a_coupon(a_campaign(), c).code, "lines": LINES, "order_ref": "till:1"},
    ),
    "coupon-reserve": lambda c: Asked(
        "post",
        "coupons/reserve",
        {"customer": c.number, "code": a_coupon(a_campaign(), c).code, "lines": LINES, "order_ref": "till:1"},
    ),
    "coupon-confirm": lambda c: Asked("post", f"coupons/redemptions/{a_use(c, 'till:1').pk}/confirm"),
    "coupon-release": lambda c: Asked("post", f"coupons/redemptions/{a_use(c, 'till:1').pk}/release"),
    "coupon-rollback": lambda c: Asked(
        "post", f"coupons/redemptions/{a_use(c, 'till:1').pk}/rollback", {"reason": "returned"}
    ),
    "credit-authorisations": lambda c: Asked(
        "post", f"credit/{with_credit(c)}/authorisations", {"order_ref": "till:1", "amount": "10.00"}
    ),
    "credit-capture": lambda c: Asked("post", f"credit/authorisations/{an_authorisation(c, 'till:1')}/capture"),
    "credit-void": lambda c: Asked("post", f"credit/authorisations/{an_authorisation(c, 'till:1')}/void"),
}


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))


@pytest.fixture
def li_lei(make_customer: MakeCustomer) -> Customer:
    return make_customer("李雷", email="li.lei@example.com")


def client_of(user: User, *sources: str) -> APIClient:
    _token, secret = tokens.issue(user, name="t", scopes=list(ApiScope), sources=sources, at=timezone.now())
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {secret}")
    return client


def status(client: APIClient, asked: Asked) -> int:
    call = getattr(client, asked.method)
    answer = call(f"/api/v1/{asked.url}", asked.data, format="json", **KEY)
    if asked.url.endswith("/batch") and answer.status_code == 200:
        return int(answer.json()["results"][0]["status"])
    return int(answer.status_code)


def hand_to(manager: User, customer: Customer) -> None:
    customer.manager = customer.standing.manager = manager
    customer.manager_since = customer.registered_on
    customer.save()
    customer.standing.save()


@pytest.mark.parametrize("name", OF_A_CUSTOMER)
def test_a_managers_token_reaches_the_managers_customers_and_nobody_else(
    make_user: MakeUser, li_lei: Customer, name: str
) -> None:
    chen = make_user(Role.ACCOUNT_MANAGER, "Chen")
    hand_to(make_user(Role.ACCOUNT_MANAGER, "Zhou"), li_lei)
    asked = OF_A_CUSTOMER[name](li_lei)

    assert status(client_of(chen), asked) == 404

    hand_to(chen, li_lei)
    assert status(client_of(chen), asked) in (200, 201, 204)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER])
@pytest.mark.parametrize("name", ["order", "complaint-detail", "hold-end", "coupon-release", "credit-void"])
def test_a_token_of_who_sees_no_customers_reaches_none(
    make_user: MakeUser, li_lei: Customer, name: str, role: str
) -> None:
    assert status(client_of(make_user(role)), OF_A_CUSTOMER[name](li_lei)) == 404


@pytest.mark.parametrize("name", OF_A_SOURCE)
def test_a_token_bound_to_sources_speaks_of_no_other(make_user: MakeUser, li_lei: Customer, name: str) -> None:
    shop, asked = make_user(Role.CLIENT, "Shop"), OF_A_SOURCE[name](li_lei)

    named = asked.url.startswith("sources") or {"source", "order_ref"} & asked.data.keys()
    assert status(client_of(shop, "shop"), asked) == (403 if named else 404)
    assert status(client_of(shop, "shop", "till"), asked) not in (403, 404)
    assert status(client_of(shop), asked) not in (403, 404)


def test_lists_hold_what_the_token_reaches(make_user: MakeUser, make_customer: MakeCustomer) -> None:
    chen, at = make_user(Role.ACCOUNT_MANAGER, "Chen"), timezone.now()
    mine, other = make_customer("李雷", email="li@example.com"), make_customer("韩梅梅", email="han@example.com")
    hand_to(chen, mine)
    cases = [a_case(mine, "shop"), a_case(other, "till")]
    for case in cases:
        Survey.objects.create(case=case, cycle=1, send_at=at - DAY)
    chens, shop = client_of(chen), client_of(make_user(Role.CLIENT, "Shop"), "shop")

    for client in (chens, shop):
        assert [row["number"] for row in client.get("/api/v1/complaints").json()["results"]] == [cases[0].number]
    found = chens.post("/api/v1/customers/find", {"email": "han@example.com"}, format="json").json()["results"]
    assert found == []
    due = chens.post("/api/v1/complaints/surveys/due").json()["results"]
    assert [row["complaint"] for row in due] == [cases[0].number]
    given = chens.get("/api/v1/complaints/surveys/due").json()["results"]
    assert [row["link"] for row in given] == [row["link"] for row in due]
    assert shop.post("/api/v1/complaints/surveys/due").json()["results"] == []
    assert [row["link"] for row in shop.get("/api/v1/complaints/surveys/due").json()["results"]] == [due[0]["link"]]
    assert Survey.objects.get(case=cases[1]).state == Survey.State.PLANNED


def test_an_order_that_is_refused_leaves_nothing_behind(make_user: MakeUser, li_lei: Customer) -> None:
    chen = client_of(make_user(Role.ACCOUNT_MANAGER, "Chen"))
    stranger = order_body(external_id="c-new", name="新人")

    assert status(chen, Asked("put", "sources/shop/orders/o-9", stranger)) == 404
    assert status(chen, Asked("post", "complaints", complaint(li_lei))) == 404
    assert (Order.objects.count(), Case.objects.count(), Customer.objects.count()) == (0, 0, 1)


def test_an_order_is_not_taken_from_somebody_elses_customer(
    make_user: MakeUser, make_customer: MakeCustomer, li_lei: Customer
) -> None:
    chen, mine = make_user(Role.ACCOUNT_MANAGER, "Chen"), make_customer("韩梅梅")
    hand_to(chen, mine)
    shop = client_of(make_user(Role.CLIENT, "Shop"))
    assert status(shop, Asked("put", "sources/shop/orders/o-9", an_order_of(li_lei))) == 201

    moved = an_order_of(mine) | {"version": 2}

    assert status(client_of(chen), Asked("put", "sources/shop/orders/o-9", moved)) == 404
    assert Order.objects.get().customer == li_lei


def test_every_address_says_what_holds_it() -> None:
    names = {route.name for route in urlpatterns}

    assert names == OF_A_CUSTOMER.keys() | HELD_ELSEWHERE.keys()
    assert OF_A_SOURCE.keys() <= names
