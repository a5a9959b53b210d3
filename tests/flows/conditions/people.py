"""Some hundred customers with everything that conditions speak of, as plain facts and as rows of the database."""

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from complaints.models import Case, Category, Queue, SlaPolicy, Survey
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.lib.conditions.tree import All, Any_, Leaf, Node, dump
from core.lib.periods import mall_midnight
from customers import summary
from customers.identity import name_grams
from customers.models import Category as GoodsCategory
from customers.models import (
    ConsentEntry,
    Contact,
    ContactPoint,
    ContactStop,
    Customer,
    CustomerLabel,
    ExternalIdentity,
    Label,
    Letter,
    LifeDate,
    Order,
    OrderLine,
    Product,
    Promise,
    Refund,
    Standing,
)
from loyalty.models import (
    Club,
    ClubMember,
    Coupon,
    CouponCampaign,
    CouponRedemption,
    Membership,
    NextLevel,
    PointAccount,
    PointLot,
)
from segmentation.models import Alert, Change, Segment, SegmentMember, SegmentVersion
from tests.conftest import NOW, TODAY

REGIONS = ["", "浙江", "上海", "北京"]
CITIES = ["", "杭州", "上海", "宁波"]
INTERESTS = ["tea", "shoes", "books"]
SOURCES = ["shop", "till"]
NAMES = ["李雷", "韩梅梅", "王芳", "欧阳若曦", "Jane"]
LEVELS = ["basic", "silver", "gold"]
# Shared with everybody; the last one names another.
SEGMENTS: dict[str, Node] = {
    "quiet": Leaf("quiet", "gt", ("60",)),
    "valuable": Any_((Leaf("class", "any", ("big",)), Leaf("value", "ge", ("100.00",)))),
    "both": All((Leaf("segment", "any", ("quiet",)), Leaf("segment", "none", ("valuable",)))),
}
# Leap days, the edges of months and of the year, and lunar ones, of which the thirtieth does not come every year.
BIRTHDAYS = [(2, 29), (2, 28), (3, 1), (12, 31), (1, 1), (11, 17), (11, 18), (11, 24), (11, 30), (12, 1), (6, 15)]
LUNAR = [(1, 1), (12, 30), (12, 29), (10, 9), (10, 30), (9, 30), (4, 15), (8, 15), (2, 30)]


@dataclass
class Bought:
    on: date
    paid: Decimal
    status: str = "paid"
    refunded_on: date | None = None
    refund: Decimal = Decimal(0)
    refund_on: date | None = None
    lines: list[tuple[int, Decimal]] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        return self.status == "paid" and self.refunded_on is None


@dataclass
class Person:
    """What is known of one customer; `merged` ones are on no list."""

    pk: int
    name: str
    number: str
    merged: bool
    customer_class: str
    matrix_type: str | None
    manager: int | None
    manager_since: date | None
    region: str
    city: str
    registered: date
    birthday: tuple[int, int, bool] | None
    reseller: bool
    mindset: str
    channel: str
    interests: set[str]
    sources: set[str]
    next_contact: date | None
    talks: list[tuple[date, str]]
    promises: list[date]
    orders: list[Bought]
    value: Decimal
    potential: Decimal
    usual: float
    limit: float
    alert: str | None
    lost: list[tuple[date, str]]
    became: list[tuple[date, str]]
    rank: int | None
    review: date | None
    points: int | None
    on_the_way: int | None
    expiring: list[date]
    coupons: int
    used: list[tuple[date, str, Decimal]]
    clubs: set[int]
    cases: list[tuple[date, int, bool, bool]]
    scores: list[int]
    labels: set[int]

    @property
    def ways(self) -> dict[str, bool]:
        """The kinds of ways to reach them, and whether it is still theirs."""
        kinds = {"phone": 2, "email": 3, "address": 5}
        return {kind: self.pk % 7 > 0 for kind, step in kinds.items() if self.pk % step == 0}

    @property
    def reach(self) -> list[str]:
        return [kind for kind, is_theirs in self.ways.items() if is_theirs]

    @property
    def entered(self) -> list[tuple[date, str]]:
        """By the night; every sixth came by a new rule, which does not count."""
        return [(TODAY - timedelta(days=self.pk % 40), ("quiet", "valuable")[self.pk % 2])] if self.pk % 6 < 2 else []

    @property
    def agreed(self) -> set[str]:
        kinds = {"email-marketing": 2, "sms-marketing": 3, "phone-care": 5}
        return {kind for kind, step in kinds.items() if self.pk % step == 0 and self.pk % 9}

    @property
    def letters(self) -> list[tuple[date, str]]:
        """What was sent; of each that was written a second one never left."""
        purposes = ("marketing", "care", "service")[: self.pk % 4]
        return [(TODAY - timedelta(days=self.pk % 40 + n), purpose) for n, purpose in enumerate(purposes)]

    @property
    def stop(self) -> str | None:
        return ("deceased", "no_contact", "wrong_person")[self.pk % 3] if self.pk % 11 == 0 else None

    @property
    def days(self) -> dict[date, Decimal]:
        """What was paid on each purchase day, less what went back of it."""
        days: dict[date, Decimal] = {}
        for order in self.orders:
            if order.counts:
                days[order.on] = days.get(order.on, Decimal(0)) + order.paid - order.refund
        return days

    @property
    def last(self) -> date | None:
        return max(self.days, default=None)


