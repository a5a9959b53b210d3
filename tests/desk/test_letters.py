"""The pages of letters: what goes out, the stop, what a customer agreed to, and how often."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.accounts.models import Role, User
from core.lib.errors import DomainError
from core.lib.periods import mall_day
from core.outbox import switches
from core.outbox.models import ChannelSwitch
from crm.desk.letters.law import LAW
from crm.desk.work.forms import TalkForm
from customers import contact_points, todo
from customers.letters import consent, delivery, policies, writing
from customers.letters.writing import Words
from customers.models import Consent, ConsentWording, Customer, Letter, LetterEvent, ReachLimit, Todo
from customers.record import stops
from tests.conftest import MakeCustomer, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(name="Chen")


@pytest.fixture
def li_lei(make_customer: MakeCustomer, chen: User) -> Customer:
    return make_customer("李雷", email="lilei@example.com", external_id="c-1", manager=chen)


def page(client: Client, name: str, *args: Any, query: str = "") -> str:
    answer = client.get(reverse(f"desk:{name}", args=args) + query)
    assert answer.status_code == 200, answer
    return " ".join(answer.content.decode().split())


def by_hand(customer: Customer, channel: str = "wechat", **more: Any) -> Letter:
    told: dict[str, Any] = {"purpose": "service", "occasion": "story", "period": "1", "at": timezone.now()} | more
    return writing.write(customer, Words("您好", "马上换一个", {}), channel=channel, **told)


def test_a_letter_by_hand_is_seen_copied_and_said_to_be_sent(client: Client, chen: User, li_lei: Customer) -> None:
    row = by_hand(li_lei)
    client.force_login(chen)

    # It was written on another day, and waits still.
    Letter.objects.filter(pk=row.pk).update(written_at=timezone.now() - timedelta(days=9))
    assert "1 letter waits for a colleague" in page(client, "my_day")
    assert "李雷" in page(client, "letters_by_hand")
    Letter.objects.filter(pk=row.pk).update(written_at=timezone.now())
    listed = page(client, "outgoing")
    assert "李雷" in listed
    assert "Wait for a colleague to send them" in listed
    assert "for a colleague to send it" in listed
    assert "马上换一个" in page(client, "letter", row.pk)
    consent.set_limits(li_lei, at=timezone.now(), restricted="asked for it")
    assert "Do not send this now: the customer" in page(client, "letter", row.pk)
    consent.set_limits(li_lei, at=timezone.now(), restricted="")
    client.post(reverse("desk:letter_sent", args=[row.pk]))

    row.refresh_from_db()
    assert row.state == "handed"
    assert "I have sent it" not in page(client, "letter", row.pk)
    assert "No letter" in page(client, "outgoing", query=f"?day={timezone.now() - timedelta(days=3):%Y-%m-%d}")
    assert "No letter" in page(client, "outgoing", query="?show=lost&day=2026-99-99")


def test_a_letter_by_hand_is_somebodys_work_until_it_is_sent_or_not_to_be_sent(
    client: Client, chen: User, make_user: MakeUser, li_lei: Customer
) -> None:
    agent, lead = make_user(Role.SERVICE_AGENT, "刘芳"), make_user(Role.TEAM_LEAD, "组长")
    program = make_user(Role.CLIENT, "shop")
    now = timezone.now()
    answer = by_hand(li_lei, occasion="case:57", by=agent)
    greeting = by_hand(li_lei, purpose="care", period="2", by=program)
    late = by_hand(li_lei, period="3")

    def work(row: Letter) -> tuple[User | None, str]:
        task = Todo.objects.get(dedupe_key=f"letter:{row.pk}")
        return task.owner, task.state

    assert [work(row) for row in (answer, greeting, late)] == [(agent, "open"), (None, "open"), (None, "open")]
    assert by_hand(li_lei, period="3") == late
    # It stands on the day of who wrote it, who opens it though they have found the customer on another day.
    client.force_login(agent)
    shown = page(client, "my_day")
    assert "Send by hand (WeChat): Answer in case C-57" in shown
    assert reverse("desk:letter", args=[answer.pk]) in shown
    assert client.get(reverse("desk:letter", args=[greeting.pk])).status_code == 404
    task = Todo.objects.get(owner=agent)
    with pytest.raises(DomainError, match="Open the letter"):
        todo.complete(task.pk, by=agent, at=now)
    assert "closes" not in TalkForm(task=task).fields
    client.post(reverse("desk:letter_sent", args=[answer.pk]))
    client.post(reverse("desk:letter_sent", args=[answer.pk]))  # pressed twice
    assert (work(answer), LetterEvent.objects.filter(kind="by_hand").count()) == ((agent, "done"), 1)
    with pytest.raises(DomainError, match="stands"):
        todo.reopen(task.pk, by=agent, at=now)

    unwanted = by_hand(li_lei, "phone", purpose="care", period="4")
    no = {("phone", "care"): "withdrawn"}
    consent.record(li_lei, no, source="staff", said_at=now, at=now, evidence={"where": "on the phone"})
    assert work(unwanted)[1] == "dropped"
    # The other ends: nobody is to reach them, it is too late.
    client.force_login(chen)
    assert "Send by hand (WeChat): Greetings" in page(client, "my_day")
    stop = stops.say(li_lei, "no_contact", since=mall_day(now), said_by="", note="", by=lead, at=now)
    greeting.refresh_from_db()
    assert (work(greeting)[1], greeting.state, greeting.reason) == ("dropped", "withdrawn", "not_reached")
    assert (work(late)[1], stop.dropped) == ("open", [])
    delivery.deliver_due(now=lambda: now + timedelta(days=31), open_cases=lambda ids: set())
    assert work(late)[1] == "dropped"


def test_a_number_is_shown_only_while_the_letter_may_go(client: Client, chen: User, li_lei: Customer) -> None:
    contact_points.add(li_lei, "phone", "13800138000")
    contact_points.add(li_lei, "phone", "13900139000")
    li_lei.contact_points.filter(mask__startswith="139").update(retired="old", retired_at=timezone.now())
    row, greeting = by_hand(li_lei, "phone"), by_hand(li_lei, "phone", purpose="care", period="2")
    client.force_login(chen)
    address = reverse("desk:letter_address", args=[row.pk])

    sheet = page(client, "letters_by_hand")
    assert ("马上换一个" in sheet, "138****8000" in sheet, "13800138000" in sheet) == (True, True, False)
    shown = client.post(address).content.decode()
    assert "13800138000" in shown
    assert "13900139000" not in shown
    # They say no while the page is open: no number, and since when.
    consent.withdraw_everything(li_lei, source="page", at=timezone.now(), evidence={"where": "page"})
    refused = client.post(reverse("desk:letter_address", args=[greeting.pk]), follow=True).content.decode()
    assert ("This letter is: Withdrawn, since" in refused, "13800138000" in refused) == (True, False)
    consent.set_limits(li_lei, at=timezone.now(), restricted="asked for it")
    assert "Do not send this now" in client.post(address, follow=True).content.decode()


def test_who_does_not_look_after_the_customer_sees_no_letter_of_theirs(
    client: Client, make_user: MakeUser, li_lei: Customer
) -> None:
    row = by_hand(li_lei)
    for role in (Role.ACCOUNT_MANAGER, Role.ANALYST, Role.ADMINISTRATOR, Role.PRIVACY_OFFICER):
        client.force_login(make_user(role))
        assert "李雷" not in page(client, "outgoing")
        assert client.get(reverse("desk:letter", args=[row.pk])).status_code == 404
        assert client.post(reverse("desk:letter_sent", args=[row.pk])).status_code == 404


def test_a_stop_takes_one_press_and_its_reason_comes_after(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ANALYST))
    client.post(reverse("desk:letters_stop", args=["email", "*"]))
    assert switches.closed().covers("email", "marketing")
    assert "Stopped: E-mail" in page(client, "outgoing")

    row = ChannelSwitch.objects.get()
    refused = client.post(reverse("desk:letters_go_on", args=["email", "*"]), {"reason": " "})
    assert refused.status_code == 422
    client.post(reverse("desk:letters_explain", args=[row.pk]), {"reason": "wrong prices"})
    assert "wrong prices" in page(client, "outgoing")
    client.post(reverse("desk:letters_go_on", args=["email", "*"]), {"reason": "mended"})
    assert switches.closed().rows == ()
    assert client.post(reverse("desk:letters_stop", args=["fax", "*"])).status_code == 404


def test_what_a_customer_says_is_put_down_with_how_it_is_known(client: Client, chen: User, li_lei: Customer) -> None:
    client.force_login(chen)
    address = reverse("desk:consent_record", args=[li_lei.pk])
    yes = {"state": "granted", "channel": "email", "purpose": "marketing", "where": ""}

    refused = client.post(address, yes)
    assert refused.status_code == 422
    assert "Say how you know" in refused.content.decode()
    assert client.post(address, yes | {"where": "am Telefon", "said_on": "2999-01-01"}).status_code == 422
    assert client.post(address, yes | {"where": "on the phone"}).status_code == 302
    shown = page(client, "customer_letters", li_lei.pk)
    assert "Agreed: Offers" in shown
    assert "on the phone" in shown

    waits = by_hand(li_lei, "email", purpose="marketing")
    client.post(reverse("desk:consent_withdraw", args=[li_lei.pk]))
    waits.refresh_from_db()
    assert waits.state == "withdrawn"
    assert set(Consent.objects.values_list("state", flat=True)) == {"withdrawn"}
    opened = {"initial-no_profiling": "False", "initial-restricted": "", "restricted": "asked for it"}
    consent.set_limits(li_lei, at=timezone.now(), no_profiling=True)
    client.post(reverse("desk:consent_limits", args=[li_lei.pk]), opened)
    assert "The data rests since" in page(client, "customer_letters", li_lei.pk)
    # What the customer said themselves while a colleague had the form open is still so.
    assert ReachLimit.objects.get(customer=li_lei).no_profiling_at is not None


def test_hours_and_caps_are_tried_out_and_saved_with_a_reason(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ADMINISTRATOR))
    terms = {name: getattr(policies.last(), name) for name in policies.FIELDS} | {"base": 0, "a_day": 2}
    tried = client.post(reverse("desk:letter_policy_try"), terms)
    assert "Nothing is saved yet" in tried.content.decode()
    assert client.post(reverse("desk:letter_policy_save"), terms).status_code == 422
    client.post(reverse("desk:letter_policy_save"), terms | {"reason": "more", "asks_by_letter": "on"})
    assert (policies.last().version, policies.in_force().a_day) == (1, 2)
    shown = page(client, "letter_policy")
    assert "A lawyer of the mall has to confirm it" in shown
    assert [rule.source for rule in LAW if rule.source not in shown] == []

    words = {"code": "till", "language": "zh-hans", "channel": "email", "purpose": "marketing", "text": "可以吗?"}
    for _turn in range(2):
        client.post(reverse("desk:letter_wording"), words)
    assert [row.n for row in ConsentWording.objects.order_by("n")] == [1, 2]
    assert list(consent.wordings().values_list("n", flat=True)) == [2]
