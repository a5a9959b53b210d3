"""Every list asks the database as often for three rows as for one, and no page escapes the question."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from care import appointments, plans
from care.appointments import Agreed
from care.days import around
from care.plans import Asked
from complaints.cases import handover, intake, notices, prompts, remedies
from complaints.models import (
    BusinessCalendar,
    Case,
    Category,
    CorrectiveAction,
    Department,
    PriorityMatrix,
    Queue,
    QueueMember,
    RemedyLimit,
    ReplyTemplate,
    RootCause,
    SilentSign,
)
from complaints.models.remedies import RemedyKind
from complaints.setup import defaults
from core.accounts import audit, staff, tokens
from core.accounts.models import Role, User
from core.accounts.roles import ApiScope
from core.jobs import bulk, runs
from core.lib.conditions.tree import Leaf
from core.outbox import delivery, posting, webhooks
from core.views import saved
from core.views.models import SavedView
from crm.desk.bulk.kinds import KINDS
from crm.desk.today import today
from crm.desk.urls import urlpatterns
from crm.flows import nightly
from crm.flows.catalogue import CUSTOMERS
from customers import contacts, todo
from customers.books import handing, leaves
from customers.books import moving as books
from customers.identity import CustomerRef
from customers.intake import guests
from customers.letters import writing as letters
from customers.letters.writing import Words
from customers.models import Category as GoodsCategory
from customers.models import (
    Customer,
    GuestOrder,
    Import,
    ImportProfile,
    LifeDate,
    Order,
    Product,
    Promise,
    Standing,
    Todo,
    UnusualOrder,
)
from customers.orders import OrderFact
from customers.privacy import opened
from customers.privacy import requests as privacy
from customers.promises import ledger
from customers.record import duplicates, labels, writing
from customers.record import fields as custom_fields
from customers.record.facts import Facts
from loyalty import clubs
from loyalty.campaigns import credit
from loyalty.models import Membership, PartnerBenefit, PointAccount, PointAdjustment, Reward
from loyalty.notices import Kind
from loyalty.points import orders as point_orders
from loyalty.points import rules as point_rules
from loyalty.tiers import membership
from loyalty.tiers import simulation as tier_whatif
from segmentation import rules as night_rules
from segmentation.models import Alert, Change, Night, Rising
from segmentation.segments import writing as segments
from tests.conftest import MakeCustomer, MakeOrder, MakeUser
from tests.desk.test_permissions import POSTED
from tests.loyalty.campaigns.stories import DAY, goods, published, running
from tests.loyalty.tiers.stories import content, night, put_in_force


class Mall(NamedTuple):
    """Who reads the page, and how the things on it are made."""

    reader: User
    make_user: MakeUser
    make_customer: MakeCustomer
    make_order: MakeOrder

    def customer(self, n: int) -> Customer:
        """In reach of the reader; with a manager of their own unless the reader is one."""
        mine = self.reader.holds(Role.ACCOUNT_MANAGER)
        return self.make_customer(f"客户{n}", manager=self.reader if mine else self.colleague(n))

    def colleague(self, n: int) -> User:
        name = f"Colleague {n}"
        known = User.objects.filter(full_name=name).first()
        return known or self.make_user(Role.ACCOUNT_MANAGER, name, team="east")


Maker = Callable[[Mall, int], str]


# A row of each list: made, and told by words that stand on the page ---------------------------------------------------


def a_customer(mall: Mall, n: int) -> str:
    return str(mall.customer(n).name)


def a_view(mall: Mall, n: int) -> str:
    look = saved.Look({"v": 1, "all": [{"field": "class", "op": "any", "value": ["big"]}]})
    return saved.save(mall.reader, "customers", f"Big ones {n}", look, at=timezone.now()).name


def a_shared_view(mall: Mall, n: int) -> str:
    lead = mall.colleague(n)
    SavedView.objects.create(
        list="customers",
        owner=lead,
        name=f"Shared {n}",
        visibility="all",
        query={"v": 1, "all": []},
        created_at=timezone.now(),
    )
    return f"Shared {n}"


def a_label(mall: Mall, n: int) -> str:
    return labels.make(f"Label {n}", "red", by=mall.reader, at=timezone.now()).name


def a_customer_with_labels(mall: Mall, n: int) -> str:
    customer, at = mall.customer(n), timezone.now()
    labels.give(labels.make(f"Label {n}", "red", by=mall.reader, at=at), [customer.pk], by=mall.reader, at=at)
    return str(customer.name)


def a_bulk_run(mall: Mall, n: int) -> str:
    customer, at = mall.customer(n), timezone.now()
    label = labels.make(f"Label {n}", "red", by=mall.reader, at=at)
    asked = bulk.Asked("customers", {"label": label.pk, "off": False}, 1)
    rows = Standing.objects.filter(pk=customer.pk)
    bulk.work(bulk.freeze(KINDS["label"], rows, asked, by=mall.reader, at=at).pk, KINDS, now=timezone.now)
    return label.name


def tasks(mall: Mall, n: int) -> str:
    """One to be done, one that was done today and one that was put off."""
    person, at = mall.customer(n), timezone.now()
    reasons = (Todo.Reason.PROMISE, Todo.Reason.CONTACT, Todo.Reason.PROMISE)
    _waits, done, later = (
        todo.open_task(person, reason=reason, text={"promise": "寄样"}, due_on=today(), at=at, dedupe_key=f"{n}-{key}")
        for key, reason in enumerate(reasons)
    )
    todo.complete(done.pk, by=mall.reader, at=at)
    todo.snooze(later.pk, by=mall.reader, until=today() + timedelta(days=3), reason="出差", at=at)
    return str(person.name)


def a_contact(mall: Mall, n: int) -> str:
    told = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": f"聊了{n}"}
    contacts.log_contact(mall.customer(n), by=mall.reader, at=timezone.now(), **told)
    return f"聊了{n}"


def a_token(mall: Mall, n: int) -> str:
    scopes = [ApiScope.ORDERS_WRITE, ApiScope.POINTS_READ]
    tokens.issue(mall.colleague(n), name=f"Till {n}", scopes=scopes, at=timezone.now())
    return f"Till {n}"


def a_deed(mall: Mall, n: int) -> str:
    audit.record(mall.colleague(n), "customer.profile_edited", mall.customer(n), at=timezone.now(), reason=f"deed {n}")
    return f"deed {n}"


def a_request(mall: Mall, n: int) -> str:
    """Also somebody who looked, and somebody who can get in."""
    person, officer, at = mall.customer(n), mall.reader, timezone.now()
    opened.note(person, by=mall.colleague(n), at=at, on=today())
    privacy.register(
        person, kind="see", asked_on=today(), due_on=None, note=f"asks {n}", by=officer, at=at, today=today()
    )
    return f"asks {n}"


def somebody_lost(mall: Mall, n: int) -> str:
    name = an_alert(mall, n)
    line = GoodsCategory.objects.create(name=f"line {n}")
    told = {"why": f"why {n}", "rival": f"rival {n}"}
    Alert.objects.filter(customer__name=name).update(
        state="lost", cause="left", closed_on=today(), line=line, interview=told, manager_at_close=mall.reader
    )
    return name


def somebody_rising(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    told = {"state": "not_now", "why": "no_time", "decided_on": today(), "decided_by": mall.colleague(n)}
    quarter = date(today().year, 1, 1)
    Rising.objects.create(
        customer=person, quarter=quarter, opened_on=today(), days=2, days_before=1, paid=3, bar=2, **told
    )
    return person.name


def an_alert(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    Alert.objects.create(
        customer=person,
        kind=Alert.Kind.QUIET,
        last_on=today() - timedelta(days=40),
        opened_on=today(),
        window_ends_on=today() + timedelta(days=60),
        severity=100 * n,
        evidence={"usual_days": 30, "limit_days": 38, "quiet_days": 40, "tail_level": 0.05, "monthly_profit": 30000},
    )
    return str(person.name)


def somebody_absent(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    Standing.objects.filter(pk=person.pk).update(last_on=today() - timedelta(days=300))
    return str(person.name)


def a_segment(mall: Mall, n: int) -> str:
    """One of the reader's own and one that a colleague shares."""
    analyst = mall.make_user(Role.ANALYST, f"analyst {n}")
    for owner in (mall.reader, analyst):
        segment = segments.create(
            f"S{n}", Leaf("quiet", "gt", (str(n),)), catalogue=CUSTOMERS, by=owner, at=timezone.now()
        )
        segments.share(segment.pk, "all", catalogue=CUSTOMERS, by=owner, at=timezone.now())
        segments.track(segment.pk, catalogue=CUSTOMERS, by=owner, at=timezone.now())
    return f"S{n}"


