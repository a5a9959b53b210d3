"""Cases, alerts and orders in the machine of lists: the same rows as before, asked in the one language."""

import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from complaints.cases import intake, lifecycle
from complaints.models import Case, Category, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import Role, User
from core.views.models import ListPreference, SavedView
from crm.desk.complaints.queue.case_list import CASE_LIST
from crm.desk.customers.order_list import ORDER_LIST
from crm.desk.today import now, today
from crm.desk.work.lists.alert_list import ALERT_LIST
from customers.models import Customer, Standing
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeOrder, MakeUser

pytestmark = pytest.mark.django_db
MANY = "LAOKE_MANY_TREES" in os.environ
LISTS = {"complaint": CASE_LIST, "alert": ALERT_LIST, "order": ORDER_LIST}


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    """Leads the sales team and the complaint desk: sees all of the three lists."""
    user = make_user(Role.TEAM_LEAD, "Qian", team="East")
    user.roles = [Role.TEAM_LEAD, Role.SERVICE_LEAD]
    user.save()
    client.force_login(user)
    return user


def a_case(person: Customer | None, by: User, code: str = "delivery-late", **told: Any) -> Case:
    category = Category.objects.get(code=code)
    return intake.log(person, category=category, channel="phone", by=by, at=now(), description="坏了", **told).case


def an_alert(person: Customer, **told: Any) -> Alert:
    days = today() - timedelta(days=told.pop("quiet", 80))
    facts = {"usual_days": 30.0, "limit_days": 60.0, "quiet_days": 70, "tail_level": 0.05, "no_purchase": 0.5}
    told = {"kind": "quiet", "severity": Decimal("12.00"), "opened_on": today() - timedelta(days=9)} | told
    return Alert.objects.create(
        customer=person,
        last_on=days,
        window_ends_on=today() + timedelta(days=20),
        evidence=facts | {"horizon_days": 90, "monthly_profit": 1200, "value": 9900},
        **told,
    )


@pytest.fixture
def desk(lead: User) -> User:
    defaults.install(at=now() - timedelta(days=1))
    for queue in Queue.objects.all():
        QueueMember.objects.create(queue=queue, user=lead)
    return lead


def shown(client: Client, stem: str, query: str) -> list[str]:
    answer = client.get(f"{reverse(f'desk:{stem}s')}{query}", follow=True)
    assert answer.status_code == 200, query
    assert answer.context["count"] == len(answer.context["page"].rows)
    assert answer.context["problems"] == [], query
    return [row.called for row in answer.context["page"].rows]