def back(chance: random.Random, *edges: int, most: int = 800) -> date:
    """A day of the past; now and then one at an edge that conditions ask about."""
    days = chance.choice(edges) if edges and chance.random() < 0.5 else chance.randint(0, most)
    return TODAY - timedelta(days=days)


EDGES = (0, 1, 29, 30, 59, 60, 89, 90, 113, 114, 364, 365)


def someone(
    chance: random.Random, pk: int, managers: list[int], products: list[int], clubs: list[int], labels: list[int]
) -> Person:
    def maybe(likely: float, value: Any, otherwise: Any = None) -> Any:
        return value if chance.random() < likely else otherwise

    manager = maybe(0.7, chance.choice(managers))
    score = maybe(0.2, [chance.randint(1, 5) for _n in range(chance.randint(1, 2))], [])
    birthday = maybe(0.7, (*chance.choice(BIRTHDAYS), False))
    if chance.random() < 0.3:
        birthday = (*chance.choice(LUNAR), True)
    return Person(
        pk=pk,
        name=chance.choice(NAMES),
        number=f"C{pk:07d}",
        merged=chance.random() < 0.05,
        customer_class=chance.choice(["big", "active", "random", "prospect"]),
        matrix_type=maybe(0.8, chance.choice(["I", "II", "III", "IV"])),
        manager=manager,
        manager_since=back(chance) if manager else None,
        region=chance.choice(REGIONS),
        city=chance.choice(CITIES),
        registered=back(chance, *EDGES),
        birthday=birthday,
        reseller=chance.random() < 0.2,
        mindset=chance.choice(["unknown", "discount", "status"]),
        channel=chance.choice(["unknown", "phone", "wechat"]),
        interests={name for name in INTERESTS if chance.random() < 0.3},
        sources={name for name in SOURCES if chance.random() < 0.6},
        next_contact=maybe(0.4, TODAY + timedelta(days=chance.randint(-3, 31))),
        talks=[(back(chance, *EDGES), chance.choice(["good", "bad"])) for _n in range(chance.choice([0, 0, 1, 2, 3]))],
        promises=[TODAY + timedelta(days=chance.randint(-3, 3)) for _n in range(maybe(0.3, 1, 0))],
        orders=[some_order(chance, products) for _n in range(chance.choice([0, 0, 1, 1, 2, 3, 5, 8]))],
        value=Decimal(chance.choice([-1, 0, 99_99, 100_00, 100_01, 50_000])) / 100,
        potential=Decimal(chance.choice([0, 100_00, 700_00])) / 100,
        usual=chance.choice([0.0, 20.5, 30.0, 60.0]),
        limit=chance.choice([0.0, 45.0, 60.0, 113.5]),
        alert=maybe(0.2, chance.choice(["quiet", "long_absence"])),
        lost=[(back(chance, *EDGES), chance.choice(["left", "other"])) for _n in range(maybe(0.15, 1, 0))],
        became=[(back(chance, *EDGES), chance.choice(["big", "active"])) for _n in range(maybe(0.3, 1, 0))],
        rank=maybe(0.6, chance.randint(0, 2)),
        review=maybe(0.3, TODAY + timedelta(days=chance.randint(-1, 32))),
        on_the_way=maybe(0.5, chance.choice([0, 1, 79, 80, 81, 99])),
        points=maybe(0.6, chance.choice([0, 99, 100, 101, 5000])),
        expiring=[TODAY + timedelta(days=chance.randint(0, 31)) for _n in range(maybe(0.3, 1, 0))],
        coupons=maybe(0.3, chance.randint(1, 2), 0),
        used=[
            (back(chance, *EDGES), chance.choice(["SPRING", "AUTUMN"]), Decimal(chance.choice([5, 20])))
            for _n in range(maybe(0.2, 1, 0))
        ],
        clubs={club for club in clubs if chance.random() < 0.2},
        cases=[
            (back(chance, *EDGES), chance.randint(0, 1), chance.random() < 0.3, chance.random() < 0.5)
            for _n in range(max(maybe(0.25, chance.randint(1, 2), 0), len(score)))
        ],
        scores=score,
        labels={label for label in labels if chance.random() < 0.3},
    )