def a_night(mall: Mall, n: int) -> str:
    day = today() - timedelta(days=n)
    runs.plan(nightly.JOB, day, at=timezone.now())
    return day.isoformat()


NIGHT = date(2026, 11, 17)


def a_move_of_a_night(mall: Mall, n: int) -> str:
    """Somebody whom that night made active."""
    if not Night.objects.exists():
        nightly.run(NIGHT)
    name = f"客户{n}"
    person = mall.make_customer(name, manager=mall.reader)
    Change.objects.create(
        customer=person, on=NIGHT, class_before=0, class_after=1, type_before=0, type_after=0, value=10, potential=0
    )
    return name


def night_constants(mall: Mall, n: int) -> str:
    changed = {**night_rules.DEFAULTS, "long_absence_days": 100 + n}
    seen = night_rules.digest(night_rules.validate(changed), on=today())
    night_rules.save(changed, previewed=seen, by=mall.colleague(n), reason=f"理由{n}", at=timezone.now())
    return f"理由{n}"


def an_import(mall: Mall, n: int) -> str:
    name = f"orders-{n}.csv"
    Import.objects.create(by=mall.colleague(n), at=timezone.now(), file_name=name, encoding="utf-8", source="shop")
    return name


def a_custom_field(mall: Mall, n: int) -> str:
    custom_fields.define(name=f"鞋码{n}", kind="text", by=mall.colleague(n), at=timezone.now())
    return f"鞋码{n}"


