"""The digest comes on workdays at half past eight, once, and never empty; by e-mail for who wants it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import translation
from django.utils.translation import gettext, ngettext

from complaints.cases import notices
from complaints.models import BusinessCalendar, Department, Queue, QueueMember
from complaints.setup import defaults
from core.accounts.models import User
from core.outbox import bell, delivery
from core.outbox.models import Message
from crm.flows import digest
from customers import todo
from customers.models import Todo
from tests.conftest import MakeCustomer, MakeUser
from tests.mail_server import Mailbox, mailbox

# A Tuesday, 08:30 in Shanghai.
MORNING = datetime(2026, 11, 17, 0, 30, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox(settings) as box:
        yield box


@pytest.fixture
def chen(make_user: MakeUser) -> User:
    chen = make_user(name="Chen", email="chen@mall.example")
    news(chen)
    return chen


def news(user: User) -> None:
    told = {"number": "C-1", "name": "Zhao"}
    delivery.tell([user.pk], notices.TAKEN, told, key="n", thread="case:1", at=MORNING - DAY, link="/")


def send(at: datetime) -> int:
    return digest.send_due(now=lambda: at)


def test_it_comes_once_a_workday_in_the_morning(chen: User) -> None:
    assert [send(MORNING - MINUTE), send(MORNING), send(MORNING + MINUTE)] == [0, 1, 0]

    told = Message.objects.get(kind="digest")
    assert (told.recipient, told.dedupe_key, told.needs) == (chen, f"digest:{chen.pk}:2026-11-17:{chen.pk}", False)
    assert [send(MORNING + DAY), send(MORNING + 4 * DAY)] == [1, 0]  # Wednesday, Saturday


def test_nobody_has_an_empty_one(make_user: MakeUser) -> None:
    make_user(name="Zhao")

    assert send(MORNING) == 0


def test_a_worker_that_comes_back_in_the_afternoon_sends_none(chen: User) -> None:
    assert send(MORNING + timedelta(hours=5)) == 0


def test_the_calendar_is_that_of_the_department_one_works_in(chen: User) -> None:
    defaults.install(at=MORNING - 9 * DAY)
    berlin = BusinessCalendar.objects.create(code="de", name="Berlin", zone="Europe/Berlin")
    there = Department.objects.create(code="de", name="Berlin", calendar=berlin)
    queue = Queue.objects.create(code="de", name="Berlin", department=there)
    QueueMember.objects.create(queue=queue, user=chen)

    assert [send(MORNING), send(MORNING + timedelta(hours=7))] == [0, 1]


def test_it_tells_of_promises_what_comes_first_and_what_needs_somebody(chen: User, make_customer: MakeCustomer) -> None:
    person = make_customer("李雷", manager=chen)
    yesterday = date(2026, 11, 16)
    for key in ("kept", "late"):
        promise = {"reason": Todo.Reason.PROMISE, "text": {"promise": key}, "due_on": yesterday}
        task = todo.open_task(person, at=MORNING - 3 * DAY, dedupe_key=key, **promise)
        if key == "kept":
            todo.complete(task.pk, by=chen, at=MORNING - DAY)

    told = digest.of(chen, date(2026, 11, 17), at=MORNING)

    assert (told.kept, told.late, told.to_do, told.rings) == (1, 1, 1, 1)
    assert [item.customer for item in told.first] == [person]
    assert digest.lines(told)[0] == "Yesterday 1 promise was late."
    assert not any("李雷" in line for line in digest.lines(told))


@pytest.mark.django_db(transaction=True)
def test_who_wants_it_by_e_mail_has_it_by_a_real_server(chen: User, box: Mailbox) -> None:
    bell.choose(chen, "digest", "mail")
    send(MORNING)

    assert delivery.deliver_due(now=lambda: MORNING) == 1

    [letter] = box.mails
    assert (box.recipients, letter["Subject"]) == (["chen@mall.example"], "The digest of 2026-11-17")
    assert "1 message needs you." in letter.get_content()
    bell.no_mail(chen)
    assert (send(MORNING + DAY), delivery.deliver_due(now=lambda: MORNING + DAY)) == (1, 0)


@pytest.mark.parametrize(
    ("language", "subject"),
    [("en", "The digest of 2026-11-17"), ("zh-hans", "2026-11-17 的摘要"), ("zh-hant", "2026-11-17 的摘要")],
)
def test_it_is_mailed_in_the_language_of_its_reader_whoever_wrote(chen: User, language: str, subject: str) -> None:
    User.objects.update(language=language)
    bell.choose(chen, "digest", "mail")
    with translation.override("zh-hans" if language == "en" else "en"):
        send(MORNING)

    mail = Message.objects.get(channel="email")
    with translation.override(language):
        rings = ngettext("%(n)d message needs you.", "%(n)d messages need you.", 1) % {"n": 1}
        rest = gettext("All of it is on the digest page of Laoke.")
    assert (mail.subject, mail.body.splitlines()) == (subject, [rings, rest])
