"""The pages as their users meet them, through HTTP."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.accounts.models import AuditEntry, Role, User
from crm.desk.today import today
from crm.flows import nightly
from customers import todo
from customers.models import Contact, Customer, Standing, Todo
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeOrder, MakeUser


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.ACCOUNT_MANAGER, "Chen Jing")
    client.force_login(user)
    return user


@pytest.fixture
def li_lei(make_customer: MakeCustomer, make_order: MakeOrder, chen: User) -> Customer:
    person = make_customer("李雷", manager=chen, phone="13800138000")
    for days in (130, 100, 70, 40):
        make_order(person, today() - timedelta(days=days), paid="300.00")
    return person


@pytest.fixture
def promise(li_lei: Customer, chen: User) -> Todo:
    return todo.open_task(
        li_lei,
        reason=Todo.Reason.PROMISE,
        text={"promise": "send the sample"},
        due_on=today() - timedelta(days=1),
        at=timezone.now(),
        dedupe_key="p-1",
    )


def test_a_task_is_done_and_can_be_taken_back(client: Client, promise: Todo) -> None:
    client.post(reverse("desk:todo_done", args=[promise.pk]))
    promise.refresh_from_db()
    assert promise.state == Todo.State.DONE

    client.post(reverse("desk:todo_reopen", args=[promise.pk]))
    promise.refresh_from_db()
    assert promise.state == Todo.State.OPEN


def test_a_snoozed_task_leaves_the_queue_until_its_day(client: Client, promise: Todo) -> None:
    later = today() + timedelta(days=5)

    client.post(reverse("desk:todo_snooze", args=[promise.pk]), {"until": later.isoformat(), "reason": "on holiday"})

    promise.refresh_from_db()
    assert (promise.snoozed_until, promise.snooze_reason) == (later, "on holiday")
    assert "send the sample" not in client.get(reverse("desk:my_day")).content.decode()


def test_the_customer_page_explains_its_figures(client: Client, li_lei: Customer) -> None:
    nightly.run(today())

    page = client.get(reverse("desk:customer", args=[li_lei.pk])).content.decode()

    assert "李雷" in page
    assert "138****8000" in page
    assert "13800138000" not in page
    assert f"{Standing.objects.get(pk=li_lei.pk).value:,.2f}" in page


def test_showing_a_phone_needs_a_purpose_and_is_recorded(client: Client, li_lei: Customer) -> None:
    address = reverse("desk:reveal", args=[li_lei.pk])

    refused = client.post(address, {"purpose": ""})
    shown = client.post(address, {"purpose": "call"})

    assert refused.status_code == 302
    assert "13800138000" in shown.content.decode()
    assert [kind for kind, _value in shown.context["revealed"]] == ["Phone"]
    assert shown["Cache-Control"] == "no-store"
    entry = AuditEntry.objects.get(subject_type="customer", subject_id=li_lei.pk, action__contains="reveal")
    assert entry.detail["purpose"] == "call"
    assert "13800138000" not in str(entry.detail)


def test_a_contact_with_half_a_promise_is_refused_and_nothing_typed_is_lost(client: Client, li_lei: Customer) -> None:
    data = {
        "channel": "phone",
        "direction": "out",
        "outcome": "promised",
        "mood": "good",
        "note": "很满意新包装",
        "promise": "send the sample",
        "promise_due_on": "",
    }

    answer = client.post(reverse("desk:log_contact", args=[li_lei.pk]), data)

    assert answer.status_code == 422
    assert "很满意新包装" in answer.content.decode()
    assert not Contact.objects.exists()


def test_what_is_searched_for_is_never_part_of_an_address(client: Client, li_lei: Customer) -> None:
    page = client.get(reverse("desk:find"), {"q": "李雷"})

    assert (page.status_code, list(page.context["people"]), page.context["searched"]) == (200, [], False)
    assert client.post(reverse("desk:find"), {"q": "李雷"})["Location"] == reverse("desk:customer", args=[li_lei.pk])


def test_search_finds_two_chinese_characters_and_a_phone(client: Client, li_lei: Customer) -> None:
    for text in ("李雷", "138 0013 8000", li_lei.number):
        answer = client.post(reverse("desk:find"), {"q": text})
        assert answer["Location"] == reverse("desk:customer", args=[li_lei.pk]), text


def test_a_quadrant_counts_what_its_list_holds(client: Client, li_lei: Customer) -> None:
    nightly.run(today())
    matrix_type = Standing.objects.get(pk=li_lei.pk).matrix_type

    quadrants = {tile.code: tile.quadrant.customers for tile in client.get(reverse("desk:matrix")).context["tiles"]}
    rows = client.get(reverse("desk:customers"), {"matrix_type": matrix_type}).context["page"].rows

    assert quadrants[matrix_type] == len(rows) == 1


@pytest.fixture
def alert(li_lei: Customer) -> Alert:
    return Alert.objects.create(
        customer=li_lei,
        kind=Alert.Kind.QUIET,
        last_on=today() - timedelta(days=40),
        opened_on=today(),
        window_ends_on=today() + timedelta(days=60),
        severity=100,
        evidence={"usual_days": 30, "limit_days": 38, "quiet_days": 40, "tail_level": 0.05, "monthly_profit": 30000},
    )


def test_lost_needs_a_cause_and_keeps_what_was_typed(client: Client, alert: Alert) -> None:
    address = reverse("desk:alert_lost", args=[alert.pk])

    refused = client.post(address, {"why": "moved to Chengdu"})
    assert refused.status_code == 422
    assert "moved to Chengdu" in refused.content.decode()

    client.post(address, {"cause": "forced", "why": "moved to Chengdu"})
    alert.refresh_from_db()
    assert (alert.state, alert.cause, alert.interview["why"]) == ("lost", "forced", "moved to Chengdu")


def test_all_that_was_answered_about_a_loss_is_shown(client: Client, alert: Alert) -> None:
    answers = {"why": "dearer than elsewhere", "rival": "Other Mall", "recoverable": "no", "compared": "slower"}
    client.post(reverse("desk:alert_lost", args=[alert.pk]), {"cause": "poached", **answers})

    page = client.get(reverse("desk:alert", args=[alert.pk]))

    assert [answer for _question, answer in page.context["interview"]] == [
        "dearer than elsewhere",
        "no",
        "Other Mall",
        "slower",
    ]
    assert "Which rival do they buy from now?" in page.content.decode()


def test_who_decided_what_stands_on_the_alert_and_in_the_history(client: Client, alert: Alert) -> None:
    client.post(reverse("desk:alert_decide", args=[alert.pk]), {"decision": "watch"})
    client.post(reverse("desk:alert_decide", args=[alert.pk]), {"decision": "visit"})

    page = client.get(reverse("desk:alert", args=[alert.pk]))
    assert [(row.what, row.by) for row in page.context["decided"]] == [("Visit", "Chen Jing"), ("Watch", "Chen Jing")]
    assert "to be done by" in page.content.decode()
    history = client.get(reverse("desk:customer", args=[alert.customer_id]), {"history": "alerts"}).content.decode()
    assert history.index("Decided: Visit") < history.index("Decided: Watch")


def test_a_refused_comment_keeps_what_was_typed(client: Client, alert: Alert) -> None:
    refused = client.post(reverse("desk:alert_comment", args=[alert.pk]), {"text": "客服：" + "物" * 2000})

    assert refused.status_code == 422
    assert "客服：物物" in refused.content.decode()
    assert not alert.comments.exists()


def test_the_alert_says_its_evidence_in_a_sentence(client: Client, alert: Alert) -> None:
    page = client.get(reverse("desk:alert", args=[alert.pk])).content.decode()

    assert "Usually buys every 30 days and is back within 38 days 95 times in 100" in page


def test_the_list_asks_the_database_no_more_for_thirty_customers_than_for_one(
    client: Client,
    li_lei: Customer,
    make_customer: MakeCustomer,
    chen: User,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    address = reverse("desk:customers")
    client.get(address)
    with django_assert_num_queries(8, exact=False) as one:
        client.get(address)
    for number in range(30):
        make_customer(f"客户{number}", manager=chen)

    with django_assert_num_queries(len(one)):
        client.get(address)


@pytest.mark.parametrize("language", ["en", "zh-hans", "zh-hant"])
def test_every_page_of_a_manager_answers_in_each_language(client: Client, li_lei: Customer, language: str) -> None:
    nightly.run(today())
    for name in ("my_day", "customers", "find", "matrix", "alerts", "long_absent", "nights", "backtest", "rules"):
        answer = client.get(reverse(f"desk:{name}"), HTTP_ACCEPT_LANGUAGE=language)
        assert answer.status_code == 200, name


def test_closed_alerts_are_listed_with_how_they_ended_and_read_from_the_customer(client: Client, alert: Alert) -> None:
    answers = {"why": "dearer than elsewhere", "rival": "Other Mall"}
    client.post(reverse("desk:alert_lost", args=[alert.pk]), {"cause": "poached", **answers})

    def listed(**query: str) -> str:
        return client.get(reverse("desk:alerts"), query).content.decode()

    name, address = alert.customer.name, reverse("desk:alert", args=[alert.pk])
    assert name not in listed()
    assert (name in listed(state="closed"), "Poached by a rival" in listed(state="lost")) == (True, True)
    assert name not in listed(state="recovered")
    page = client.get(reverse("desk:customer", args=[alert.customer_id])).content.decode()
    assert ("dearer than elsewhere" in page, "Other Mall" in page, address in page) == (True, True, True)


def test_the_alert_of_a_long_absence_names_its_rule_and_the_days_of_today(client: Client, alert: Alert) -> None:
    last_on = today() - timedelta(days=120)
    evidence = {**alert.evidence, "limit_days": 158, "quiet_days": 114, "flat_days": 113}
    Alert.objects.filter(pk=alert.pk).update(kind="long_absence", last_on=last_on, evidence=evidence)

    page = client.get(reverse("desk:alert", args=[alert.pk])).content.decode()

    assert "120 days without a purchase, more than 113 (flat rule); the own limit of 158 days is not reached." in page