def a_category_of_goods(mall: Mall, n: int) -> str:
    GoodsCategory.objects.create(name=f"茶叶{n}")
    return f"茶叶{n}"


def a_product(mall: Mall, n: int) -> str:
    category = GoodsCategory.objects.create(name=f"茶叶{n}")
    Product.objects.create(source="shop", external_id=f"P{n}", name=f"龙井{n}", category=category)
    return f"龙井{n}"


def an_order(mall: Mall, n: int) -> str:
    return str(mall.make_order(mall.customer(n), today(), external_id=f"SO-{n}", today=today()).external_id)


def a_pair(mall: Mall, n: int) -> str:
    for twin in "ab":
        mall.make_customer(f"孪生{n}", external_id=f"{n}{twin}", city="杭州", manager=mall.colleague(n))
    duplicates.find(on=today())
    return f"孪生{n}"


def a_doubtful_day(mall: Mall, n: int) -> str:
    customer = mall.customer(n)
    LifeDate.objects.create(customer=customer, kind="birthday", month=1, day=1, source="till", certainty="doubtful")
    return customer.name


def two_people(mall: Mall, n: int) -> str:
    one, other = mall.customer(n), mall.make_customer(f"孪生{n}")
    duplicates.not_the_same(one, other, by=mall.colleague(n), at=timezone.now())
    return f"孪生{n}"


def a_guest_order(mall: Mall, n: int) -> str:
    told = OrderFact("shop", f"G-{n}", 1, CustomerRef(source="shop"), timezone.now(), Decimal(100 + n))
    guests.write([guests.kept(told, GuestOrder.Why.NOBODY, None, at=timezone.now())])
    return f"G-{n}"


def an_unusual_order(mall: Mall, n: int) -> str:
    order = mall.make_order(mall.customer(n), external_id=f"U-{n}", status=Order.Status.HELD)
    UnusualOrder.objects.create(order=order, usual=300, asked_at=timezone.now())
    return f"U-{n}"


def an_import_profile(mall: Mall, n: int) -> str:
    name = f"profile-{n}"
    ImportProfile.objects.create(by=mall.colleague(n), at=timezone.now(), name=name, source=name, choices={})
    return name


def a_source(mall: Mall, n: int) -> str:
    source = f"shop-{n}"
    Import.objects.create(
        by=mall.colleague(n), at=timezone.now(), file_name="orders.csv", encoding="utf-8", source=source
    )
    return source


def an_endpoint(mall: Mall, n: int) -> str:
    url = f"https://shop.example/hooks/{n}"
    webhooks.register(url, events=[Kind.POINTS_EARNED], by=mall.colleague(n), at=timezone.now())
    return url


def desk(mall: Mall) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=mall.reader)


def a_case(mall: Mall, n: int) -> str:
    """Of another category and at another colleague each time."""
    category = Category.objects.filter(parent__isnull=False).order_by("pk")[n]
    logged = intake.log(
        mall.customer(n), category=category, channel="phone", by=mall.reader, at=timezone.now(), description=f"问题{n}"
    ).case
    type(logged).objects.filter(pk=logged.pk).update(owner=mall.colleague(n))
    return str(logged.number)


def a_category_with_a_case(mall: Mall, n: int) -> str:
    a_case(mall, n)
    return str(Category.objects.filter(parent__isnull=False).order_by("pk")[n].name)


