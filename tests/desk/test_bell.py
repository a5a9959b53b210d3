"""The bell page: what needs somebody, in the reader's language, read by key and led to where it belongs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from complaints.cases import notices
from core.accounts.models import Role, User
from core.outbox import bell, delivery
from core.outbox.kinds import Kind, Topic
from core.outbox.models import Message, NoticeChoice
from crm.flows.record import merging
from tests.conftest import MakeCustomer, MakeUser

AT = datetime(2026, 11, 17, 2, tzinfo=UTC)


@pytest.fixture
def chen(make_user: MakeUser, client: Client) -> User:
    chen = make_user(name="Chen")
    client.force_login(chen)
    return chen


def tell(
    user: User, kind: Kind = notices.TAKEN, *, thread: str = "case:1", link: str = "/alerts/", **more: Any
) -> Message:
    told = {"number": "C-1", "name": "Zhao", "cause": "纸箱", "count": 2} | more
    delivery.tell([user.pk], kind, told, key=f"{kind.name}:{thread}", thread=thread, at=timezone.now(), link=link)
    return Message.objects.get(dedupe_key=f"{kind.name}:{thread}:{user.pk}")


def page(client: Client, name: str = "bell", **headers: Any) -> str:
    return client.get(reverse(f"desk:{name}"), **headers).content.decode()


def test_an_empty_bell_says_where_the_news_is(client: Client, chen: User) -> None:
    assert "Nothing needs you" in page(client)


def test_what_was_written_in_chinese_is_read_in_english_and_the_other_way_round(client: Client, chen: User) -> None:
    tell(chen)

    assert "Case C-1 is with Zhao now" in page(client)
    assert "Case C-1 is with Zhao now" not in page(client, headers={"accept-language": "zh-hans"})


def test_the_frame_of_every_page_shows_the_number(client: Client, chen: User) -> None:
    tell(chen)
    tell(chen, thread="case:2")

    counted = page(client, "alerts").split('id="bell-count"')[1].split("</span>")[0]
    assert counted.strip().endswith("2")
    assert '<span id="bell-count" hx-swap-oob="innerHTML">2</span>' in page(client, "bell_count")


def test_to_open_is_to_read_and_to_read_can_be_taken_back(client: Client, chen: User) -> None:
    message = tell(chen)

    answer = client.get(reverse("desk:bell_open", args=[message.pk]))
    assert (answer["Location"], bell.count(chen)) == ("/alerts/", 0)

    client.post(reverse("desk:bell_unread", args=[message.pk]))
    assert bell.count(chen) == 1
    client.post(reverse("desk:bell_read_all"))
    assert bell.count(chen) == 0
    assert "Case C-1 is with Zhao now" in page(client)  # under Earlier


def test_what_somebody_waits_for_goes_on_ringing_when_all_is_seen_to(client: Client, chen: User) -> None:
    tell(chen)
    Message.objects.filter(pk=tell(chen, thread="case:2").pk).update(topic=Topic.PROMISE)

    answer = client.post(reverse("desk:bell_read_all"), headers={"HX-Request": "true"})

    assert bell.count(chen) == 1
    assert "promises that still run" in answer.headers["HX-Trigger"]


def test_by_key_the_bell_comes_back_without_the_row(client: Client, chen: User) -> None:
    message = tell(chen)

    answer = client.post(reverse("desk:bell_read", args=[message.pk]), headers={"HX-Request": "true"})

    assert "Seen to" in answer.headers["HX-Trigger"]
    assert "Nothing needs you" in answer.content.decode()


def test_nobody_reads_or_settles_the_message_of_another(client: Client, chen: User, make_user: MakeUser) -> None:
    message = tell(make_user(name="Zhao"))

    for deed in ("bell_read", "bell_unread", "bell_mute"):
        assert client.post(reverse(f"desk:{deed}", args=[message.pk])).status_code == 404
    assert client.get(reverse("desk:bell_open", args=[message.pk])).status_code == 404
    assert Message.objects.get().read_at is None


def test_a_muted_topic_goes_to_the_digest_but_an_approval_keeps_ringing(client: Client, chen: User) -> None:
    case, approval = tell(chen), tell(chen, notices.REMEDY_WAITS, thread="remedy:1")

    client.post(reverse("desk:bell_mute", args=[case.pk]))
    client.post(reverse("desk:bell_mute", args=[approval.pk]))

    assert [choice.topic for choice in NoticeChoice.objects.all()] == [Topic.CASE]
    assert [thread.message for thread in bell.of(chen).threads] == [approval]
    assert "Case C-1 is with Zhao now" in page(client, "digest")


def test_a_customer_who_was_merged_leads_to_the_one_who_is_left(
    client: Client, chen: User, make_customer: MakeCustomer, make_user: MakeUser
) -> None:
    gone, left = make_customer("李雷", manager=chen), make_customer("李蕾", manager=chen)
    message = tell(chen, thread="points:1", link=f"/customers/{gone.pk}/points/")
    merging.merge(gone, left, by=make_user(Role.TEAM_LEAD), at=AT, reason="同一人")

    assert client.get(reverse("desk:bell_open", args=[message.pk]))["Location"] == f"/customers/{left.pk}/points/"


def test_what_rings_is_chosen_topic_by_topic(client: Client, chen: User) -> None:
    form = client.get(reverse("desk:bell_settings")).content.decode()
    levels = {topic.value: "news" for topic in Topic if topic != Topic.DIGEST}

    assert client.post(reverse("desk:bell_settings"), levels | {"case": "off", "mail": "on"}).status_code == 302
    assert client.post(reverse("desk:bell_settings"), levels | {"approval": "off"}).status_code == 422

    assert 'value="off"' not in form.split('name="approval"')[1].split("</select>")[0]
    assert bell.levels(chen)[Topic.CASE] == "off"
    assert NoticeChoice.objects.filter(user=chen, topic=Topic.DIGEST, level="mail").exists()


@pytest.mark.parametrize("role", [role for role in Role.values if role != Role.CLIENT])
def test_every_role_has_its_messages_shown(client: Client, make_user: MakeUser, role: str) -> None:
    somebody = make_user(role)
    client.force_login(somebody)
    tell(somebody)
    tell(somebody, notices.ACTION, thread="action:1")

    assert "Case C-1 is with Zhao now" in page(client)
    assert "纸箱" in page(client, "digest")


def test_a_customer_out_of_reach_is_no_dead_end(
    client: Client, make_user: MakeUser, make_customer: MakeCustomer
) -> None:
    agent, li_lei = make_user(Role.SERVICE_AGENT, "Liu"), make_customer("李雷")
    client.force_login(agent)
    message = tell(agent, thread="points:1", link=f"/customers/{li_lei.pk}/points/")

    answer = client.get(reverse("desk:bell_open", args=[message.pk]), follow=True)

    assert answer.redirect_chain == [(reverse("desk:bell"), 302)]
    assert "look them up by their number first" in answer.content.decode()
