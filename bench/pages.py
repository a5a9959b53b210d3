"""Pages over a large mall: whole requests in process, p50 and p95, and the number of queries.

    python -m bench.pages                            # over whatever bench.nightly left in the database

Ratios: name search against a look-up by primary key in the same run; queries for 20 rows against 1,000.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from unittest.mock import patch

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
warnings.filterwarnings("ignore", "No directory at")  # static files are not what is measured
django.setup()

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.accounts.models import Role, Team, User
from core.accounts.roles import holders
from customers import contact_points, queries
from customers.models import Customer, Standing, Todo

MANAGERS = 500
KNOWN_PHONES = 300


def staff() -> dict[str, User]:
    """One of each role that works with lists: a lead of a twentieth of all managers, a manager, the service side."""
    team, _ = Team.objects.get_or_create(name="Bench")
    roles = (Role.TEAM_LEAD, Role.ACCOUNT_MANAGER, Role.SERVICE_LEAD, Role.SERVICE_AGENT)
    return {
        role: User.objects.get_or_create(username=f"bench-{role}", defaults={"roles": [role], "team": team})[0]
        for role in roles
    }


def prepare(manager: User) -> None:
    """Books for the managers, a phone for everybody, and to-dos with their owners; only once."""
    if Customer.objects.filter(manager=manager).exists():
        return
    others = [
        User.objects.get_or_create(
            username=f"bench-{i}",
            defaults={"roles": [Role.ACCOUNT_MANAGER], "team": manager.team if i % 20 == 0 else None},
        )[0].pk
        for i in range(MANAGERS - 1)
    ]
    ids = [manager.pk, *others]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE customers_customer SET manager_id = (%s::bigint[])[1 + id %% %s], manager_since = now()",
            [ids, MANAGERS],
        )
        cursor.execute(
            "UPDATE customers_standing s SET manager_id = c.manager_id FROM customers_customer c WHERE c.id = s.customer_id"
        )
        cursor.execute(
            "UPDATE customers_todo t SET owner_id = c.manager_id FROM customers_customer c WHERE c.id = t.customer_id"
        )
        cursor.execute(
            """
            INSERT INTO customers_contactpoint (customer_id, kind, mask, encrypted, blind_index, tail_index)
            SELECT id, 'phone', '138****0000', '\\x00', substr(sha256(id::text::bytea), 1, 16),
                   substr(sha256((id %% 10000)::text::bytea), 1, 16) FROM customers_customer WHERE id > %s
            """,
            [KNOWN_PHONES],
        )
        for table in ("customers_customer", "customers_standing", "customers_contactpoint", "customers_todo"):
            cursor.execute(f"VACUUM (ANALYZE) {table}")
    contact_points.add_many((i, "phone", phone(i)) for i in range(1, KNOWN_PHONES + 1))


def phone(number: int) -> str:
    return f"1380013{number:04}"


def measure(name: str, request: Callable[[int], HttpResponse], runs: int = 60) -> float:
    """p95 in ms over different arguments, after a few to warm up."""
    spent = []
    for i in range(runs + 5):
        began = time.perf_counter()
        answer = request(i)
        spent.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{name}: {answer.status_code}")
    p50, p95 = np.percentile(spent[5:], [50, 95])
    with CaptureQueriesContext(
        connection,
    ) as captured:
        request(runs)
    print(
        f"  {name:34} p50 {p50:6.1f} ms  p95 {p95:6.1f} ms  {len(captured)} queries{'' if p95 <= 100 else '   OVER 100 ms'}"
    )
    return float(p95)


def rows_of(book: Client, size: int) -> int:
    """Queries of the list page with that many rows on it."""
    with patch.object(queries.page, "__kwdefaults__", {**queries.page.__kwdefaults__, "size": size}):
        book.get("/customers/")
        with CaptureQueriesContext(connection) as captured:
            answer = book.get("/customers/")
    if (shown := answer.content.count(b"<tr data-href")) != size:
        raise SystemExit(f"the list shows {shown} rows instead of {size}")
    return len(captured)


def seconds(work: Callable[[int], object], runs: int = 200) -> float:
    spent = []
    for i in range(runs):
        began = time.perf_counter()
        work(i)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    call_command("createcachetable", verbosity=0)
    people = staff()
    manager = people[Role.ACCOUNT_MANAGER]
    prepare(manager)
    customers = Customer.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE relname = 'customers_order'")
        print(f"{customers:,} customers, about {cursor.fetchone()[0]:,} orders")
    doors = {}
    for role, user in people.items():
        doors[role] = Client(HTTP_HOST="localhost")
        doors[role].force_login(user)
    lead, book, service, agent = doors.values()
    mine = list(Customer.objects.filter(manager=manager).values_list("pk", flat=True)[:100])
    others = list(holders(Role.ACCOUNT_MANAGER).filter(team=manager.team).values_list("pk", flat=True)[:60])
    names = list(Customer.objects.filter(pk__lte=100).values_list("name", flat=True))
    deep = list(Standing.objects.filter(customer_class=0).order_by("-value", "customer_id")[5000:5100])
    due = Todo.objects.filter(owner=manager, state=Todo.State.OPEN)
    Todo.objects.filter(pk__in=list(due.values_list("pk", flat=True))).update(
        due_on=timezone.now().date() - timedelta(days=1)
    )
    print(f"  {due.count()} open to-dos of the manager, {Customer.objects.filter(manager=manager).count()} customers")

    measure("customers by class, team lead", lambda i: lead.get("/customers/", {"customer_class": i % 3}))
    measure("customers by class, service lead", lambda i: service.get("/customers/", {"customer_class": i % 3}))
    measure("customers by manager", lambda i: lead.get("/customers/", {"manager": others[i % len(others)]}))
    measure("own customers", lambda i: book.get("/customers/"))
    measure("a deep page", lambda i: lead.get("/customers/", {"customer_class": 0, "after": cursor_of(deep[i])}))
    measure("customer page", lambda i: book.get(f"/customers/{mine[i % 100]}/"))
    measure("My day", lambda i: book.get("/"))
    measure("name search, two characters", lambda i: service.post("/find/", {"q": names[i][:2]}, follow=True))
    measure("phone look-up, opens the page", lambda i: agent.post("/find/", {"q": phone(i + 1)}, follow=True))

    few, many = rows_of(lead, 20), rows_of(lead, 1000)
    print(f"  queries of the list: {few} with 20 rows, {many} with 1,000")
    by_key = seconds(lambda i: Customer.objects.select_related("standing").get(pk=mine[i % 100]))
    by_name = seconds(lambda i: queries.search(people[Role.SERVICE_LEAD], names[i % 100][:2], timezone.now().date()))
    print(f"  name search {by_name * 1000:.2f} ms, look-up by key {by_key * 1000:.2f} ms: {by_name / by_key:.1f} x")


def cursor_of(row: Standing) -> str:
    return f"{int(row.value * 100)}_{row.customer_id}"


if __name__ == "__main__":
    main()
