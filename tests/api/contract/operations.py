"""Every operation of the schema, asked about one customer: what has to be there, what is called, what is sent."""

import copy
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any

from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator

from care import plans as contact_plans
from care.days import around
from care.plans import Asked as OwnPlan
from complaints.models import Survey
from core.accounts.models import Role, User
from core.lib.conditions.tree import All
from core.rulebook import changes
from crm.desk.today import today
from crm.flows.catalogue import CUSTOMERS
from customers.books import leaves
from customers.models import Customer, ExternalIdentity, Order
from loyalty import rulebook as points
from loyalty.models import PointRules, TierRules
from loyalty.points import holds, rewards
from loyalty.points import rules as point_rules
from loyalty.tiers import simulation as tier_whatif
from segmentation.models import Alert
from segmentation.segments import writing
from tests.api import test_reach as reach
from tests.api.test_reach import Asked, Call
from tests.loyalty.campaigns.stories import DAY, goods, published
from tests.loyalty.tiers.stories import content, night, person, put_in_force

BASE = "/api/v1/"
Path = tuple[str | int, ...]
ABOUT = reach.OF_A_CUSTOMER


def with_levels(customer: Customer) -> str:
    if not TierRules.objects.exists():
        put_in_force(content(), today() - timedelta(days=2))
    night(today())
    return str(customer.number)


def known_as(customer: Customer) -> str:
    identity = ExternalIdentity.objects.filter(customer=customer).earliest("pk")
    return f"sources/{identity.source}/customers/{identity.external_id}"


def a_priced_wheel() -> str:
    wheel = published(
        goods(total=1), entry="points", points_cost=5, starts_at=timezone.now() - DAY, ends_at=timezone.now() + 9 * DAY
    )
    return str(wheel.code)


def a_question(customer: Customer) -> None:
    Survey.objects.create(case=reach.a_case(customer, "shop"), cycle=1, send_at=timezone.now() - DAY)


def a_case_number(customer: Customer) -> str:
    return reach.a_case(customer).number


def promised_to(customer: Customer) -> Customer:
    reach.a_promise(customer)
    return customer


def looked_after(customer: Customer) -> str:
    """The number of a customer with a manager, and a plan of their own."""
    day = timezone.now().date()
    chen = customer.manager or User.objects.get_or_create(username="looks", roles=[Role.ACCOUNT_MANAGER])[0]
    if customer.manager is None:
        reach.hand_to(chen, customer)
    asked, days = OwnPlan(30, why="他要求"), around(day, lambda on: True)
    contact_plans.set_own(customer, asked, by=chen, today=day, at=timezone.now(), days=days)
    return customer.number


def priced_ticket(customer: Customer) -> Asked:
    reach.with_points(customer)
    return Asked("post", f"lottery/{a_priced_wheel()}/tickets", {"customer": customer.number})


def a_draft(*, simulated: bool = False) -> int:
    if not TierRules.objects.exists():
        put_in_force(content(), today() - timedelta(days=2))
    wang, at = person("wang"), timezone.now()
    draft = tier_whatif.new_draft(by=wang, at=at)
    if simulated:
        day = today() + timedelta(days=9)
        tier_whatif.save_draft(draft.pk, starts_on=day, reason="a good reason", by=wang, at=at)
        tier_whatif.simulate(draft.pk, by=wang, at=at)
    return draft.pk


def a_version(*, ahead: bool = False) -> int:
    if not TierRules.objects.exists():
        put_in_force(content(), today() - timedelta(days=2))
    if not ahead:
        return TierRules.objects.latest("version").version
    day = today() + timedelta(days=9)
    return put_in_force(content(window_months=3), day, on=today()).version


def of_points() -> str:
    """The kind, with two versions of it, the second one in force."""
    if not PointRules.objects.exists():
        for number, days in enumerate((60, 30), start=1):
            at = timezone.now() - timedelta(days=days)
            point_rules.save({"rate": number}, starts_at=at, by=None, reason="tests", at=at)
    return points.RULES.name


