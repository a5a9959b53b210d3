"""Every route with what no browser sends: whatever it is, nothing is a bug."""

import inspect
import zlib
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest
from django import forms
from django.db import transaction
from django.db.models import Model
from django.http import QueryDict
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from complaints.cases import handover, intake
from complaints.models import BusinessCalendar, Category, CorrectiveAction, Department, SilentSign
from core.accounts.models import Role, User
from core.accounts.roles import RIGHTS
from core.lib.conditions.tree import All
from core.outbox import posting
from core.outbox.models import WebhookEndpoint
from crm.desk.complaints.deeds import DEEDS
from crm.desk.urls import urlpatterns
from crm.flows.catalogue import CUSTOMERS
from customers import todo
from loyalty.campaigns import credit, draws
from loyalty.models import Club, PointAdjustment, Reward, TierDraft, TierRules, VisitStep
from loyalty.points import accounts, rewards
from segmentation.models import Alert, Segment
from segmentation.segments import writing
from tests.api.contract.values import TEXTS
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.desk import test_query_counts as rows
from tests.desk.test_permissions import PAGES, POSTED
from tests.loyalty.campaigns.stories import DAY, goods, published, running

# Who sees most of what there is comes first.
READERS = (Role.SERVICE_LEAD, Role.TEAM_LEAD, Role.ACCOUNT_MANAGER, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER)
HOSTILE = (b"\xed\xa0\x80", "9" * 40)
# Short enough to be sent with all others.
ODD = [text for text in TEXTS if len(text) < 200]
# What views read without a form.
BARE = {
    "after",
    "before",
    "body",
    "caller",
    "client_key",
    "code",
    "count",
    "customer",
    "decision",
    "do",
    "exact",
    "falls",
    "key",
    "level",
    "list",
    "note",
    "number",
    "opened",
    "other",
    "outcome",
    "page",
    "phone",
    "previewed",
    "q",
    "reason",
    "reference",
    "referrer",
    "remove",
    "row",
    "t-0:least",
    "t-0:money",
    "t-0:v",
    "t-0:within",
    "transition",
    "version",
    "visibility",
}
# A line of the builder of segments, with all of it open to be filled.
LINE = {"t:kind": "all", "t-0:kind": "leaf", "t-0:was": "bought", "t-0:field": "bought", "t-0:op": "has"}


@pytest.fixture
def ids(
    make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> dict[str, int]:
    """One of everything: which id the addresses that begin so take."""
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])
    at, chen = timezone.now(), make_user(Role.ACCOUNT_MANAGER, "Chen", team="east")
    reader = make_user(Role.SERVICE_LEAD, "Reader", team="east")
    mall = rows.Mall(reader, make_user, make_customer, make_order)
    for before in (rows.desk, rows.levels, rows.points):
        before(mall)
    person = make_customer("李雷", manager=chen, phone="13800138000")
    late = Category.objects.get(code="delivery-late")
    case = intake.log(person, category=late, channel="phone", by=reader, at=at, description="没到").case
    handed = handover.ask(case.pk, Department.objects.earliest("pk"), question="哪里?", assignee=chen, by=reader, at=at)
    some = (rows.an_alert, rows.a_silent_customer, rows.an_action, rows.an_endpoint, rows.a_draft_of_levels)
    for n, make in enumerate((*some, rows.points_to_decide, rows.a_reward, rows.a_club), start=1):
        make(mall, n)
    day = timezone.localdate()
    text = {"promise": "寄样"}
    task = todo.open_task(person, owner=reader, reason="promise", text=text, due_on=day, at=at, dedupe_key="t")
    accounts.grant(person, 5000, source="gift", key="g", at=at)
    taken = rewards.reserve(person, Reward.objects.get(), key="x", at=at)
    campaign = running("C1", starts_at=at - DAY, ends_at=at + 9 * DAY)
    lottery = published(goods(total=5), starts_at=at - DAY, ends_at=at + 9 * DAY)
    credit.propose_limit(person, limit=Decimal(30000), term_days=30, reason="x", by=chen, at=at)
    found: dict[str, Model] = {
        "": person,
        "alert": Alert.objects.get(),
        "club": Club.objects.get(),
        "complaint": case,
        "complaint_action_": CorrectiveAction.objects.get(),
        "complaint_calendar": BusinessCalendar.objects.earliest("pk"),
        "complaint_call": task,
        "complaint_mark": person,
        "complaint_unmark": person,
        "complaint_silent_": SilentSign.objects.get(),
        "coupons": campaign,
        "draw": lottery,
        "draw_hand_over": draws.draw(lottery.pk, person, idem_key="1", at=at),
        "point_": PointAdjustment.objects.get(),
        "redemption": taken,
        "reward": Reward.objects.get(),
        "tiers": TierDraft.objects.earliest("pk"),
        "tiers_end_promise": person,
        "tiers_promise": person,
        "tiers_version": TierRules.objects.earliest("pk"),
        "tiers_why": person,
        "todo": task,
        "visit_step": VisitStep.objects.create(visits=5, points=10),
        "webhook": WebhookEndpoint.objects.get(),
    }
    return {name: row.pk for name, row in found.items()} | {"row": handed.pk}


def address(route: URLPattern, ids: dict[str, int]) -> str:
    name = str(route.name)
    pk = ids[max((start for start in ids if name.startswith(start)), key=len)]
    words: dict[str, Any] = {"part": "queues", "letter": UUID(int=0), "code": "quiet"}
    takes = {word: words.get(word, pk) for word in route.pattern.regex.groupindex}
    return reverse(f"desk:{name}", kwargs=takes)


