"""The bell counts threads, stays quiet when somebody wants it so, and forgets what is settled."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from complaints.cases import notices as complaints
from core.accounts.models import User
from core.lib.errors import Invalid
from core.outbox import bell, delivery
from core.outbox.kinds import NEVER_OFF, Kind, Topic
from core.outbox.models import Message, NoticeChoice
from crm.flows import notices
from tests.conftest import MakeUser

AT = datetime(2026, 11, 17, 2, tzinfo=UTC)
CASE, NEWS = complaints.TAKEN, complaints.ACTION


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    return make_user(name="Chen")


def tell(
    user: User, kind: Kind = CASE, *, thread: str = "case:1", key: str = "", at: datetime = AT, **more: Any
) -> None:
    told = {"number": "C-1", "name": "Zhao", "cause": "x", "count": 2} | more
    delivery.tell([user.pk, None], kind, told, key=key or f"{kind.name}:{thread}:{at}", thread=thread, at=at, link="/")


def test_two_messages_about_one_thing_count_once_and_cost_one_query(chen: User) -> None:
    tell(chen, key="a")
    tell(chen, key="b")
    tell(chen, key="b")  # told twice
    tell(chen, thread="case:2")

    with CaptureQueriesContext(connection) as asked:
        assert bell.count(chen) == 2

    assert (len(asked), Message.objects.count()) == (1, 3)
    assert [(thread.message.thread, thread.unread) for thread in bell.of(chen).threads] == [
        ("case:2", 1),
        ("case:1", 2),
    ]


def test_news_does_not_ring(chen: User) -> None:
    tell(chen, NEWS, thread="action:1")

    assert (bell.count(chen), bell.news_count(chen)) == (0, 1)


def test_what_is_settled_elsewhere_is_gone_at_once_from_every_bell(chen: User, make_user: MakeUser) -> None:
    zhao = make_user(name="Zhao")
    tell(chen)
    tell(zhao)
    tell(zhao, complaints.BIG, priority=1)

    bell.settle("case:1", [CASE], at=AT, users=[chen.pk])
    assert (bell.count(chen), bell.count(zhao)) == (0, 1)

    bell.settle("case:1", [CASE], at=AT)
    assert [thread.message.kind for thread in bell.of(zhao).threads] == ["case_big"]


def test_after_twenty_on_one_day_the_rest_is_a_number(chen: User) -> None:
    for n in range(57):
        tell(chen, thread=f"case:{n}", at=AT + timedelta(seconds=n))
    tell(chen, thread="case:99", at=AT + timedelta(days=1))

    shown = bell.of(chen)

    assert (len(shown.threads), shown.rest, bell.count(chen)) == (21, 37, 58)
    assert shown.threads[0].message.thread == "case:99"
    assert len(bell.of(chen, everything=True).threads) == 58


def test_a_topic_rings_stays_for_the_digest_or_stays_away(chen: User) -> None:
    tell(chen)
    tell(chen, NEWS, thread="action:1")

    bell.choose(chen, Topic.CASE, "news")
    bell.choose(chen, Topic.IMPROVEMENT, "ring")
    assert [thread.message.topic for thread in bell.of(chen).threads] == ["improvement"]
    assert [thread.message.topic for thread in bell.news_since(chen, AT)] == ["case"]

    bell.choose(chen, Topic.CASE, "off")
    assert bell.news_since(chen, AT) == []
    assert Message.objects.count() == 2  # kept, and shown under Earlier once read


@pytest.mark.parametrize("topic", sorted(NEVER_OFF))
def test_approvals_and_promises_cannot_be_switched_off(chen: User, topic: str) -> None:
    with pytest.raises(Invalid, match="cannot be switched off"):
        bell.choose(chen, topic, "off")
    with pytest.raises(IntegrityError), transaction.atomic():
        NoticeChoice.objects.create(user=chen, topic=topic, level="off")


@pytest.mark.parametrize(
    ("topic", "level"), [("case", "loud"), ("weather", "ring"), ("case", "mail"), ("digest", "off")]
)
def test_what_is_no_choice_is_refused(chen: User, topic: str, level: str) -> None:
    with pytest.raises(Invalid):
        bell.choose(chen, topic, level)


def test_a_message_is_read_in_the_language_of_its_reader(chen: User) -> None:
    with translation.override("zh-hans"):
        tell(chen)
    message = Message.objects.get()

    assert notices.text_of(message) == "Case C-1 is with Zhao now"
    with translation.override("zh-hans"):
        assert notices.text_of(message) == message.subject != "Case C-1 is with Zhao now"


def test_a_message_of_a_kind_that_is_gone_reads_as_it_was_written(chen: User) -> None:
    tell(chen)
    Message.objects.update(kind="of_old")

    assert notices.text_of(Message.objects.get()) == "Case C-1 is with Zhao now"


def test_every_kind_has_its_parameters_in_each_language() -> None:
    params = {
        "number": "C-1",
        "priority": 1,
        "name": "x",
        "queue": "x",
        "department": "x",
        "percent": 80,
        "score": 1,
        "promise": "first_response",
        "cause": "x",
        "by": "x",
        "count": 2,
        "day": "2026-11-17",
        "first": "2026-11-17",
        "last": "2026-11-18",
        "year": 2027,
        "calendar": "x",
        "reason": "x",
        "removed": 1,
        "restored": 0,
        "kept": 0,
        "points": -5,
        "limit": "5.00",
        "law": "x",
        "file": "x",
        "rows": 1,
        "rejected": 0,
        "created": 1,
        "updated": 0,
        "host": "x",
        "what": "night_late",
        "due": "2026-11-17 12:00",
        "state": "confirmed",
        "sign": "rival",
        "end": "lost",
        "kind": "label",
        "changed": 2,
        "total": 3,
        "undone": 2,
    }
    for language in ("en", "zh-hans", "zh-hant"):
        with translation.override(language):
            assert all(kind.render(params) for kind in notices.ALL.values())
