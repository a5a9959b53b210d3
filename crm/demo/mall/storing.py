"""Store the drawn mall in an empty database, by COPY where there is much of it."""

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from core.accounts.models import Delegation, Role, Team, User
from core.lib.periods import mall_midnight, mall_moment
from crm.demo.mall.paper import DAYS, PAID, SOURCE, STATUS, Array, Group, Mall, Person
from crm.demo.tables.goods import GOODS
from crm.demo.tables.staff import ACCOUNTS, LEVELS, PASSWORD, TEAMS
from customers import contact_points, identity, todo
from customers.models import Category, ContactPoint, Customer, ExternalIdentity, LifeDate, Product, Standing, Todo
from customers.models import Promise as Ledger
from customers.orders import CATEGORY_BITS
from customers.promises import ledger
from loyalty import tier_rules
from loyalty.tiers import membership, simulation

Say = Callable[[str], None]
# Long enough that the first levels have come to their review.
LEVELS_FOR = timedelta(days=400)


@transaction.atomic
def load(mall: Mall, *, at: datetime, say: Say = lambda line: None) -> dict[str, int]:
    """Store the mall in a database without customers. Returns how many rows of what; `say` hears each step."""
    midnights = [mall_midnight(mall.first_day + timedelta(i)) for i in range(DAYS)]
    users = _accounts(mall.today)
    ids = identity.next_ids(len(mall.people))
    counts = {"accounts": len(users)}

    steps: list[tuple[str, Callable[[], int]]] = [
        ("products", lambda: len(_goods())),
        ("customers", lambda: _store_people(mall, ids, users)),
        ("contact points", lambda: _store_contact_points(mall, ids)),
        ("orders", lambda: _store_orders(mall, ids, midnights)),
        ("contacts", lambda: _store_talks(mall, ids, users)),
        ("tasks", lambda: _store_tasks(mall, ids)),
        ("levels", lambda: _levels(users, at - LEVELS_FOR)),
        ("moves between levels", lambda: _moves(mall.today, at)),
    ]
    for name, step in steps:
        began = time.perf_counter()
        counts[name] = step()
        say(f"  {counts[name]:>7,} {name} ({time.perf_counter() - began:.1f} s)")
    counts["order lines"] = len(mall.lines["order"])
    counts["refunds"] = len(mall.refunds["order"])
    return counts


def _accounts(today: date) -> dict[str, User]:
    """Staff, teams and the dated delegation. Accounts that exist are left as they are."""
    teams = {key: Team.objects.get_or_create(name=name)[0] for key, name in TEAMS.items()}
    password = make_password(PASSWORD)  # the same for all: making one takes a tenth of a second
    for account in ACCOUNTS:
        User.objects.get_or_create(
            username=account.username,
            defaults={
                "full_name": account.full_name,
                "roles": [account.role],
                "team": teams.get(account.team),
                "password": make_password(None) if account.role == Role.CLIENT else password,
                "email": f"{account.username}@example.com",
            },
        )
    usernames = [account.username for account in ACCOUNTS]
    users = {user.username: user for user in User.objects.filter(username__in=usernames)}
    Delegation.objects.get_or_create(
        manager=users["chen"],
        assistant=users["aide"],
        defaults={"starts_on": today - timedelta(days=30), "ends_on": today + timedelta(days=335)},
    )
    return users