def a_rule_change(*, confirmed: bool = False) -> int:
    of_points()
    at = timezone.now()
    day = changes.first_day(points.RULES, today=today())
    change = changes.propose(points.RULES, {"rate": "3"}, starts_on=day, reason="新", by=person("wang"), at=at)
    if confirmed:
        changes.confirm(points.RULES, change.pk, by=person("zhao"), at=at, meant=True)
    return change.pk


def a_segment() -> str:
    """Everybody, shared with everybody: who is in it is whom its reader sees."""
    lead, at = User.objects.get_or_create(username="leads", roles=[Role.TEAM_LEAD])[0], timezone.now()
    segment = writing.create("Everybody", All(()), catalogue=CUSTOMERS, by=lead, at=at)
    return str(writing.share(segment.pk, "all", catalogue=CUSTOMERS, by=lead, at=at).code)


# What concerns one customer, by an id in the address or a field that names them.
OF_A_CUSTOMER: dict[str, Call] = {
    "POST complaints": ABOUT["complaint-list"],
    "GET complaints/{number}": ABOUT["complaint-detail"],
    "POST complaints/{number}/messages": ABOUT["complaint-messages"],
    "GET complaints/{number}/files": ABOUT["complaint-files"],
    # A text stands for what is in the file: whoever can sends it as one.
    "POST complaints/{number}/files": lambda c: Asked(
        "post", f"complaints/{a_case_number(c)}/files", {"file": "%PDF-1.7\ntrailer<<>>\n%%EOF\n"}
    ),
    "GET complaints/{number}/files/{id}": ABOUT["complaint-file"],
    "GET complaints/{number}/transitions": lambda c: Asked("get", f"complaints/{a_case_number(c)}/transitions"),
    "POST complaints/{number}/transitions": ABOUT["complaint-transitions"],
    "POST complaints/inbound": ABOUT["complaint-inbound"],
    "POST coupons/redemptions/{id}/confirm": ABOUT["coupon-confirm"],
    "POST coupons/redemptions/{id}/release": ABOUT["coupon-release"],
    "POST coupons/redemptions/{id}/rollback": ABOUT["coupon-rollback"],
    "POST coupons/reserve": ABOUT["coupon-reserve"],
    "POST coupons/validate": ABOUT["coupon-validate"],
    "GET credit/{number}": ABOUT["credit"],
    "POST credit/{number}/authorisations": ABOUT["credit-authorisations"],
    "POST credit/{number}/payments": ABOUT["credit-payments"],
    "POST credit/authorisations/{id}/capture": ABOUT["credit-capture"],
    "POST credit/authorisations/{id}/void": ABOUT["credit-void"],
    "GET customers/{number}": ABOUT["customer-by-number"],
    "POST customers/{number}/adjustments": ABOUT["customer-adjustments"],
    "GET customers/{number}/consents": ABOUT["customer-consents"],
    "POST customers/{number}/consents": lambda c: Asked(
        "post",
        f"customers/{c.number}/consents",
        {"channel": "email", "purpose": "marketing", "state": "granted", "evidence": "表 12"},
    ),
    "GET customers/{number}/coupons": ABOUT["customer-coupons"],
    "POST customers/{number}/holds": ABOUT["customer-holds"],
    "GET customers/{number}/points": ABOUT["customer-points"],
    "POST customers/{number}/points/freeze": lambda c: Asked(
        "post", f"customers/{reach.with_points(c).number}/points/freeze", {"reason": "查"}
    ),
    "GET customers/{number}/points/lines": ABOUT["customer-points-lines"],
    "POST customers/{number}/points/thaw": lambda c: Asked(
        "post", f"customers/{reach.with_points(c).number}/points/thaw", {"reason": "查完"}
    ),
    "GET customers/{number}/prompts": ABOUT["customer-prompts"],
    "PUT customers/{number}/life-dates": ABOUT["customer-life-dates"],
    "GET customers/{number}/manager": ABOUT["customer-manager"],
    "GET customers/{number}/promises": lambda c: Asked("get", f"customers/{promised_to(c).number}/promises"),
    "POST customers/{number}/promises": ABOUT["customer-promises"],
    "GET customers/{number}/plan": lambda c: Asked("get", f"customers/{looked_after(c)}/plan"),
    "PUT customers/{number}/plan": lambda c: Asked(
        "put", f"customers/{looked_after(c)}/plan", {"every_days": 30, "why": "他要求"}
    ),
    "GET customers/{number}/appointments": lambda c: Asked("get", f"customers/{looked_after(c)}/appointments"),
    "POST customers/{number}/appointments": lambda c: Asked(
        "post", f"customers/{looked_after(c)}/appointments", reach.a_day_in()
    ),
    "POST promises/{id}/keep": ABOUT["promise-keep"],
    "POST promises/{id}/move": ABOUT["promise-move"],
    "POST promises/{id}/release": ABOUT["promise-release"],
    "POST customers/{number}/redemptions": ABOUT["customer-redemptions"],
    "GET customers/{number}/tier": lambda c: Asked("get", f"customers/{with_levels(c)}/tier"),
    "POST holds/{id}/{verb}": ABOUT["hold-end"],
    "POST lottery/{code}/draws": ABOUT["lottery-draws"],
    "POST lottery/{code}/tickets": priced_ticket,
    "POST lottery/draws/{id}/claim": ABOUT["lottery-claim"],
    "POST prompts/{id}/acknowledge": ABOUT["prompt-acknowledge"],
    "POST redemptions/{id}/{verb}": ABOUT["redemption-end"],
    "PUT sources/{source}/customers/{external_id}": lambda c: Asked("put", known_as(c), {"city": "杭州"}),
    "PATCH sources/{source}/customers/{external_id}": lambda c: Asked("patch", known_as(c), {"city": "杭州"}),
    "PUT sources/{source}/orders/{external_id}": ABOUT["order"],
    "POST sources/{source}/orders/batch": ABOUT["order-batch"],
}