def some_order(chance: random.Random, products: list[int]) -> Bought:
    order = Bought(on=back(chance, *EDGES), paid=Decimal(chance.choice([9_999, 10_000, 10_001, 123_45])) / 100)
    if chance.random() < 0.1:
        order.status = "cancelled"
    elif chance.random() < 0.1:
        order.refunded_on = TODAY
    elif chance.random() < 0.2:
        order.refund, order.refund_on = Decimal(10), TODAY
    for product in chance.sample(products, chance.choice([0, 1, 1, 2])):
        order.lines.append((product, Decimal(chance.choice([5, 50, 100]))))
    return order


@dataclass
class World:
    people: list[Person]
    managers: list[int]
    categories: dict[int, int]
    """Category of each product."""
    clubs: list[int]
    kinds: list[int]
    """Categories of complaints."""
    labels: list[int]
    """The last one is put away: who carried it carries it still."""


def moment(day: date, hour: int = 12) -> datetime:
    return mall_midnight(day) + timedelta(hours=hour)


def build(count: int, seed: int = 7) -> World:
    """So many customers on record, with summaries as of today."""
    chance = random.Random(seed)
    defaults.install(at=NOW)
    managers = [
        User.objects.create_user(f"manager-{n}", full_name=f"Manager {n}", roles=[Role.ACCOUNT_MANAGER]).pk
        for n in range(3)
    ]
    goods = [GoodsCategory.objects.create(name=name) for name in ("茶", "鞋", "书")]
    products = Product.objects.bulk_create(
        [Product(source="shop", external_id=f"p{n}", name=f"P{n}", category=goods[n % 3]) for n in range(6)]
    )
    clubs = [Club.objects.create(name=f"Club {n}", by_id=managers[0], at=NOW).pk for n in range(2)]
    kinds = list(Category.objects.order_by("pk").values_list("pk", flat=True)[:2])
    labels = _labels(managers[0])
    people = [
        someone(chance, number, managers, [product.pk for product in products], clubs, labels)
        for number in range(1, count + 1)
    ]
    _store(people, managers, clubs, kinds)
    summary.refresh([person.pk for person in people], as_of=TODAY, half_life_days=180)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return World(people, managers, {product.pk: product.category_id or 0 for product in products}, clubs, kinds, labels)


def _labels(by: int) -> list[int]:
    gone_at = {"put away": NOW}
    return [
        Label.objects.create(name=name, owner_id=by, created_at=NOW, archived_at=gone_at.get(name)).pk
        for name in ("autumn", "brunch", "put away")
    ]


def _store(people: list[Person], managers: list[int], clubs: list[int], kinds: list[int]) -> None:
    _store_records(people, managers[0])
    _store_purchases(people)
    _store_work(people, managers[0])
    _store_loyalty(people, managers[0])
    _store_complaints(people, kinds)
    _store_segments(managers[0])
    _store_members(people)
    _store_letters(people, managers[0])


def _store_records(people: list[Person], by: int) -> None:
    winner = next(person.pk for person in people if not person.merged)
    Customer.objects.bulk_create(
        Customer(
            pk=person.pk,
            number=person.number,
            name=person.name,
            name_grams=name_grams(person.name),
            merged_into_id=winner if person.merged else None,
            region=person.region,
            city=person.city,
            registered_on=person.registered,
            is_reseller=person.reseller,
            mindset=person.mindset,
            preferred_channel=person.channel,
            interests=sorted(person.interests),
            manager_id=person.manager,
            manager_since=person.manager_since,
            next_contact_on=person.next_contact,
        )
        for person in sorted(people, key=lambda person: person.merged)
    )
    LifeDate.objects.bulk_create(
        LifeDate(
            customer_id=person.pk,
            kind="birthday",
            month=person.birthday[0],
            day=person.birthday[1],
            calendar="lunar" if person.birthday[2] else "solar",
        )
        for person in people
        if person.birthday
    )
    Standing.objects.bulk_create(
        Standing(
            customer_id=person.pk,
            manager_id=person.manager,
            customer_class=Standing.Class[person.customer_class.upper()],
            matrix_type=Standing.Type[person.matrix_type] if person.matrix_type else 0,
            value=person.value,
            potential=person.potential,
            usual_days=person.usual,
            limit_days=person.limit,
        )
        for person in people
        if not person.merged
    )
    CustomerLabel.objects.bulk_create(
        CustomerLabel(label_id=label, customer_id=person.pk, by_id=by, at=NOW)
        for person in people
        for label in person.labels
    )
    ContactPoint.objects.bulk_create(
        ContactPoint(
            customer_id=person.pk,
            kind=kind,
            mask="***",
            encrypted=b"-",
            blind_index=f"{person.pk}".encode(),
            retired="" if is_theirs else "old",
            retired_at=None if is_theirs else moment(TODAY),
        )
        for person in people
        for kind, is_theirs in person.ways.items()
    )
    ExternalIdentity.objects.bulk_create(
        ExternalIdentity(customer_id=person.pk, source=source, external_id=f"{source}-{person.pk}")
        for person in people
        for source in person.sources
    )


