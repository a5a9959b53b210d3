"""The doors to who is leaving: said from a record that was looked up, talked over, and looked back on."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from core.accounts.models import Delegation, Role, User
from crm.desk.today import now, today
from customers.models import Customer, Lookup, Todo
from segmentation import alerts
from segmentation.leaving import suspecting
from segmentation.models import Alert
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(Role.ACCOUNT_MANAGER, "陈静")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", manager=chen, registered_on=today() - timedelta(days=400))


def page(client: Client, name: str, *args: object, **data: object) -> str:
    return client.get(reverse(f"desk:{name}", args=args), data).content.decode()


def test_service_says_it_of_whom_they_looked_up_and_sees_the_alert_but_decides_nothing(
    client: Client, make_user: MakeUser, li_lei: Customer, chen: User
) -> None:
    agent = make_user(Role.SERVICE_AGENT, "刘芳")
    client.force_login(agent)
    address = reverse("desk:suspect", args=[li_lei.pk])
    assert client.get(address).status_code == 404
    Lookup.objects.create(user=agent, customer=li_lei, on=today())

    refused = client.post(address, {"sign": "price", "words": " "})
    assert (refused.status_code, "Write what you have heard" in refused.content.decode()) == (422, False)
    done = client.post(address, {"sign": "price", "words": "嫌贵"})

    alert = Alert.objects.get()
    assert done["Location"] == reverse("desk:alert", args=[alert.pk])
    shown = page(client, "alert", alert.pk)
    assert "嫌贵" in shown
    assert "Finds us too dear" in shown
    assert "Close as lost" not in shown
    assert "Suspected by a colleague" in page(client, "customer", li_lei.pk)
    client.post(reverse("desk:alert_comment", args=[alert.pk]), {"text": f"@{chen} 请回电"})
    assert alert.comments.count() == 2
    assert client.post(reverse("desk:alert_agree", args=[alert.pk]), {}).status_code == 403


@pytest.mark.parametrize("role", [Role.ASSISTANT, Role.SERVICE_LEAD])
def test_who_may_not_decide_sees_and_comments_and_is_offered_no_decision(
    client: Client, make_user: MakeUser, li_lei: Customer, chen: User, role: Role
) -> None:
    helper = make_user(role, "小周")
    Delegation.objects.create(manager=chen, assistant=helper, starts_on=today(), ends_on=today())
    alert = suspecting.suspect(li_lei, by=chen, words="嫌贵", sign="price", at=now()).alert
    client.force_login(helper)

    shown = page(client, "alert", alert.pk)

    assert "Discussion" in shown
    assert not any(words in shown for words in ("Close as lost", "What we do", "Agreed: make it"))
    assert client.post(reverse("desk:alert_lost", args=[alert.pk]), {"cause": "left"}).status_code == 403
    day = page(client, "my_day")
    assert ("李雷" in day, "Decide" in day) == (role == Role.ASSISTANT, False)


def test_what_is_agreed_on_the_page_stands_on_my_day(client: Client, li_lei: Customer, chen: User) -> None:
    client.force_login(chen)
    alert = suspecting.suspect(li_lei, by=chen, words="x", sign="price", at=now()).alert
    address = reverse("desk:alert_agree", args=[alert.pk])

    refused = client.post(address, {"words": "寄样品", "owner": chen.pk, "due_on": "2020-01-01"})
    assert (refused.status_code, "寄样品" in refused.content.decode()) == (422, True)
    client.post(address, {"words": "寄样品", "owner": chen.pk, "due_on": today().isoformat()})

    assert Todo.objects.filter(text__task="寄样品", owner=chen).exists()
    assert "Agreed: 寄样品" in page(client, "my_day")


def test_the_lost_are_counted_drawn_and_taken_away_alike(client: Client, li_lei: Customer, chen: User) -> None:
    client.force_login(chen)
    assert "Nobody is lost" in page(client, "lost")
    alert = suspecting.suspect(li_lei, by=chen, words="x", sign="price", at=now()).alert
    interview: alerts.Interview = {"why": "太贵", "rival": "甲店", "compared": "快", "chance": "no", "rival_service": 2}
    alerts.close_lost(alert.pk, by=chen, cause="poached", interview=interview, on=today(), at=now())

    answer = client.get(reverse("desk:lost"))
    for part in answer.context["parts"]:
        bars = [(n, url) for n, url in zip(part.chart["series"][0]["data"], part.chart["urls"], strict=True) if n]
        assert [client.get(url).context["count"] for _n, url in bars] == [n for n, _url in bars] == [1]
    told = client.get(reverse("desk:lost"), {"as": "csv"}).content.decode()
    assert all(words in told for words in ("李雷", "太贵", "甲店", "Much better than ours · 快", "陈静"))
    assert "None of the lost is like this" in page(client, "lost", cause="left")
    # Corrected on the page of the alert, and read in the history of the customer.
    client.post(reverse("desk:alert_interview", args=[alert.pk]), {"why": "太贵了", "rival": "甲店", "chance": "maybe"})
    assert "太贵了" in page(client, "customer", li_lei.pk)