def asked_for_cases(customer: Customer) -> Asked:
    reach.a_case(customer)
    return Asked("get", f"complaints?customer={customer.number}")


def asked_for_links(customer: Customer) -> Asked:
    a_question(customer)
    return Asked("post", "complaints/surveys/due")


def asked_for_orders(customer: Customer) -> Asked:
    at, day = timezone.now(), timezone.localdate()
    facts = {"status": "paid", "ordered_at": at, "ordered_on": day, "paid": 1, "cost": 0, "profit": 1}
    Order.objects.create(source="shop", external_id="o-1", version=1, customer=customer, received_at=at, **facts)
    return Asked("get", "orders?ordered=last.30")


def asked_for_alerts(customer: Customer) -> Asked:
    day = timezone.localdate()
    Alert.objects.create(customer=customer, kind="quiet", severity=5, last_on=day, opened_on=day, window_ends_on=day)
    return Asked("get", "alerts?state=open")


DAYS = {"starts_on": "2026-11-02", "ends_on": "2026-11-03"}


def a_colleague(name: str = "colleague") -> User:
    return User.objects.get_or_create(username=name, defaults={"roles": [Role.ACCOUNT_MANAGER]})[0]


def a_leave() -> int:
    days = {name: date.fromisoformat(day) for name, day in DAYS.items()}
    leave = leaves.note(a_colleague(), **days, cover=None, by=None, at=timezone.now())
    return int(leave.pk)


def handed_over(customer: Customer) -> dict[str, Any]:
    """The customer's manager is to hand over to a colleague; somebody else's book holds nobody."""
    giver, on = customer.manager or a_colleague("giver"), date(2026, 1, 1)
    told = {"name": "王芳", "registered_on": on, "manager": giver, "manager_since": on}
    Customer.objects.get_or_create(number="H-1", defaults=told)
    return {"giver": giver.username, "to": [a_colleague().username], "reason": "转岗"}