def _levels(users: dict[str, User], at: datetime) -> int:
    """The first rules, drafted by the administrator and published by the team lead the day before `at`."""
    yesterday = at - timedelta(days=1)
    content = tier_rules.starting_point()
    for level in content["levels"]:
        name, bar = LEVELS[level["code"]]
        level |= {"name": name, "qualify": str(bar), "retain": str(bar * 4 // 5)}
    draft = simulation.new_draft(by=users["admin"], at=yesterday)
    simulation.save_draft(draft.pk, content=content, reason="首版会员等级规则", by=users["admin"], at=yesterday)
    figures = simulation.simulate(draft.pk, by=users["admin"], at=yesterday).figures
    simulation.publish(draft.pk, by=users["lead"], falls=figures["falls"], at=yesterday)
    return len(content["levels"])


def _moves(today: date, at: datetime) -> int:
    """Every night since the first rules, so that there are people who rose, fell and are about to fall."""
    counts = membership.review_due(today - timedelta(days=1), at=at)
    return counts["tiers_up"] + counts["tiers_down"]


def _goods() -> list[Product]:
    categories = {name: Category.objects.get_or_create(name=name)[0] for name in GOODS}
    products = [
        Product(
            source=SOURCE,
            external_id=f"P{i + 1:03d}",
            name=name,
            category=categories[category],
            price=Decimal(price),
            cost=Decimal(cost),
        )
        for i, (category, (name, price, cost)) in enumerate((c, row) for c, goods in GOODS.items() for row in goods)
    ]
    return Product.objects.bulk_create(products)


def _store_people(mall: Mall, ids: list[int], users: dict[str, User]) -> int:
    def manager(person: Person) -> int | None:
        return users[person.manager].pk if person.manager else None

    Customer.objects.bulk_create(
        [
            Customer(
                id=pk,
                number=identity.number_of(pk),
                name=person.name,
                name_pinyin=identity.pinyin(person.name),
                name_grams=identity.name_grams(person.name),
                region=person.region,
                city=person.city,
                registered_on=person.registered_on,
                interests=person.interests,
                mindset=person.mindset,
                preferred_channel=person.channel,
                is_reseller=person.group == Group.WHOLESALER,
                manager_id=manager(person),
                manager_since=person.manager_since,
                next_contact_on=person.next_contact_on,
            )
            for pk, person in zip(ids, mall.people, strict=True)
        ],
        batch_size=1000,
    )
    LifeDate.objects.bulk_create(
        [
            _birthday(pk, person.birthday, is_lunar=person.birthday_is_lunar)
            for pk, person in zip(ids, mall.people, strict=True)
            if person.birthday
        ],
        batch_size=2000,
    )
    last = _last_purchases(mall)
    Standing.objects.bulk_create(
        [
            Standing(customer_id=pk, manager_id=manager(person), last_on=last.get(i))
            for i, (pk, person) in enumerate(zip(ids, mall.people, strict=True))
        ],
        batch_size=2000,
    )
    ExternalIdentity.objects.bulk_create(
        [ExternalIdentity(customer_id=pk, source=SOURCE, external_id=f"U{i + 1:06d}") for i, pk in enumerate(ids)],
        batch_size=2000,
    )
    return len(ids)


def _birthday(pk: int, born: date, *, is_lunar: bool) -> LifeDate:
    calendar = LifeDate.Calendar.LUNAR if is_lunar else LifeDate.Calendar.SOLAR
    return LifeDate(
        customer_id=pk,
        kind=LifeDate.Kind.BIRTHDAY,
        calendar=calendar,
        month=born.month,
        day=born.day,
        year=born.year,
        source=SOURCE,
    )


def _last_purchases(mall: Mall) -> dict[int, date]:
    counted = (mall.orders["status"] == PAID) & (mall.orders["fully_refunded_day"] < 0)
    last = np.full(len(mall.people), -1)
    np.maximum.at(last, mall.orders["owner"][counted], mall.orders["day"][counted])
    return {i: mall.first_day + timedelta(int(day)) for i, day in enumerate(last) if day >= 0}


def _store_contact_points(mall: Mall, ids: list[int]) -> int:
    kinds = ContactPoint.Kind
    points = [
        (pk, str(kind), value)
        for pk, person in zip(ids, mall.people, strict=True)
        for kind, value in ((kinds.PHONE, person.phone), (kinds.EMAIL, person.email), (kinds.ADDRESS, person.address))
        if value
    ]
    contact_points.add_many(points)
    return len(points)


def _store_orders(mall: Mall, ids: list[int], midnights: list[datetime]) -> int:
    count = len(mall.orders["day"])
    product_ids, category_bits = _stored_goods()
    first = _set_aside("customers_order", count)
    _copy_orders(mall, ids, midnights, first, category_bits)
    lines = mall.lines
    _copy(
        "customers_orderline",
        "order_id product_id quantity amount",
        zip(
            (lines["order"] + first).tolist(),
            product_ids[lines["product"]].tolist(),
            lines["quantity"].tolist(),
            lines["amount"].tolist(),
            strict=True,
        ),
    )
    _copy_refunds(mall, ids, midnights, first)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE customers_customer, customers_order, customers_orderline, customers_refund")
    return count


def _copy_orders(mall: Mall, ids: list[int], midnights: list[datetime], first: int, category_bits: Array) -> None:
    orders, lines = mall.orders, mall.lines
    count = len(orders["day"])
    masks = np.zeros(count, dtype=np.int64)
    np.bitwise_or.at(masks, lines["order"], category_bits[lines["product"]])
    number_of_day = np.arange(count) - np.searchsorted(orders["day"], orders["day"]) + 1
    owner, day, second, changes = (orders[k].tolist() for k in ("owner", "day", "second", "changes"))
    paid, cost, gone, status = (orders[k].tolist() for k in ("paid", "cost", "fully_refunded_day", "status"))

    def row(i: int, nth: int, mask: int) -> tuple[Any, ...]:
        on, moment = midnights[day[i]].date(), midnights[day[i]] + timedelta(seconds=second[i])
        refunded_on = midnights[gone[i]].date() if gone[i] >= 0 else None
        money = (paid[i], cost[i], paid[i] - cost[i])
        number = f"S{on:%y%m%d}{nth:04d}"
        key = (first + i, SOURCE, number, changes[i], ids[owner[i]], STATUS[status[i]])
        return (*key, moment, on, *money, mask, refunded_on, moment + timedelta(seconds=40))

    _copy(
        "customers_order",
        "id source external_id version customer_id status ordered_at ordered_on paid cost profit category_mask "
        "fully_refunded_on received_at",
        (row(i, nth, mask) for i, (nth, mask) in enumerate(zip(number_of_day.tolist(), masks.tolist(), strict=True))),
    )


def _copy_refunds(mall: Mall, ids: list[int], midnights: list[datetime], first: int) -> None:
    owner, day = mall.orders["owner"].tolist(), mall.orders["day"].tolist()

    def row(order: int, on: int, second: int, amount: int, effect: int) -> tuple[Any, ...]:
        bought_on, moment = midnights[day[order]].date(), midnights[on] + timedelta(seconds=second)
        return first + order, "R1", ids[owner[order]], bought_on, moment, midnights[on].date(), amount, effect

    _copy(
        "customers_refund",
        "order_id external_id customer_id purchased_on refunded_at refunded_on amount profit_effect",
        (row(*refund) for refund in zip(*(values.tolist() for values in mall.refunds.values()), strict=True)),
    )


def _stored_goods() -> tuple[Array, Array]:
    """Ids of the products in the order of GOODS, and the category bit of each."""
    rows = Product.objects.filter(source=SOURCE).order_by("external_id").values_list("id", "category_id")
    return np.array([pk for pk, _ in rows]), np.array([1 << ((category or 0) % CATEGORY_BITS) for _, category in rows])


def _store_talks(mall: Mall, ids: list[int], users: dict[str, User]) -> int:
    _copy(
        "customers_contact",
        "customer_id by_id at channel direction outcome mood note",
        (
            (
                ids[t.person],
                users[t.by].pk,
                mall_midnight(t.day) + timedelta(seconds=t.second),
                t.channel,
                t.direction,
                t.outcome,
                t.mood,
                t.note,
            )
            for t in mall.talks
        ),
    )
    return len(mall.talks)


def _store_tasks(mall: Mall, ids: list[int]) -> int:
    """Promises in the ledger, and planned contacts without owner, so that they follow the manager."""
    for i, promise in enumerate(mall.promises):
        made_at = mall_moment(promise.made_on, 10)
        customer = Customer.objects.select_related("manager").get(pk=ids[promise.person])
        row = ledger.make(
            customer,
            words=promise.text,
            due=ledger.on_day(promise.due_on, at=made_at),
            owner=ledger.somebody(customer.manager),
            by=customer.manager,
            at=made_at,
            source=Ledger.Source.OTHER,
            source_id=i,
        )
        if promise.done:
            ledger.keep(row.pk, by=customer.manager, at=mall_moment(*promise.done))
    agreed_on = mall.today - timedelta(days=14)
    planned = [
        Todo(
            customer_id=pk,
            reason=Todo.Reason.CONTACT,
            text={"agreed_on": agreed_on.isoformat()},
            due_on=person.next_contact_on,
            dedupe_key=f"contact:demo:{pk}",
            opened_at=mall_moment(agreed_on, 10),
        )
        for pk, person in zip(ids, mall.people, strict=True)
        if person.next_contact_on
    ]
    return len(mall.promises) + todo.open_many(planned)


def _set_aside(table: str, count: int) -> int:
    """The first of `count` ids that nobody else will get."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(s, nextval(s) + %s - 1) - %s + 1 FROM pg_get_serial_sequence(%s, 'id') AS s",
            [count, count, table],
        )
        return int(cursor.fetchone()[0])


def _copy(table: str, columns: str, rows: Iterable[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)  # None becomes an empty field, which COPY reads as NULL
    buffer.seek(0)
    with connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns.split())}) FROM STDIN (FORMAT csv)", buffer)