def _store_purchases(people: list[Person]) -> None:
    told = [(person, order) for person in people for order in person.orders]
    orders = Order.objects.bulk_create(
        Order(
            source="shop",
            external_id=f"o-{number}",
            version=1,
            customer_id=person.pk,
            status=order.status,
            ordered_at=moment(order.on),
            ordered_on=order.on,
            paid=order.paid,
            cost=0,
            profit=order.paid,
            fully_refunded_on=order.refunded_on,
            received_at=NOW,
        )
        for number, (person, order) in enumerate(told)
    )
    OrderLine.objects.bulk_create(
        OrderLine(order=row, product_id=product, quantity=1, amount=amount)
        for row, (_person, order) in zip(orders, told, strict=True)
        for product, amount in order.lines
    )
    Refund.objects.bulk_create(
        Refund(
            order=row,
            external_id="r",
            customer_id=person.pk,
            purchased_on=order.on,
            refunded_at=moment(order.refund_on),
            refunded_on=order.refund_on,
            amount=order.refund,
            profit_effect=-order.refund,
        )
        for row, (person, order) in zip(orders, told, strict=True)
        if order.refund_on
    )


def _store_work(people: list[Person], by: int) -> None:
    Contact.objects.bulk_create(
        Contact(customer_id=person.pk, by_id=by, at=moment(day), channel="phone", outcome="reached", mood=mood)
        for person in people
        for day, mood in person.talks
    )
    Promise.objects.bulk_create(
        Promise(
            customer_id=person.pk,
            words="call",
            made_at=NOW,
            owner_id=by,
            due_at=moment(day),
            first_due_at=moment(day),
            counts_at=moment(day),
            grain="day",
            source="other",
            source_id=person.pk,
        )
        for person in people
        for day in person.promises
    )
    Alert.objects.bulk_create(
        Alert(
            customer_id=person.pk,
            kind=person.alert,
            last_on=TODAY,
            opened_on=TODAY,
            window_ends_on=TODAY,
            severity=0,
        )
        for person in people
        if person.alert
    )
    Alert.objects.bulk_create(
        Alert(
            customer_id=person.pk,
            kind="quiet",
            last_on=TODAY - timedelta(days=900),
            opened_on=TODAY,
            window_ends_on=TODAY,
            severity=0,
            state="lost",
            cause=cause,
            closed_on=day,
        )
        for person in people
        for day, cause in person.lost
    )
    Change.objects.bulk_create(
        Change(
            customer_id=person.pk,
            on=day,
            class_before=0,
            class_after=Standing.Class[name.upper()],
            type_before=0,
            type_after=0,
            value=0,
            potential=0,
        )
        for person in people
        for day, name in person.became
    )