# What shows rows of several: somebody out of reach is not among them.
LISTS: dict[str, Call] = {
    "GET alerts": asked_for_alerts,
    "GET complaints": asked_for_cases,
    "GET customers": lambda c: Asked("get", "customers?sort=-last"),
    "GET orders": asked_for_orders,
    "POST complaints/surveys/due": asked_for_links,
    "GET promises": lambda c: Asked("get", f"promises{promised_to(c) and ''}"),
    "GET segments/{code}/members": lambda c: Asked("get", f"segments/{a_segment()}/members"),
    "POST customers/find": lambda c: Asked("post", "customers/find", {"email": "li.lei@example.com"}),
}
# What is the mall's.
OF_THE_MALL: dict[str, Call] = {
    "GET complaints/categories": lambda c: Asked("get", "complaints/categories"),
    "GET complaints/surveys/due": lambda c: Asked("get", "complaints/surveys/due"),
    "POST consents/replies": lambda c: Asked(
        "post",
        "consents/replies",
        {"channel": "sms", "sender": "13800138000", "text": "TD", "at": "2026-11-02T12:00:00+08:00"},
    ),
    "GET letters/waiting": lambda c: Asked("get", "letters/waiting?channel=shop"),
    "POST letters/receipts": lambda c: Asked(
        "post",
        "letters/receipts",
        {"receipts": [{"id": "<x@y.example>", "state": "delivered", "at": "2026-11-02T12:00:00+08:00"}]},
    ),
    "GET leaves": lambda c: Asked("get", f"leaves{a_leave() and ''}"),
    "POST leaves": lambda c: Asked("post", "leaves", {"user": a_colleague().username, **DAYS}),
    "POST leaves/{id}/end": lambda c: Asked("post", f"leaves/{a_leave()}/end"),
    "GET hand-overs": lambda c: Asked("get", "hand-overs"),
    "POST hand-overs": lambda c: Asked("post", "hand-overs", handed_over(c)),
    "GET lottery/{code}": lambda c: Asked("get", f"lottery/{reach.a_wheel()}"),
    "GET rewards": lambda c: Asked("get", "rewards"),
    "GET rules": lambda c: Asked("get", "rules"),
    "GET rules/{kind}": lambda c: Asked("get", f"rules/{of_points()}"),
    "POST rules/{kind}/changes": lambda c: Asked(
        "post", f"rules/{of_points()}/changes", {"content": {"rate": "2"}, "reason": "新"}
    ),
    "POST rules/{kind}/versions/{version}/roll-back": lambda c: Asked(
        "post", f"rules/{of_points()}/versions/2/roll-back", {"reason": "退回"}
    ),
    "GET rules/changes/{id}": lambda c: Asked("get", f"rules/changes/{a_rule_change()}"),
    "POST rules/changes/{id}/confirm": lambda c: Asked("post", f"rules/changes/{a_rule_change()}/confirm"),
    "POST rules/changes/{id}/look-again": lambda c: Asked("post", f"rules/changes/{a_rule_change()}/look-again"),
    "POST rules/changes/{id}/drop": lambda c: Asked(
        "post", f"rules/changes/{a_rule_change()}/drop", {"reason": "不要"}
    ),
    "POST rules/changes/{id}/withdraw": lambda c: Asked(
        "post", f"rules/changes/{a_rule_change(confirmed=True)}/withdraw", {"reason": "太早"}
    ),
    "GET segments": lambda c: Asked("get", f"segments{a_segment() and ''}"),
    "GET segments/{code}": lambda c: Asked("get", f"segments/{a_segment()}"),
    "GET tier-rules": lambda c: Asked("get", "tier-rules"),
    "POST tier-rules/drafts": lambda c: Asked("post", f"tier-rules/drafts{a_version() and ''}"),
    "GET tier-rules/drafts/{id}": lambda c: Asked("get", f"tier-rules/drafts/{a_draft(simulated=True)}"),
    "PATCH tier-rules/drafts/{id}": lambda c: Asked("patch", f"tier-rules/drafts/{a_draft()}", {"reason": "新"}),
    "DELETE tier-rules/drafts/{id}": lambda c: Asked("delete", f"tier-rules/drafts/{a_draft()}"),
    "POST tier-rules/drafts/{id}/publish": lambda c: Asked(
        "post", f"tier-rules/drafts/{a_draft(simulated=True)}/publish", {"falls": 0}
    ),
    "POST tier-rules/drafts/{id}/simulate": lambda c: Asked("post", f"tier-rules/drafts/{a_draft()}/simulate"),
    "GET tier-rules/versions/{version}": lambda c: Asked("get", f"tier-rules/versions/{a_version()}"),
    "POST tier-rules/versions/{version}/roll-back": lambda c: Asked(
        "post", f"tier-rules/versions/{a_version(ahead=True)}/roll-back", {"reason": "退回"}
    ),
    "POST tier-rules/versions/{version}/withdraw": lambda c: Asked(
        "post", f"tier-rules/versions/{a_version(ahead=True)}/withdraw", {"reason": "太早"}
    ),
}
ALL = OF_A_CUSTOMER | LISTS | OF_THE_MALL