def test_cases_are_asked_for_in_words_of_before_and_of_today(
    client: Client, desk: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    big, other = make_customer("李雷"), make_customer("韩梅梅")
    Standing.objects.filter(pk=big.pk).update(customer_class=Standing.Class.BIG)
    late = a_case(big, desk, product_ref="P.1,x")
    broken = a_case(other, desk, "quality-defect")
    nobodys = a_case(None, desk)
    ended = a_case(other, desk)
    lifecycle.withdraw(ended.pk, by=desk, at=now(), reason="never mind")
    Case.objects.filter(pk=broken.pk).update(owner=make_user(Role.SERVICE_AGENT, "Wang Fang"), breached=True)
    Case.objects.filter(pk__in=(late.pk, nobodys.pk)).update(owner=desk)
    parent = broken.category.parent_id
    stamp = int((now() - timedelta(hours=1)).timestamp())
    asked: dict[str, list[Case]] = {
        "?list=mine": [late, nobodys],
        "?view=mine": [late, nobodys],
        "": [late, nobodys],
        "?list=all": [late, broken, nobodys],
        "?list=every": [late, broken, nobodys, ended],
        "?list=finished": [ended],
        "?list=anonymous": [nobodys],
        "?list=big": [late],
        "?list=breached": [broken],
        f"?list=all&category={parent}": [broken],
        f"?list=mine&category={parent}&queue=&status=&after=": [],
        f"?list=every&served_as={Standing.Class.BIG}": [late],
        f"?list=every&customer={other.pk}": [broken, ended],
        f"?list=every&owner={desk.pk}&open=1": [late, nobodys],
        "?list=every&open=0": [ended],
        "?list=every&counted=1&breached=1": [broken],
        "?list=every&product=P.1,x": [late],
        f"?list=every&opened_from={stamp}": [late, broken, nobodys, ended],
        f"?list=every&opened_until={stamp}": [],
        "?status=any.withdrawn": [ended],
        "?state=open&clock=missed": [broken],
        "?owner=me&customer=unknown": [nobodys],
        "?q=any(class:big;not(state:open))": [late, ended],
        "?text=has.李雷": [late],
        "?opened=last.1&owner=none.me": [broken],
        "?view=every&sort=case": [late, broken, nobodys, ended],
    }
    for query, cases in asked.items():
        assert set(shown(client, "complaint", query)) == {case.number for case in cases}, query
    assert shown(client, "complaint", "?list=every") == [case.number for case in (ended, nobodys, broken, late)]
    # A list of before keeps what it narrowed as its chips, and the address of today says the same.
    page = client.get(f"{reverse('desk:complaints')}?list=mine&open=1&served_as=2")
    assert shown(client, "complaint", page.context["asked"].href) == [late.number]


def test_alerts_are_asked_for_in_words_of_before_and_of_today(
    client: Client, lead: User, make_customer: MakeCustomer
) -> None:
    names = {}
    for name, told in {
        "dear": {"severity": Decimal(90), "quiet": 100},
        "far": {"kind": "long_absence", "quiet": 120, "decision": "visit"},
        "lost": {"state": "lost", "cause": "poached", "closed_on": today()},
        "back": {"state": "recovered", "closed_on": today() - timedelta(days=3)},
    }.items():
        names[name] = an_alert(make_customer(name), **told)
    asked = {
        "": ["dear", "far"],
        "?kind=quiet": ["dear"],
        "?kind=&state=": ["dear", "far"],
        "?state=closed": ["lost", "back"],
        "?kind=quiet&state=lost": ["lost"],
        "?undecided=on": ["dear"],
        "?kind=long_absence&undecided=on": [],
        "?view=closed": ["lost", "back"],
        "?view=open&sort=-quiet": ["dear", "far"],
        "?quiet=ge.100": ["far", "dear"],
        "?cause=any.poached": ["lost"],
        "?state=open&loss=gt.12": ["dear"],
        "?opened=ago.8&decision=unknown&state=open": ["dear"],
    }
    for query, people in asked.items():
        assert set(shown(client, "alert", query)) == set(people), query
    assert shown(client, "alert", "") == ["dear", "far"]
    assert shown(client, "alert", "?state=closed&sort=-ended") == ["lost", "back"]


def test_orders_are_held_together_by_days_a_customer_or_a_number(
    client: Client, lead: User, make_customer: MakeCustomer, make_order: MakeOrder
) -> None:
    li_lei = make_customer("李雷")
    make_order(li_lei, today() - timedelta(days=3), external_id="new", paid=Decimal("80.00"))
    make_order(li_lei, today() - timedelta(days=40), external_id="old", source="till")
    make_order(make_customer("韩梅梅"), today(), external_id="now", status="pending")
    since = today() - timedelta(days=50)
    asked = {
        "": ["now", "new"],
        "?source=till": [],
        f"?source=till&since={since}": ["old"],
        "?number=OLD": [],
        "?number=old": ["old"],
        f"?number={li_lei.number}": ["new", "old"],
        f"?customer=any.{li_lei.pk}": ["new", "old"],
        f"?ordered=from.{since}&ordered=before.{today()}": ["new", "old"],
        "?status=pending": ["now"],
        "?paid=ge.80&status=none.pending": ["new"],
        "?q=not(status:pending)": ["new"],
        "?view=unpaid": ["now"],
        "?view=dearest&sort=paid": ["new"],
    }
    for query, numbers in asked.items():
        assert shown(client, "order", query) == numbers, query
    chips = client.get(reverse("desk:orders"), {"source": "till"}).context["chips"]
    assert [(chip.text, bool(chip.without)) for chip in chips] == [
        ("Ordered in the last 30 days", False),
        ("Source: till", True),
    ]


@pytest.mark.parametrize("stem", sorted(LISTS))
def test_the_database_is_asked_as_often_for_fifty_rows_as_for_one(
    client: Client,
    desk: User,
    make_customer: MakeCustomer,
    make_order: MakeOrder,
    stem: str,
    django_assert_max_num_queries: Any,
) -> None:
    """7: for three views of each list, with every column shown; and the drawer of a row tells of it."""
    definition = LISTS[stem]
    keys = [column.key for column in definition.columns_for(desk)]
    ListPreference.objects.create(user=desk, list=definition.key, columns=keys)
    make: Callable[[int], object] = {
        "complaint": lambda n: a_case(make_customer(f"客户{n}"), desk, severity=None),
        "alert": lambda n: an_alert(make_customer(f"客户{n}")),
        "order": lambda n: make_order(make_customer(f"客户{n}"), today(), external_id=str(n)),
    }[stem]
    views = ("?view=all", "?view=every", "?q=not(class:big)&sort=-opened") if stem == "complaint" else ()
    views = views or (
        ("", "?view=week", "?view=days&q=not(class:big)") if stem == "order" else ("", "?q=not(class:big)")
    )
    counts: dict[str, set[int]] = {}
    made = 0
    for rows in (1, 3, 50) if MANY else (1, 3):
        while made < rows:
            make(made)
            made += 1
        for view in views:
            address = f"{reverse(f'desk:{stem}s')}{view}"
            client.get(address)
            with django_assert_max_num_queries(30) as asked:
                page = client.get(address)
            counts.setdefault(view, set()).add(len(asked))
            assert len(page.context["page"].rows) == rows, view
    assert [len(told) for told in counts.values()] == [1] * len(views), counts
    row = page.context["page"].rows[0]
    assert row.called in client.get(reverse(f"desk:{stem}_preview", args=[row.pk])).content.decode()


@pytest.mark.parametrize("stem", sorted(LISTS))
def test_each_list_keeps_views_and_columns_of_its_own(client: Client, desk: User, stem: str) -> None:
    definition = LISTS[stem]
    page = reverse(f"desk:{stem}s")
    answer = client.post(f"{reverse(f'desk:{stem}_view_save')}?class=big", {"name": "Big ones"})
    view = SavedView.objects.get()
    assert (view.list, answer["Location"]) == (definition.key, f"{page}?view=v{view.pk}")
    opened = client.get(answer["Location"])
    assert "Big ones" in opened.content.decode()
    assert any(chip.text == "Class: Big" for chip in opened.context["chips"])
    for other in LISTS:
        if other != stem:
            assert "Big ones" not in client.get(reverse(f"desk:{other}s")).content.decode()
    # 6: of another list it is not there, by any door; nor for anybody else.
    for other in LISTS:
        for deed in ("update", "share", "archive", "copy"):
            address = reverse(f"desk:{other}_view_{deed}", args=[view.pk])
            assert other == stem or client.post(address, {"visibility": "all"}).status_code == 404
        pinned = reverse(f"desk:{other}_view_pin", args=[f"v{view.pk}"])
        assert other == stem or client.post(pinned).status_code == 404
    client.force_login(User.objects.create(username="other", roles=desk.roles))
    for deed in ("update", "share", "archive", "copy"):
        assert client.post(reverse(f"desk:{stem}_view_{deed}", args=[view.pk])).status_code == 404
    assert client.get(answer["Location"]).context["asked"].view_key != f"v{view.pk}"
    client.force_login(desk)
    key = definition.default_columns[-1]
    client.post(reverse(f"desk:{stem}s_columns"), {"column": [key]})
    assert [head.column.key for head in client.get(page).context["heads"]][1:] == [key]
    assert client.get(reverse(f"desk:{stem}s_condition"), {"set": "class"}).status_code == 200
    assert client.post(reverse(f"desk:{stem}_view_archive", args=[view.pk])).status_code == 302


def test_who_sees_no_values_neither_sorts_nor_filters_alerts_by_them(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    an_alert(make_customer("李雷"), severity=Decimal("777.00"))
    client.force_login(make_user(Role.SERVICE_LEAD))
    refused = client.get("/alerts/?loss=ge.1")
    assert (refused.status_code, list(refused.context["page"].rows)) == (422, [])
    page = client.get("/alerts/?sort=-loss")
    assert page.context["asked"].sort == "-opened"
    assert "777" not in page.content.decode()