def _store_loyalty(people: list[Person], by: int) -> None:
    campaigns = {
        code: CouponCampaign.objects.create(
            code=code,
            name=code,
            kind="amount",
            amount=5,
            total_limit=9999,
            starts_at=moment(TODAY - timedelta(days=900)),
            ends_at=moment(TODAY + timedelta(days=9)),
            status="running",
            by_id=by,
            at=NOW,
        )
        for code in ("SPRING", "AUTUMN")
    }
    Membership.objects.bulk_create(
        Membership(customer_id=p.pk, rank=p.rank, since=TODAY, review_on=p.review if p.rank else None, seq=0)
        for p in people
        if p.rank is not None
    )
    NextLevel.objects.bulk_create(
        NextLevel(customer_id=p.pk, per_cent=p.on_the_way) for p in people if p.on_the_way is not None
    )
    PointAccount.objects.bulk_create(
        PointAccount(customer_id=p.pk, available=p.points, settled_at=NOW) for p in people if p.points is not None
    )
    PointLot.objects.bulk_create(
        PointLot(
            account_id=p.pk,
            source="order",
            original=1,
            available=1,
            earned_at=NOW,
            available_from=NOW,
            expires_at=moment(day),
        )
        for p in people
        for day in p.expiring
        if p.points is not None
    )
    Coupon.objects.bulk_create(
        Coupon(
            campaign=campaigns["SPRING"],
            code=f"K{p.pk}X{n}",
            customer_id=p.pk,
            issued_at=NOW,
            expires_at=moment(TODAY, 12 if n < p.coupons else -1),
        )
        for p in people
        for n in range(p.coupons + 1)
    )
    CouponRedemption.objects.bulk_create(
        CouponRedemption(
            campaign=campaigns[code],
            customer_id=p.pk,
            order_ref=f"shop:{p.pk}-{n}",
            goods=100,
            discount=off,
            worth=off,
            content="",
            status="redeemed",
            reserved_at=moment(day),
            reserved_until=moment(day),
            redeemed_at=moment(day),
        )
        for p in people
        for n, (day, code, off) in enumerate(p.used)
    )
    ClubMember.objects.bulk_create(
        ClubMember(club_id=club, customer_id=p.pk, joined_on=TODAY) for p in people for club in p.clubs
    )


def _store_complaints(people: list[Person], kinds: list[int]) -> None:
    queue, policy = Queue.objects.first(), SlaPolicy.objects.first()
    told = [(person, case) for person in people for case in person.cases]
    cases = Case.objects.bulk_create(
        Case(
            customer_id=person.pk,
            channel="phone",
            category_id=kinds[kind],
            title="x",
            severity=2,
            class_at_open=0,
            served_as=0,
            priority=2,
            status="in_progress" if is_open else "withdrawn",
            queue=queue,
            policy=policy,
            received_at=moment(day, 1),
            opened_at=moment(day, 1),
            breached=late,
        )
        for person, (day, kind, late, is_open) in told
    )
    of: dict[int, list[Case]] = {}
    for (person, _case), row in zip(told, cases, strict=True):
        of.setdefault(person.pk, []).append(row)
    Survey.objects.bulk_create(
        Survey(
            case=of[person.pk][number],
            cycle=1,
            state="answered",
            send_at=NOW,
            score=score,
            answered_at=NOW + timedelta(minutes=number),
        )
        for person in people
        for number, score in enumerate(person.scores)
    )


def _store_segments(by: int) -> None:
    for code, node in SEGMENTS.items():
        segment = Segment.objects.create(code=code, name=code, owner_id=by, visibility="all", created_at=NOW)
        SegmentVersion.objects.create(segment=segment, n=1, tree=dump(node), by_id=by, at=NOW)


def _store_members(people: list[Person]) -> None:
    versions = {row.segment.code: row for row in SegmentVersion.objects.select_related("segment")}
    told = [(person, on, code, "night") for person in people for on, code in person.entered]
    told += [(person, TODAY, "quiet", "rule") for person in people if person.pk % 6 == 2]
    SegmentMember.objects.bulk_create(
        SegmentMember(
            segment=versions[code].segment,
            customer_id=person.pk,
            version=versions[code],
            entered_on=on,
            entered_at=moment(on),
            why=why,
        )
        for person, on, code, why in told
    )


def _store_letters(people: list[Person], by: int) -> None:
    """Who agreed to nothing has said no, or agreed once and ended it."""
    said = [
        (person, kind, "granted" if kind in person.agreed else "withdrawn")
        for person in people
        for kind in ("email-marketing", "sms-marketing", "phone-care")
        if kind in person.agreed or person.pk % 2
    ]
    ConsentEntry.objects.bulk_create(
        ConsentEntry(
            customer_id=person.pk,
            channel=kind.partition("-")[0],
            purpose=kind.partition("-")[2],
            state=state,
            source="staff",
            said_at=NOW,
            stored_at=NOW,
        )
        for person, kind, state in said
    )
    ContactStop.objects.bulk_create(
        ContactStop(customer_id=person.pk, kind=person.stop, since=TODAY, by_id=by, at=NOW)
        for person in people
        if person.stop
    )
    Letter.objects.bulk_create(
        Letter(
            customer_id=person.pk,
            channel="email",
            purpose=purpose,
            occasion="story",
            period=f"{purpose} {state}",
            once_key=f"{person.pk}|{purpose}|{state}",
            reply_token=f"{person.pk} {purpose} {state}",
            state=state,
            written_at=moment(on),
            valid_from=moment(on),
            valid_until=moment(on, 20),
            next_at=moment(on),
            handed_at=moment(on) if state == "delivered" else None,
        )
        for person in people
        for on, purpose in person.letters
        for state in ("delivered", "blocked")
    )