def ended_hold(customer: Customer) -> Asked:
    """Two records are one only once nothing is set aside; what was ended is ended again without harm."""
    pk = reach.a_hold(customer)
    holds.capture(pk, at=timezone.now())
    return Asked("post", f"holds/{pk}/capture")


def ended_redemption(customer: Customer) -> Asked:
    pk = reach.a_redemption(customer)
    rewards.hand_over(pk, at=timezone.now())
    return Asked("post", f"redemptions/{pk}/hand-over")


BEFORE_MERGING: dict[str, Call] = {
    "POST holds/{id}/{verb}": ended_hold,
    "POST redemptions/{id}/{verb}": ended_redemption,
}


@cache
def schema() -> dict[str, Any]:
    """The same each time: nobody writes into it."""
    document: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return document


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By method and address, as in the tables."""
    return {
        f"{method.upper()} {path.removeprefix(BASE)}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def path_values(operation: str, url: str) -> dict[str, str]:
    """What stands in the address in the place of each name in braces."""
    template = operation.partition(" ")[2]
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/?]+)", re.escape(template))
    match = re.fullmatch(pattern, url.partition("?")[0])
    assert match, (operation, url)
    return match.groupdict()


# What an operation can be told, beyond what has to be.
MORE_OF = {
    "PUT sources/{source}/orders/{external_id}": {
        "status": "paid",
        "cost": "60.00",
        "lines": [{"product": "P-1", "name": "杯子", "category": "家居", "quantity": 1, "amount": "100.00"}],
        "refunds": [
            {
                "external_id": "r-1",
                "amount": "10.00",
                "refunded_at": "2026-11-02T12:00:00+08:00",
                "cost_returned": "6.00",
            }
        ],
    },
    "POST coupons/validate": {"shipping": "0.00", "campaign": "", "order_ref": "shop:8812"},
    "PUT sources/{source}/customers/{external_id}": {
        "birthday": {"month": 3, "day": 8, "year": 1990, "calendar": "solar"},
        "interests": ["茶"],
        "phones": ["13800138000"],
        "emails": ["li@example.com"],
        "addresses": ["杭州"],
        "custom": {},
    },
}


def whole(document: dict[str, Any], label: str, asked: Asked) -> dict[str, Any]:
    """What fits, with a place for every field that need not be sent."""
    content = operations(document)[label].get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    known = document["components"]["schemas"].get(name, {}).get("properties", {})
    return dict.fromkeys(known) | asked.data | MORE_OF.get(label, {})


def fields(body: Any, path: Path = ()) -> Iterator[Path]:
    """The way to every value within the body, and to the body's parts."""
    parts: Any = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in parts:
        yield (*path, name)
        yield from fields(value, (*path, name))


def with_values(body: Any, paths: Sequence[Path], value: Any) -> Any:
    """The body, with this value at the end of each way."""
    changed = copy.deepcopy(body)
    for path in paths:
        inner = changed
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = value
    return changed
