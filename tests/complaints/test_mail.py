"""An answer by e-mail counts once it has left: in the customer's thread, again after a failure, or by hand."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from complaints import queries
from complaints.cases import lifecycle, mail
from complaints.models import Case, CaseMail, CaseMessage, Clock, Metric, RootCause
from core.accounts.models import User
from core.lib import retry
from core.lib.errors import DomainError
from core.outbox.models import Message
from customers import contact_points
from customers.models import Customer, Letter
from tests.complaints.conftest import HOUR, MINUTE, WEDNESDAY, LogCase
from tests.mail_server import Mailbox, mailbox

State = CaseMail.State


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox(settings) as box:
        yield box


@pytest.fixture
def mailed(log_case: LogCase, li_lei: Customer, wang: User) -> Case:
    """Li Lei has written a mail, and Wang has the case."""
    contact_points.add(li_lei, "email", "other@example.com")
    contact_points.add(li_lei, "email", "lilei@example.com")
    contact_points.add(li_lei, "email", "third@example.com")
    case = log_case(li_lei, channel="email", title="壶漏水", source="mail", source_ref="first@shop.example")
    mail.came_from(case, "LiLei@Example.com")
    lifecycle.claim(case.pk, by=wang, at=WEDNESDAY)
    return case


def answer(case: Case, by: User, body: str = "马上换一个", at: datetime = WEDNESDAY + HOUR, **more: Any) -> CaseMail:
    lifecycle.reply(case.pk, by=by, at=at, body=body, channel="email", **more)
    return CaseMail.objects.order_by("-pk")[0]


def promise(case: Case) -> str:
    return str(Clock.objects.get(case=case, metric=Metric.FIRST_RESPONSE).state)


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


@pytest.mark.django_db(transaction=True)
def test_an_answer_leaves_in_the_thread_of_the_customer_and_counts_from_then_on(
    mailed: Case, wang: User, box: Mailbox
) -> None:
    said = answer(mailed, wang)
    before = promise(mailed)

    sent = mail.deliver_due(now=at(WEDNESDAY + 2 * HOUR))

    [letter] = box.mails
    assert (sent, box.recipients) == (1, ["lilei@example.com"])
    assert letter["In-Reply-To"] == letter["References"] == "<first@shop.example>"
    assert (letter["Message-ID"].strip(), letter["Subject"]) == (said.own_id, f"Re: 壶漏水 ({mailed.number})")
    assert letter.get_content().strip() == "马上换一个"
    mailed.refresh_from_db()
    assert (before, promise(mailed), mailed.first_response_at) == ("running", "met", WEDNESDAY + 2 * HOUR)


@pytest.mark.django_db(transaction=True)
def test_the_next_answer_follows_the_thread_to_its_end(mailed: Case, wang: User, box: Mailbox) -> None:
    first = answer(mailed, wang)
    mail.deliver_due(now=at(WEDNESDAY + HOUR))
    lifecycle.customer_replied(
        mailed.pk, at=WEDNESDAY + 2 * HOUR, body="谢谢", channel="email", external_ref="mail:<second@shop.example>"
    )

    answer(mailed, wang, "不客气", WEDNESDAY + 3 * HOUR)
    mail.deliver_due(now=at(WEDNESDAY + 3 * HOUR))

    letter = box.mails[1]
    assert letter["In-Reply-To"] == "<second@shop.example>"
    assert letter["References"].split() == ["<first@shop.example>", first.own_id, "<second@shop.example>"]


@pytest.mark.django_db(transaction=True)
def test_a_server_that_refuses_is_asked_again_and_at_last_somebody_has_it_on_their_page(
    mailed: Case, wang: User, box: Mailbox
) -> None:
    box.refuses = True
    said = answer(mailed, wang)
    moment = WEDNESDAY + HOUR
    for pause in (*retry.MAIL, timedelta()):
        assert mail.deliver_due(now=at(moment)) == 0
        moment += pause
    said.refresh_from_db()

    assert said.letter
    assert (said.state, said.letter.attempts, promise(mailed)) == (State.FAILED, len(retry.MAIL) + 1, "running")
    assert Message.objects.get(kind="mail_failed").recipient == wang
    assert list(queries.unsent()) == [said]

    box.refuses = False
    mail.try_again(said.pk, by=wang, at=moment)
    assert mail.deliver_due(now=at(moment)) == 1
    assert (Message.objects.get(kind="mail_failed").settled_at, promise(mailed)) == (moment, "met")


@pytest.mark.django_db(transaction=True)
def test_twice_at_once_a_mail_leaves_once(mailed: Case, wang: User, box: Mailbox) -> None:
    said = answer(mailed, wang)
    held = WEDNESDAY + HOUR
    Letter.objects.filter(own_id=said.own_id).update(state="handing", claimed_until=held + MINUTE)

    assert (mail.deliver_due(now=at(held)), box.mails) == (0, [])
    # Its holder has died: it goes out under the same name.
    assert mail.deliver_due(now=at(held + 2 * MINUTE)) == 1
    assert box.mails[0]["Message-ID"].strip() == said.own_id


def test_without_a_mail_server_the_clock_goes_on_until_somebody_says_that_it_is_sent(
    mailed: Case, wang: User, sun: User
) -> None:
    said = answer(mailed, wang)

    assert (said.state, promise(mailed), list(queries.unsent())) == (State.BY_HAND, "running", [said])
    with pytest.raises(DomainError, match="Sent"):
        lifecycle.wait_for_customer(mailed.pk, reason="answer", by=wang, at=WEDNESDAY + HOUR)

    mail.sent_by_hand(said.pk, by=sun, at=WEDNESDAY + 2 * HOUR)

    mailed.refresh_from_db()
    assert (promise(mailed), mailed.first_response_at) == ("met", WEDNESDAY + 2 * HOUR)
    assert CaseMessage.objects.get(pk=said.message_id).sent_at == WEDNESDAY + 2 * HOUR
    with pytest.raises(DomainError, match="Sent"):
        mail.sent_by_hand(said.pk, by=sun, at=WEDNESDAY + 3 * HOUR)
    CaseMail.objects.filter(pk=said.pk).update(state=State.FAILED, sent_at=None)
    with pytest.raises(DomainError, match="No mail server"):
        mail.try_again(said.pk, by=sun, at=WEDNESDAY + 3 * HOUR)


def test_a_case_solved_by_e_mail_keeps_its_promise_open_until_it_has_left(mailed: Case, wang: User) -> None:
    late = WEDNESDAY + 100 * HOUR
    case = lifecycle.resolve(
        mailed.pk,
        by=wang,
        at=WEDNESDAY + HOUR,
        outcome="fixed",
        resolution="换了",
        root_cause=RootCause.objects.order_by("pk").first(),
        reply="已经换了",
        channel="email",
    )
    said = CaseMail.objects.get()

    assert (case.status, promise(mailed)) == ("resolved", "running")
    mail.sent_by_hand(said.pk, by=wang, at=late)
    assert promise(mailed) == "missed"


@pytest.mark.django_db(transaction=True)
def test_words_removed_before_they_were_sent_stay_here(mailed: Case, lead: User, wang: User, box: Mailbox) -> None:
    said = answer(mailed, wang, "卡号 6222")

    lifecycle.redact(mailed.pk, said.message_id, by=lead, at=WEDNESDAY + HOUR, reason="卡号")

    said.refresh_from_db()
    assert (mail.deliver_due(now=at(WEDNESDAY + 2 * HOUR)), box.mails, said.state) == (0, [], State.DROPPED)


def test_a_customer_without_address_is_answered_by_hand(
    log_case: LogCase, li_lei: Customer, wang: User, box: Mailbox
) -> None:
    said = answer(log_case(li_lei), wang)

    assert said.state == State.BY_HAND
    with pytest.raises(DomainError, match="no e-mail address"):
        mail.try_again(said.pk, by=wang, at=WEDNESDAY + HOUR)


@pytest.mark.parametrize(
    ("ref", "named"),
    [
        ("a@b.example", "<a@b.example>"),
        ("<a@b.example>", "<a@b.example>"),
        ("a@b.example\r\nBcc: x@y.example", ""),
        ("4711", ""),
        ("", ""),
    ],
)
def test_only_what_looks_like_a_message_id_is_named_in_the_headers(
    log_case: LogCase, li_lei: Customer, wang: User, ref: str, named: str
) -> None:
    case = log_case(li_lei, channel="email", source="mail" if ref else "", source_ref=ref)

    assert answer(case, wang).in_reply_to == named
