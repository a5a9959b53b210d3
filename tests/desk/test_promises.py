"""The page of promises, and what is done about them without leaving the queue."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from complaints.cases import remedies
from complaints.models import Category, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import Role, User
from crm.desk.today import today
from crm.desk.work import day
from crm.flows import call
from customers import contacts, todo
from customers.models import Contact, Customer, Promise, Standing, Todo
from customers.promises import ledger
from customers.work import stakes
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeUser

HTMX = {"HTTP_HX_REQUEST": "true", "HTTP_HX_CURRENT_URL": "http://testserver/"}
HOUR = timedelta(hours=1)
SAID = {"channel": "phone", "direction": "out", "outcome": "reached", "mood": "good", "note": "fine"}


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing", team="East")
    client.force_login(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen)


def promised(customer: Customer, by: User, *, hours: float = 1, n: int = 1) -> Promise:
    """Promised yesterday, for so many hours from now."""
    at = timezone.now()
    due = ledger.to_the_hour(at + hours * HOUR)
    terms: dict[str, Any] = {"owner": by, "by": by, "at": at - 24 * HOUR, "source": "other", "source_id": n}
    return ledger.make(customer, words="send the sample", due=due, **terms)


def an_alert(customer: Customer, user: User) -> Todo:
    alert = Alert.objects.create(
        customer=customer,
        kind=Alert.Kind.QUIET,
        last_on=today() - timedelta(days=60),
        opened_on=today(),
        window_ends_on=today() + timedelta(days=60),
        severity=50,
        evidence={"usual_days": 20.0, "limit_days": 50.0, "quiet_days": 60},
    )
    terms: dict[str, Any] = {"due_on": today(), "at": timezone.now(), "dedupe_key": "a-1", "alert_id": alert.pk}
    return todo.open_task(customer, reason="alert", text={**alert.evidence, "kind": alert.kind}, **terms)


def test_the_page_counts_and_shows_what_is_promised_and_every_deed_has_its_door(
    client: Client, li_lei: Customer, chen: User, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    zhao = make_user(Role.ACCOUNT_MANAGER, "Zhao", team="East")
    empty = client.get(reverse("desk:promises")).content.decode()
    assert "Nothing promised" in empty
    late, soon, gone, handed = (promised(li_lei, chen, hours=h, n=n) for n, h in enumerate((-1, 2, 3, 4)))
    theirs = promised(make_customer("Tom", manager=zhao), zhao, n=9)

    page = client.get(reverse("desk:promises"))
    assert [row.promise for row in page.context["page"].rows] == [late, soon, gone, handed]
    assert (page.context["open"], page.context["late"]) == (4, 1)
    assert "1 h 0 min overdue" in page.content.decode()

    customer = reverse("desk:customer", args=[li_lei.pk])
    done = client.post(
        reverse("desk:promise_keep", args=[late.pk]), headers={"referer": f"http://testserver{customer}"}
    )
    assert done["Location"] == customer
    moving = reverse("desk:promise_move", args=[soon.pk])
    data = {"due_on": (today() + timedelta(days=2)).isoformat(), "reason": "on a trip"}
    refused = client.post(moving, data)
    assert refused.status_code == 422
    assert 'value="on a trip"' in refused.content.decode()
    client.post(moving, data | {"agreed_with_customer": "on"})
    client.post(reverse("desk:promise_release", args=[gone.pk]), {"how": "bought it"})
    client.post(reverse("desk:promise_hand_over", args=[handed.pk]), {"to": zhao.pk})
    assert client.post(reverse("desk:promise_keep", args=[theirs.pk])).status_code == 404
    elsewhere = client.post(reverse("desk:promise_keep", args=[late.pk]), headers={"referer": "https://x.test/"})
    assert elsewhere["Location"] == reverse("desk:promises")

    told = Promise.objects.order_by("pk").values_list("state", "moves", "owner")
    assert list(told[:4]) == [
        ("late", 0, chen.pk),
        ("open", 1, chen.pk),
        ("released", 0, chen.pk),
        ("open", 0, zhao.pk),
    ]
    settled = client.get(reverse("desk:promises"), {"show": "settled"}).content.decode()
    assert "Kept late" in settled
    assert "moved once" in client.get(reverse("desk:promises")).content.decode()
    history = client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()
    for words in ("Promise moved", "Promise kept late", "Promise released", "Promise handed over", "2 open promises"):
        assert words in history


def test_a_lead_reads_who_kept_what(client: Client, li_lei: Customer, chen: User, make_user: MakeUser) -> None:
    for n in range(22):
        row = promised(li_lei, chen, hours=-2, n=n)
        ledger.keep(row.pk, by=chen, at=row.due_at + (HOUR if n < 2 else -HOUR))
    assert client.get(reverse("desk:promises")).context["people"] == []

    client.force_login(make_user(Role.TEAM_LEAD, "Lead", team="East"))
    page = client.get(reverse("desk:promises"))

    assert [(row.name, row.kept.kept, row.kept.late) for row in page.context["people"]] == [("Chen Jing", 20, 2)]
    assert "91% (72% – 97%)" in page.content.decode()


def test_an_agent_has_a_day_of_promises_calls_and_questions_and_nothing_that_may_not_be_opened(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    defaults.install(at=timezone.now() - timedelta(days=1))
    liu, at = make_user(Role.SERVICE_AGENT, "Liu Fang"), timezone.now()
    late = Category.objects.get(code="delivery-late")
    for queue in Queue.objects.all():
        queue.members.create(user=liu)
    case = call.log(
        make_customer("韩梅梅"), category=late, channel="phone", description="没到", by=liu, at=at, call_at=at + HOUR
    ).case
    remedies.propose(case.pk, kind="apology", reason="没到", by=liu, at=at, client_key="r", promised_at=at + 2 * HOUR)
    client.force_login(liu)

    page = client.get(reverse("desk:my_day"))

    assert [row.url for row in page.context["rows"]] == [reverse("desk:complaint", args=[case.pk])] * 2
    for address in ("desk:customers", "desk:alerts"):
        assert f'href="{reverse(address)}"' not in page.content.decode()
    assert client.get(page.context["rows"][0].url).status_code == 200
    QueueMember.objects.all().delete()
    remedies.Case.objects.update(owner=None)
    assert [row.url for row in client.get(reverse("desk:my_day")).context["rows"]] == ["", ""]
    remedies.issue(remedies.Remedy.objects.get().pk, by=liu, at=at + HOUR)
    assert Promise.objects.get(source="remedy").state == "kept"


def test_the_promise_of_the_most_valuable_customer_due_tonight_is_on_the_first_screen(
    client: Client, chen: User, make_customer: MakeCustomer, li_lei: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = timezone.localtime(timezone.now()).replace(hour=12, minute=0)
    monkeypatch.setattr(day, "now", lambda: noon)
    Standing.objects.filter(pk=li_lei.pk).update(value=90_000)
    other = make_customer("Tom", manager=chen)
    Standing.objects.filter(pk=other.pk).update(value=500)
    at = noon - timedelta(days=5)
    for n in range(90):
        due = noon + (
            timedelta(days=-1, minutes=n) if n < 30 else timedelta(minutes=n) if n < 60 else timedelta(hours=4)
        )
        terms: dict[str, Any] = {"owner": chen, "by": chen, "at": at, "source": "other", "source_id": n}
        ledger.make(other, words="x", due=ledger.to_the_hour(due), **terms)
    for n in range(40):
        terms = {"due_on": today(), "at": at, "dedupe_key": f"t{n}"}
        todo.open_task(other, reason="tier", text={"level": "金卡", "missing": "5", "by": "-"}, **terms)
    tonight = ledger.to_the_hour(noon.replace(hour=21))
    dear = ledger.make(li_lei, words="call", due=tonight, owner=chen, by=chen, at=at, source="other", source_id=999)

    page = client.get(reverse("desk:my_day"))

    rows = page.context["rows"]
    assert len(rows) == day.SHOWN
    assert dear in [row.todo.promise for row in rows]
    assert [(band.label, band.count, len(band.rows)) for band in page.context["bands"]] == [
        ("Late promises", 30, 10),
        ("By the clock", 30, 5),
        ("Later today", 31, 5),
        ("By what is at stake", 40, 5),
    ]
    everything = client.get(reverse("desk:my_day") + page.context["rest"]).context["rows"]
    assert [row.todo.pk for row in everything] == [row.pk for row in todo.queue(chen, today(), now=noon)]


def test_an_alert_is_not_done_before_it_is_decided_and_the_decision_is_work(
    client: Client, li_lei: Customer, chen: User
) -> None:
    task = an_alert(li_lei, chen)

    refused = client.post(reverse("desk:todo_done", args=[task.pk]), **HTMX)
    assert "Decide first" in json.loads(refused["HX-Trigger"])["toast"]["text"]
    assert reverse("desk:todo_decide", args=[task.pk]) in client.get(reverse("desk:my_day")).content.decode()

    day_after = today() + timedelta(days=3)
    wrong = {"decision": "visit", "due_on": (today() - timedelta(days=1)).isoformat()}
    address = reverse("desk:todo_decide", args=[task.pk])
    assert client.post(address, wrong, **HTMX).status_code == 422
    answer = client.post(address, {"decision": "visit", "due_on": day_after.isoformat()}, **HTMX)

    assert set(json.loads(answer["HX-Trigger"])) == {"closeDrawer", "toast"}
    task.refresh_from_db()
    assert (task.state, task.due_on, task.owner, task.text["decision"]) == ("open", day_after, chen, "visit")
    assert list(todo.queue(chen, today())) == []
    (row,) = day.rows(todo.queue(chen, day_after), chen, day_after)
    assert row.reason.startswith("Visit: Usually buys every 20 days")
    todo.complete(task.pk, by=chen, at=timezone.now())
    assert Alert.objects.get().decision == "visit"


@pytest.mark.parametrize("kind", ["promise", "alert", "contact"])
def test_a_talk_logged_over_the_queue_closes_the_row_it_came_from(
    client: Client, li_lei: Customer, chen: User, kind: str
) -> None:
    if kind == "alert":
        task = an_alert(li_lei, chen)
    elif kind == "promise":
        task = promised(li_lei, chen, hours=-1).todo
    else:
        contacts.log_contact(li_lei, by=chen, at=timezone.now(), next_contact_on=today(), **SAID)
        task = Todo.objects.get()
    address = reverse("desk:todo_talk", args=[task.pk])
    drawer = client.get(address, **HTMX).content.decode()
    assert "<html" not in drawer
    assert ("The promise is kept with it" in drawer) == (kind == "promise")

    for told, state in (({"outcome": "no_answer", "closes": "on"}, "open"), ({}, "open"), ({"closes": "on"}, "done")):
        if kind == "contact" and told == {}:
            continue  # a talk is what was planned
        answer = client.post(address, SAID | told, **HTMX)
        assert "closeDrawer" in json.loads(answer["HX-Trigger"])
        task.refresh_from_db()
        assert task.state == state

    assert (f'id="todo-{task.pk}"' in answer.content.decode()) is False
    assert Contact.objects.count() == 3
    if kind == "alert":
        assert Alert.objects.get().decision == "contact"
    if kind == "promise":
        assert Promise.objects.get().state == "late"
    assert client.post(address, SAID, **HTMX).status_code == 404


def test_a_refused_talk_keeps_its_words_and_changes_nothing(client: Client, li_lei: Customer, chen: User) -> None:
    task = promised(li_lei, chen).todo

    answer = client.post(
        reverse("desk:todo_talk", args=[task.pk]), SAID | {"closes": "on", "note": "long story", "promise": "x"}, **HTMX
    )

    assert answer.status_code == 422
    assert "long story" in answer.content.decode()
    assert (Contact.objects.count(), Todo.objects.get().state) == (0, "open")


def test_the_parts_stand_behind_the_question_mark(client: Client, li_lei: Customer, chen: User) -> None:
    Standing.objects.filter(pk=li_lei.pk).update(value=Decimal("59616"))
    promised(li_lei, chen)

    page = client.get(reverse("desk:my_day")).content.decode()

    assert "¥59,616.00 × 30 % = ¥17,884.80" in strip_tags(page)
    assert f"version {stakes.FIRST.version}" in page


def test_banners_name_only_whom_one_may_open(
    client: Client, chen: User, li_lei: Customer, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    """Somebody in the queue of complaints sees those of other books on its list, and is not alarmed by them."""
    at = timezone.now()
    defaults.install(at=at - timedelta(days=1))
    tom = make_customer("Tom", manager=make_user(Role.ACCOUNT_MANAGER, "Wu", team="South"))
    Standing.objects.update(customer_class=Standing.Class.BIG)
    late = Category.objects.get(code="delivery-late")
    cases = [
        call.log(person, category=late, channel="phone", description="没到", by=None, at=at, client_key=f"k{n}").case
        for n, person in enumerate((li_lei, tom))
    ]
    for case in cases:
        case.queue.members.create(user=chen)
        break

    page = client.get(reverse("desk:my_day"))

    assert [case.customer for case in page.context["urgent"]] == [li_lei]
    assert page.context["complaints"] == len(
        client.get(reverse("desk:complaints"), {"list": "all"}).context["page"].rows
    )