def a_silent_customer(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    SilentSign.objects.create(
        customer=person, sign="mood", ref=str(n), found_on=today(), evidence={"on": today().isoformat()}
    )
    return str(person.name)


def an_action(mall: Mall, n: int) -> str:
    CorrectiveAction.objects.create(
        root_cause=RootCause.objects.order_by("pk")[n],
        rule="count",
        title=f"加厚纸箱{n}",
        owner=mall.colleague(n),
        opened_on=today(),
        due_on=today(),
        baseline_rate=5,
        target_rate=2,
    )
    return f"加厚纸箱{n}"


def a_department(mall: Mall, n: int) -> str:
    hours = BusinessCalendar.objects.create(code=f"own-{n}", name=f"作息{n}", zone="Asia/Shanghai")
    Department.objects.create(code=f"own-{n}", name=f"部门{n}", head=mall.colleague(n), calendar=hours)
    return f"部门{n}"


def department_of(mall: Mall, n: int) -> Department:
    a_department(mall, n)
    return Department.objects.get(code=f"own-{n}")


def a_queue(mall: Mall, n: int) -> str:
    Queue.objects.create(code=f"own-{n}", name=f"队列{n}", department=department_of(mall, n))
    return f"队列{n}"


def a_category(mall: Mall, n: int) -> str:
    a_queue(mall, n)
    queue = Queue.objects.get(code=f"own-{n}")
    above = Category.objects.create(code=f"above-{n}", name=f"大类{n}")
    Category.objects.create(code=f"own-{n}", name=f"小类{n}", parent=above, queue=queue)
    return f"小类{n}"


def a_cause(mall: Mall, n: int) -> str:
    RootCause.objects.create(code=f"own-{n}", name=f"原因{n}", department=department_of(mall, n))
    return f"原因{n}"


def ready_words(mall: Mall, n: int) -> str:
    a_category(mall, n)
    category = Category.objects.get(code=f"own-{n}")
    ReplyTemplate.objects.create(code=f"own-{n}", name=f"话术{n}", body="…", category=category)
    return f"话术{n}"


def a_limit(mall: Mall, n: int) -> str:
    amounts = {name: Decimal(1000 + n) for name in ("at_once", "per_case", "per_customer", "per_day")}
    RemedyLimit.objects.create(role=Role.ANALYST, customer_class=None, kind=RemedyKind.values[n], **amounts)
    return str(1000 + n)


def hours(mall: Mall, n: int) -> str:
    BusinessCalendar.objects.create(code=f"own-{n}", name=f"作息{n}", zone="Asia/Shanghai")
    return f"作息{n}"


def a_member(mall: Mall, n: int) -> str:
    a_queue(mall, n)
    QueueMember.objects.create(queue=Queue.objects.get(code=f"own-{n}"), user=mall.colleague(n))
    return f"Colleague {n}"


def priorities(mall: Mall, n: int) -> str:
    cells = PriorityMatrix.objects.order_by("version")[0].cells
    PriorityMatrix.objects.create(
        version=100 + n, cells=cells, reason=f"理由{n}", by=mall.colleague(n), at=timezone.now()
    )
    return f"理由{n}"


def levels(mall: Mall) -> None:
    put_in_force(content(window_months=2, validity_months=2), today() - timedelta(days=40))
    night(today())


def a_level_to_lose(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    mall.make_order(person, today() - timedelta(days=45), "1000.00", today=today())
    membership.after_orders([person.pk], at=timezone.now())
    Membership.objects.filter(pk=person.pk).update(review_on=today() + timedelta(days=30))
    return str(person.name)


def a_draft_of_levels(mall: Mall, n: int) -> str:
    tier_whatif.new_draft(by=mall.colleague(n), at=timezone.now())
    return f"Colleague {n}"


def versions_of_levels(mall: Mall, n: int) -> str:
    day = today() + timedelta(days=9 + n)
    put_in_force(content(window_months=2 + n), day, on=today())
    return day.isoformat()


def points(mall: Mall) -> None:
    start = timezone.now() - timedelta(days=10)
    point_rules.save({"rate": Decimal(1)}, starts_at=start, by=None, reason="Tests", at=start)


def points_to_decide(mall: Mall, n: int) -> str:
    account = PointAccount.objects.create(customer=mall.customer(n), settled_at=timezone.now())
    PointAdjustment.objects.create(
        account=account, points=9000, reason=f"补分{n}", by=mall.colleague(n), at=timezone.now(), client_key=str(n)
    )
    return f"补分{n}"


def a_message(mall: Mall, n: int) -> str:
    kind, told = notices.TAKEN, {"number": f"C-{n}", "name": "x"}
    delivery.tell([mall.reader.pk], kind, told, key=f"m{n}", thread=f"case:{n}", at=timezone.now(), link="/")
    return f"C-{n}"


def a_piece_of_news(mall: Mall, n: int) -> str:
    kind, told = notices.ACTION, {"cause": f"原因{n}", "count": 3}
    delivery.tell([mall.reader.pk], kind, told, key=f"a{n}", thread=f"action:{n}", at=timezone.now(), link="/")
    return f"原因{n}"


def a_question(mall: Mall, n: int) -> str:
    a_case(mall, n)
    case, department = Case.objects.order_by("-pk")[0], Department.objects.order_by("pk")[n]
    department.members.set([mall.reader])
    handover.ask(case.pk, department, question=f"在哪{n}?", by=mall.colleague(n), at=timezone.now())
    return f"在哪{n}?"


def a_remedy_to_decide(mall: Mall, n: int) -> str:
    a_case(mall, n)
    case = Case.objects.order_by("-pk")[0]
    told = {"kind": "refund", "amount": "9000", "reason": f"补偿{n}", "client_key": str(n)}
    remedies.propose(case.pk, by=mall.colleague(n), at=timezone.now(), **told)
    return f"补偿{n}"


def a_reward(mall: Mall, n: int) -> str:
    Reward.objects.create(name=f"礼品{n}", points=100)
    return f"礼品{n}"


def a_club(mall: Mall, n: int) -> str:
    club = clubs.found(f"茶友会{n}", by=mall.colleague(n), at=timezone.now())
    clubs.join(club, mall.customer(n), by=mall.colleague(n), at=timezone.now())
    return f"茶友会{n}"


def a_partner(mall: Mall, n: int) -> str:
    PartnerBenefit.objects.create(
        partner=f"美容院{n}", gives="五折", starts_on=today(), by=mall.colleague(n), at=timezone.now()
    )
    return f"美容院{n}"


def a_campaign(mall: Mall, n: int) -> str:
    at = timezone.now()
    running(f"C{n}", name=f"满减{n}", starts_at=at - DAY, ends_at=at + 9 * DAY)
    return f"满减{n}"


def a_draw(mall: Mall, n: int) -> str:
    at = timezone.now()
    published(goods(total=1), code=f"D{n}", name=f"转盘{n}", starts_at=at - DAY, ends_at=at + 9 * DAY)
    return f"转盘{n}"


def an_account(mall: Mall, n: int) -> str:
    person = mall.customer(n)
    credit.propose_limit(person, limit="100", term_days=30, reason="x", by=mall.colleague(n), at=timezone.now())
    return str(person.name)


# The lists ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Listed:
    """A page that lists rows, who reads it, and how one more row comes to be."""

    page: str
    role: str
    make: Maker
    query: str = ""
    part: str = ""
    before: Callable[[Mall], None] | None = None

    def __str__(self) -> str:
        return "-".join(filter(None, (self.page, self.part, self.query, self.make.__name__)))

    @property
    def address(self) -> str:
        return reverse(f"desk:{self.page}", args=[self.part] if self.part else []) + self.query


MANAGER, LEAD, SERVICE, ADMIN = Role.ACCOUNT_MANAGER, Role.TEAM_LEAD, Role.SERVICE_LEAD, Role.ADMINISTRATOR
OFFICER = Role.PRIVACY_OFFICER


def somebody_of_the_staff(mall: Mall, n: int) -> str:
    mall.make_customer(f"客户{n}", manager=mall.colleague(n))
    return f"Colleague {n}"


def a_team(mall: Mall, n: int) -> str:
    centre = staff.save_team(None, name=f"Centre {n}", centre=None, by=None, at=timezone.now())
    return staff.save_team(None, name=f"Team {n}", centre=centre, by=None, at=timezone.now()).name


def a_hand_over(mall: Mall, n: int) -> str:
    mall.make_customer(f"客户{n}", manager=mall.colleague(n))
    reason = f"Reason {n}"
    books.hand_over(mall.colleague(n), to=[mall.reader], by=None, on=today(), reason=reason, at=timezone.now())
    return reason


def a_proposal(mall: Mall, n: int) -> str:
    mall.make_customer(f"客户{n}", manager=mall.colleague(n))
    shares = books.shares(mall.colleague(n), to=[mall.reader], at=timezone.now())
    handing.propose(mall.colleague(n), parts=shares, by=mall.reader, reason=f"Reason {n}", seen=None, at=timezone.now())
    return f"Reason {n}"


def a_leave(mall: Mall, n: int) -> str:
    """Somebody with customers is away and covered, and somebody asks to be."""
    someone, at = mall.colleague(n), timezone.now()
    customer = mall.make_customer(f"客户{n}", manager=someone)
    due, source = ledger.on_day(today() + timedelta(days=1), at=at), Promise.Source.OTHER
    ledger.make(customer, words="回电", due=due, owner=someone, by=someone, at=at, source=source, source_id=n)
    days = {"starts_on": today(), "ends_on": today() + timedelta(days=3), "cover": mall.reader, "at": at}
    leaves.note(someone, **days, by=None)
    days = {"starts_on": today() + timedelta(days=9), "ends_on": today() + timedelta(days=9)}
    leaves.ask(someone, **days, cover=None, words="年假", at=at)
    return str(someone)


def a_promise(mall: Mall, n: int) -> str:
    name, at = f"客户{n}", timezone.now()
    due = ledger.on_day(today() + timedelta(days=1), at=at)
    terms = {"owner": mall.reader, "by": mall.reader, "at": at, "source": "other", "source_id": n}
    ledger.make(mall.make_customer(name, manager=mall.reader), words=name, due=due, **terms)
    return name


def a_letter(mall: Mall, n: int) -> str:
    customer = mall.customer(n)
    told: dict[str, Any] = {"channel": "wechat", "purpose": "service", "occasion": "case:1", "period": str(n)}
    letters.write(customer, Words("", "", {}), at=timezone.now(), **told)
    return customer.name


def an_appointment(mall: Mall, n: int) -> str:
    customer = mall.make_customer(f"客户{n}", manager=mall.reader)
    days = around(today(), lambda day: True)
    asked = Asked(1, leader_visits_a_year=1, why="-")
    plans.set_own(customer, asked, by=mall.reader, today=today(), at=timezone.now(), days=days)
    agreed = Agreed(today() + timedelta(days=n % 5))
    appointments.book(customer, agreed, by=mall.reader, at=timezone.now(), days=days, client_key=str(n))
    return customer.name


def an_appointment_of_today(mall: Mall, n: int) -> str:
    return an_appointment(mall, 5 * n)


LISTS = [
    Listed("week", MANAGER, an_appointment),
    Listed("coming_up", LEAD, an_appointment),
    Listed("visits", MANAGER, an_appointment_of_today),
    Listed("contact_plans", MANAGER, an_appointment),
    Listed("leader_visits", LEAD, an_appointment),
    Listed("outgoing", LEAD, a_letter),
    Listed("letters_by_hand", LEAD, a_letter),
    Listed("my_day", MANAGER, tasks),
    Listed("promises", MANAGER, a_promise),
    Listed("contacts", MANAGER, a_contact),
    Listed("bell", MANAGER, a_message),
    Listed("digest", MANAGER, a_piece_of_news),
    Listed("approvals", LEAD, points_to_decide, before=points),
    Listed("approvals", SERVICE, a_remedy_to_decide, before=desk),
    Listed("alerts", MANAGER, an_alert),
    Listed("alerts", LEAD, an_alert),
    Listed("lost", LEAD, somebody_lost),
    Listed("rising", LEAD, somebody_rising),
    Listed("long_absent", LEAD, somebody_absent),
    Listed("long_absent", LEAD, a_customer, query="?list=never"),
    Listed("customers", MANAGER, a_customer),
    Listed("customers", LEAD, a_customer),
    Listed("segments", LEAD, a_segment),
    Listed("segments", LEAD, a_segment, query="?show=shared"),
    Listed("customers", MANAGER, a_customer, query="?q=not(open_cases:ge.1)&sort=-last"),
    Listed("customer_views", LEAD, a_view),
    Listed("shared_views", ADMIN, a_shared_view),
    Listed("customers", LEAD, a_customer_with_labels),
    Listed("labels", LEAD, a_label),
    Listed("bulk_runs", LEAD, a_bulk_run),
    Listed("nights", ADMIN, a_night),
    Listed("night", MANAGER, a_move_of_a_night, part=NIGHT.isoformat()),
    Listed("rules", ADMIN, night_constants),
    Listed("rulebook_kind", ADMIN, night_constants, part="night"),
    Listed("imports", ADMIN, an_import),
    Listed("guest_orders", LEAD, a_guest_order),
    Listed("unusual_orders", LEAD, an_unusual_order),
    Listed("import_profiles", ADMIN, an_import_profile),
    Listed("import_sources", ADMIN, a_source),
    Listed("webhooks", ADMIN, an_endpoint),
    Listed("custom_fields", ADMIN, a_custom_field),
    Listed("products", LEAD, a_product),
    Listed("categories", LEAD, a_category_of_goods),
    Listed("orders", LEAD, an_order),
    Listed("orders", MANAGER, an_order),
    Listed("doubtful_days", LEAD, a_doubtful_day),
    Listed("duplicates", SERVICE, a_pair),
    Listed("duplicates", SERVICE, two_people, query="?list=apart"),
    Listed("staff", ADMIN, somebody_of_the_staff),
    Listed("teams", ADMIN, a_team),
    Listed("hand_over", LEAD, a_hand_over),
    Listed("leaves", LEAD, a_leave),
    Listed("hand_overs", LEAD, a_proposal),
    Listed("overview", LEAD, somebody_of_the_staff),
    Listed("approvals", LEAD, a_leave),
    Listed("my_day", LEAD, a_leave),
    Listed("complaints", SERVICE, a_case, query="?list=all", before=desk),
    Listed("complaints", SERVICE, a_case, query="?list=every", before=desk),
    Listed("questions", SERVICE, a_question, before=desk),
    Listed("questions", Role.DEPARTMENT, a_question, before=desk),
    Listed("complaint_board", SERVICE, a_case, query="?list=all", before=desk),
    Listed("complaint_board", SERVICE, a_member, before=desk),
    Listed("complaint_silent", SERVICE, a_silent_customer, before=desk),
    Listed("complaint_reports", SERVICE, a_category_with_a_case, before=desk),
    Listed("complaint_actions", SERVICE, an_action, before=desk),
    Listed("complaint_settings", SERVICE, a_queue, part="queues", before=desk),
    Listed("complaint_settings", SERVICE, a_department, part="departments", before=desk),
    Listed("complaint_settings", SERVICE, a_category, part="categories", before=desk),
    Listed("complaint_settings", SERVICE, a_cause, part="causes", before=desk),
    Listed("complaint_settings", SERVICE, ready_words, part="templates", before=desk),
    Listed("complaint_settings", SERVICE, a_limit, part="limits", before=desk),
    Listed("complaint_settings", SERVICE, hours, part="calendars", before=desk),
    Listed("complaint_settings", SERVICE, a_member, part="members", before=desk),
    Listed("complaint_settings", SERVICE, priorities, part="priorities", before=desk),
    Listed("tiers_members", LEAD, a_level_to_lose, query="?level=silver", before=levels),
    Listed("tiers_at_risk", LEAD, a_level_to_lose, before=levels),
    Listed("tiers", ADMIN, a_draft_of_levels, before=levels),
    Listed("tiers", ADMIN, versions_of_levels, before=levels),
    Listed("point_programme", LEAD, points_to_decide, before=points),
    Listed("rewards", ADMIN, a_reward),
    Listed("reward_new", ADMIN, a_reward),
    Listed("clubs", LEAD, a_club),
    Listed("clubs", LEAD, a_partner),
    Listed("coupons_list", LEAD, a_campaign),
    Listed("draws", LEAD, a_draw),
    Listed("credit", LEAD, an_account),
    Listed("tokens", ADMIN, a_token),
    Listed("audit", OFFICER, a_deed),
    Listed("privacy", OFFICER, a_request),
]
# Pages that show no rows of anything, however much there is.
NO_LISTS = {
    "bell_count": "two numbers",
    "bulk_strip": "the one run that goes on",
    "letter": "one letter",
    "letters_arrived": "of the demo only, whose own mail server keeps what it shows",
    "letter_policy": "forms, ten versions and the law",
    "bell_settings": "a form",
    "matrix": "four quadrants and a chart",
    "backtest": "the latest one only",
    "complaint_calendars": "leads to the first calendar",
    "complaint_new": "the form of a call",
    "complaint_promises": "a part of the form of a call",
    "coupons_new": "a form",
    "customer_new": "a form",
    "customers_count": "one number",
    "complaint_views": "views, as those of the customers",
    "alert_views": "views, as those of the customers",
    "order_views": "views, as those of the customers",
    "complaints_count": "one number",
    "alerts_count": "one number",
    "orders_count": "one number",
    "customers_condition": "one more condition of the builder: a form",
    "complaints_condition": "one more condition of the builder: a form",
    "alerts_condition": "one more condition of the builder: a form",
    "orders_condition": "one more condition of the builder: a form",
    "segment_new": "a form",
    "segment": "one segment: its versions and its last nights, each in one query",
    "product_new": "a form",
    "remove_test": "a form",
    "draws_new": "a form",
    "settings": "the same pages for everybody who may open them",
    "rights": "the table of rights",
    "privacy_kept": "as many lines as the table has",
    "audit_months": "a row a month",
    "health": "as many conditions as there are",
    "mall": "a form",
    "rulebook": "as many lines as there are kinds of rules",
    "mall_second_factor": "a form",
    "book_rules": "as many lines as there are rules",
    "entry": "as many lines as there are managers",
    "risk_rules": "as many lines as there are kinds of work",
    "plan_rules": "as many lines as the rules have",
    "first_steps": "nine steps, whatever there is",
    "me_sent": "one question to one table: held in tests/core/accounts/test_once.py",
    "me": "one's own account: its devices are held in tests/desk/test_me.py",
}


@pytest.fixture(autouse=True)
def _endpoints_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "_addresses", lambda parts: ["93.184.215.14"])


@pytest.mark.parametrize("listed", LISTS, ids=str)
def test_three_rows_ask_no_more_than_one(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder, listed: Listed
) -> None:
    reader = make_user(listed.role, "Reader", team="east")
    client.force_login(reader)
    mall = Mall(reader, make_user, make_customer, make_order)
    if listed.before:
        listed.before(mall)

    def asked(rows: list[str]) -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            page = client.get(listed.address)
        assert page.status_code == 200, page
        assert [row for row in rows if row not in page.content.decode()] == []
        return [query["sql"] for query in queries]

    rows = [listed.make(mall, 1)]
    asked(rows)  # what is kept in a cache is fetched now
    one = asked(rows)
    rows += [listed.make(mall, n) for n in (2, 3)]
    three = asked(rows)

    more = "\n".join(sorted(three))
    assert len(three) == len(one), f"{len(one)} queries for one row, {len(three)} for three:\n{more}"


def test_finding_asks_no_more_for_four_people_than_for_two(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    reader = make_user(Role.TEAM_LEAD, "Reader", team="east")
    mall = Mall(reader, make_user, make_customer, make_order)
    client.force_login(reader)

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            page = client.post(reverse("desk:find"), {"q": "客户"})
        assert len(page.context["people"]) == Customer.objects.count()
        return len(queries)

    for n in (1, 2):
        mall.customer(n)
    asked()
    two = asked()
    for n in (3, 4):
        mall.customer(n)

    assert asked() == two


def somebody_with_everything(mall: Mall) -> tuple[Customer, Case]:
    """Orders, points, a level, a club, an account, an alert, a case and what is to be said of it, work, talks, a change."""
    desk(mall)
    points(mall)
    levels(mall)
    person, at = mall.customer(1), timezone.now()
    bought = [mall.make_order(person, today() - timedelta(days=n), "900.00", today=today()) for n in (20, 10)]
    membership.after_orders([person.pk], at=at)
    point_orders.reconcile([order.pk for order in bought], at=at)
    clubs.join(clubs.found("茶友会", by=mall.colleague(1), at=at), person, by=mall.colleague(1), at=at)
    credit.propose_limit(person, limit="100", term_days=30, reason="x", by=mall.colleague(1), at=at)
    category = Category.objects.filter(parent__isnull=False).order_by("pk")[1]
    case = intake.log(person, category=category, channel="phone", by=mall.reader, at=at, description="问题").case
    prompts.arm(case, trigger="contact", at=at, by=None)
    told = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": "聊了"}
    contacts.log_contact(person, by=mall.reader, at=at, **told)
    todo.open_task(person, reason="promise", text={"promise": "寄样"}, due_on=today(), at=at, dedupe_key="k")
    custom_fields.define(name="鞋码", kind="text", by=mall.colleague(1), at=at)
    writing.correct(person, Facts(city="杭州"), by=mall.reader, at=at, today=today())
    nightly.run(today() - timedelta(days=1))
    return person, case


@pytest.mark.parametrize("role", [MANAGER, LEAD])
def test_the_pages_that_are_opened_all_day_ask_so_often(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer, make_order: MakeOrder, role: str
) -> None:
    reader = make_user(role, "Reader", team="east")
    client.force_login(reader)
    person, case = somebody_with_everything(Mall(reader, make_user, make_customer, make_order))
    most = {
        reverse("desk:customer", args=[person.pk]): 15,
        reverse("desk:complaint", args=[case.pk]): 35,
        reverse("desk:my_day"): {MANAGER: 18, LEAD: 26}[role],
    }
    asked = {}
    for address in most:
        client.get(address)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        asked[address] = [query["sql"] for query in queries]

    print(", ".join(f"{address} {len(statements)}" for address, statements in asked.items()))
    assert {address: "\n".join(told) for address, told in asked.items() if len(told) > most[address]} == {}


def test_every_page_without_a_subject_is_held_to_it_or_says_why_not() -> None:
    opened = {
        route.name for route in urlpatterns if route.name not in POSTED and "pk" not in route.pattern.regex.groupindex
    }
    held = {listed.page for listed in LISTS} | {"find"}

    assert opened == held | NO_LISTS.keys()
    assert not held & NO_LISTS.keys()