def fields_of(route: URLPattern) -> dict[str, forms.Field]:
    """Of the route's form, or of all forms that the module of its view knows."""
    deed = DEEDS.get(str(route.name).removeprefix("complaint_"))
    known = [deed.form] if deed else vars(inspect.getmodule(inspect.unwrap(route.callback))).values()
    found = [form for form in known if isinstance(form, type) and issubclass(form, forms.BaseForm)]
    return {name: field for form in found for name, field in getattr(form, "base_fields", {}).items()}


def fitting(name: str, field: forms.Field, ids: dict[str, int]) -> str:
    if name == "row":
        return str(ids["row"])
    if isinstance(field, forms.ModelChoiceField):
        return "1"
    if isinstance(field, forms.ChoiceField):
        return next((str(key) for key, _label in list(field.choices) if key), "")
    if isinstance(field, forms.DateTimeField):
        return f"{timezone.localtime() + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    if isinstance(field, forms.DateField):
        return f"{timezone.localdate() + timedelta(days=1)}"
    return "1" if isinstance(field, forms.IntegerField) else "合适"


def bodies(route: URLPattern, ids: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Everything hostile; then only numbers and days, and the rest as it should be; then texts that nobody means too."""
    fields = fields_of(route)
    names = [*BARE, *fields, *(f"initial-{name}" for name in fields)]
    for hostile in HOSTILE:
        yield LINE | dict.fromkeys(names, hostile)
    fit = {name: fitting(name, field, ids) for name, field in fields.items() if name != "version"}
    worst = {forms.IntegerField: "9" * 18, forms.DateField: "9999-12-31", forms.DateTimeField: "0001-01-01T00:00"}
    for name in fit:
        fit[name] = next((text for kind, text in worst.items() if isinstance(fields[name], kind)), fit[name])
    yield fit
    if texts := [name for name in fit if type(fields[name]) is forms.CharField]:
        yield fit | {name: odd_text(fields[name], f"{route.name} {name}") for name in texts}


def odd_text(field: forms.Field, salt: str) -> bytes:
    """One of the texts that nobody means and that the field lets pass; another for each field, the same each time."""
    passing = passing_texts(field) or ["合适"]
    text = passing[zlib.crc32(salt.encode()) % len(passing)]
    return text.encode("utf-8", "surrogatepass")


@cache
def passing_texts(field: forms.Field) -> list[str]:
    return [text for text in ODD if not refused(field, "x", text)]


@cache
def sent(name: str, text: str) -> QueryDict:
    """What arrives of a form with this one field. Texts are long: it is read once, for all fields."""
    return QueryDict(urlencode({name: text.encode("utf-8", "surrogatepass")}))


def refused(field: forms.Field, name: str, text: str) -> bool:
    """Whether the field's own check refuses what a browser has sent. Anything but a refusal goes up: it is a bug."""
    try:
        field.clean(field.widget.value_from_datadict(sent(name, text), MultiValueDict(), name))
    except forms.ValidationError as error:
        str(error).encode()
        return True
    return False


def all_fields() -> Iterator[tuple[str, forms.Field]]:
    modules = {inspect.getmodule(inspect.unwrap(route.callback)) for route in urlpatterns}
    known = {form for module in modules for form in vars(module).values() if isinstance(form, type)}
    known |= {deed.form for deed in DEEDS.values() if deed.form}
    for form in sorted((form for form in known if issubclass(form, forms.BaseForm)), key=str):
        for name, field in getattr(form, "base_fields", {}).items():
            if not isinstance(field, forms.FileField):
                yield f"{form.__qualname__}.{name}", field


@pytest.mark.django_db
def test_no_field_breaks_over_what_nobody_means() -> None:
    fields = dict(all_fields())
    outcomes = {name: [refused(field, "x", text) for text in TEXTS] for name, field in fields.items()}

    assert len(TEXTS) >= 45
    assert len(outcomes) > 300
    assert any(any(outcome) for outcome in outcomes.values())


def first_reader(name: str, users: dict[Role, User]) -> User:
    needed = PAGES[name]
    return next(users[role] for role in READERS if needed is None or needed in RIGHTS[role].permissions)


def test_nothing_that_is_sent_is_a_bug(client: Client, make_user: MakeUser, ids: dict[str, int]) -> None:
    users = {role: make_user(role, f"U {role}", team="east") for role in READERS}
    segment = writing.create("Quiet", All(), catalogue=CUSTOMERS, by=users[Role.TEAM_LEAD], at=timezone.now())
    Segment.objects.filter(pk=segment.pk).update(code="quiet")
    client.raise_request_exception = False
    wrong: dict[str, str] = {}
    for route in urlpatterns:
        name = str(route.name)
        client.force_login(first_reader(name, users))
        for body in bodies(route, ids):
            query, where = urlencode(body), address(route, ids)
            with transaction.atomic():
                answer = client.post(where, query, content_type="application/x-www-form-urlencoded")
                if name not in POSTED and answer.status_code < 500 and len(query) < 9000:
                    answer = client.get(f"{where}?{query}")
                transaction.set_rollback(True)
            if answer.status_code >= 500:
                wrong[name] = repr(getattr(answer, "exc_info", None))[:200] + query[:80]

    assert wrong == {}
