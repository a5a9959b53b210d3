"""What becomes of an answer that left: delivered, or come back and owed again; chats by hand; the question by letter."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from complaints import queries
from complaints.cases import lifecycle, mail, surveys
from complaints.models import Case, CaseMail, Clock, Metric, RootCause, Survey
from core.accounts.models import User
from core.outbox import gateway
from core.outbox.models import Message
from customers import contact_points
from customers.letters import delivery, policies, shop
from customers.models import Customer, Letter
from tests.complaints.conftest import HOUR, MINUTE, WEDNESDAY, LogCase
from tests.mail_server import Mailbox, mailbox

pytestmark = pytest.mark.django_db
State = CaseMail.State
THURSDAY = WEDNESDAY + timedelta(days=1)


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox(settings) as box:
        yield box


@pytest.fixture
def mailed(log_case: LogCase, li_lei: Customer, wang: User) -> Case:
    contact_points.add(li_lei, "email", "lilei@example.com")
    case = log_case(li_lei, channel="email", title="壶漏水", source="mail", source_ref="first@shop.example")
    lifecycle.claim(case.pk, by=wang, at=WEDNESDAY)
    return case


def answered(case: Case, by: User) -> CaseMail:
    lifecycle.reply(case.pk, by=by, at=WEDNESDAY + HOUR, body="马上换一个", channel="email")
    assert mail.deliver_due(now=lambda: WEDNESDAY + 2 * HOUR) == 1
    return CaseMail.objects.get()


def becomes(row: CaseMail, state: str, at: datetime, code: str = "") -> None:
    assert row.letter
    delivery.receipt(row.letter.pk, state=state, code=code, key=f"{state}{at}", at=at)
    mail.follow(at=at + MINUTE)
    row.refresh_from_db()


def live(case: Case) -> list[str]:
    return [clock.metric for clock in Clock.objects.filter(case=case, state="running").order_by("metric")]


def test_23_an_answer_that_came_back_is_owed_again_and_the_owner_is_told(
    mailed: Case, wang: User, box: Mailbox
) -> None:
    row = answered(mailed, wang)
    assert live(mailed) == [Metric.RESOLUTION]

    becomes(row, "bounced", THURSDAY, "smtp_550")

    assert (row.state, row.error, live(mailed)) == (
        State.BOUNCED,
        "smtp_550",
        [Metric.NEXT_RESPONSE, Metric.RESOLUTION],
    )
    clock = Clock.objects.get(case=mailed, metric=Metric.NEXT_RESPONSE)
    assert clock.started_at == THURSDAY
    mailed.refresh_from_db()
    assert (mailed.needs_a_look, list(queries.unsent())) == (True, [row])
    assert Message.objects.get(kind="mail_failed", settled_at=None).recipient == wang
    # Told twice it counts once; a colleague who sends it by hand has answered.
    becomes(row, "bounced", THURSDAY, "smtp_550")
    mail.sent_by_hand(row.pk, by=wang, at=THURSDAY + HOUR)
    assert live(mailed) == [Metric.RESOLUTION]


def test_23_one_that_arrived_owes_nothing(mailed: Case, wang: User, box: Mailbox) -> None:
    row = answered(mailed, wang)
    becomes(row, "delivered", THURSDAY)
    assert (row.state, live(mailed), list(queries.unsent())) == (State.DELIVERED, [Metric.RESOLUTION], [])
    assert not Message.objects.filter(kind="mail_failed").exists()


@pytest.mark.parametrize("channel", ["wechat", "shop"])
def test_an_answer_in_a_chat_counts_when_somebody_says_that_it_is_sent(
    channel: str, log_case: LogCase, li_lei: Customer, wang: User, box: Mailbox
) -> None:
    case = log_case(li_lei)
    lifecycle.reply(case.pk, by=wang, at=WEDNESDAY, body="马上换一个", channel=channel)
    row = CaseMail.objects.get()
    assert row.letter
    assert (row.state, row.letter.by_hand, row.letter.channel) == (State.BY_HAND, True, channel)
    assert (mail.deliver_due(now=lambda: WEDNESDAY), box.mails) == (0, [])
    assert Metric.FIRST_RESPONSE in live(case)

    # From the page of letters, not of the case: it counts for the case all the same.
    delivery.sent_by_hand(row.letter.pk, by=wang, at=WEDNESDAY + HOUR, open_cases=queries.who_complain)
    mail.follow(at=WEDNESDAY + 2 * HOUR)

    case.refresh_from_db()
    assert (case.first_response_at, Metric.FIRST_RESPONSE in live(case)) == (WEDNESDAY + HOUR, False)


@pytest.mark.parametrize("channel", ["wechat", "shop"])
def test_an_answer_that_was_passed_on_counts_once_it_is_said_to_have_arrived(
    channel: str, log_case: LogCase, li_lei: Customer, wang: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LETTER_SHOP_CHAT, settings.LETTER_GATEWAY_CHANNELS = True, ["wechat"]
    settings.LETTER_GATEWAY_URL, settings.LETTER_GATEWAY_SECRET = "https://wecom.example", "whsec_eA=="
    given: list[Any] = []
    monkeypatch.setattr(gateway, "hand_over", lambda messages, at: given.extend(messages))
    cases = [log_case(li_lei), log_case(li_lei)]
    for case in cases:
        lifecycle.reply(case.pk, by=wang, at=WEDNESDAY, body="马上换一个", channel=channel)
    for n in range(1, 3):  # of one customer, the shop is given one at a time
        moment = WEDNESDAY + n * MINUTE
        mail.deliver_due(now=lambda moment=moment: moment)
        if channel == "shop":
            shop.fetch(Letter.objects.all(), at=moment, open_cases=queries.who_complain)
    mail.follow(at=WEDNESDAY + 3 * MINUTE)
    assert [row["to"] for row in given] == ([li_lei.number] * 2 if channel == "wechat" else [])

    first, second = CaseMail.objects.order_by("pk")
    assert first.letter
    assert {row.letter.state for row in (first, second) if row.letter} == {"handed"}
    assert [row.state for row in (first, second)] == [State.WAITING] * 2
    assert Metric.FIRST_RESPONSE in live(cases[0])
    becomes(first, "delivered", WEDNESDAY + HOUR)
    cases[0].refresh_from_db()
    assert (cases[0].first_response_at, Metric.FIRST_RESPONSE in live(cases[0])) == (WEDNESDAY + HOUR, False)

    # Nobody ever says that the other arrived: its time over, it is perhaps sent, and the owner is told.
    mail.deliver_due(now=lambda: WEDNESDAY + timedelta(hours=73))
    second.refresh_from_db()
    assert (second.state, second.error, Metric.FIRST_RESPONSE in live(cases[1])) == ("failed", "no_receipt", True)
    assert Message.objects.filter(kind="mail_failed").exists()


@pytest.mark.parametrize("channel", ["phone", "visit", "web", "api"])
def test_what_was_said_on_the_phone_is_a_log_and_counts_at_once(
    channel: str, log_case: LogCase, li_lei: Customer, wang: User
) -> None:
    case = log_case(li_lei)
    lifecycle.reply(case.pk, by=wang, at=WEDNESDAY, body="马上换一个", channel=channel)
    assert not Letter.objects.exists()
    assert Metric.FIRST_RESPONSE not in live(case)


def test_the_question_after_a_case_leaves_as_a_letter_with_its_link(
    mailed: Case, wang: User, box: Mailbox, settings: Any
) -> None:
    told: dict[str, Any] = {
        "outcome": "fixed",
        "resolution": "换了",
        "root_cause": RootCause.objects.order_by("pk").first(),
    }
    lifecycle.reply(mailed.pk, by=wang, at=WEDNESDAY, body="好", channel="phone")
    lifecycle.resolve(mailed.pk, by=wang, at=WEDNESDAY + HOUR, reply="", **told)
    due = Survey.objects.get().send_at + MINUTE

    def ask() -> int:
        return surveys.ask_due(now=due, link=lambda secret: f"https://care.example/s/{secret}/")

    settings.PUBLIC_URL = ""
    assert ask() == 0
    settings.PUBLIC_URL = "https://care.example"
    assert (ask(), ask()) == (1, 0)
    assert mail.deliver_due(now=lambda: due) == 1

    survey, text = Survey.objects.get(), box.mails[0].get_content()
    secret = surveys.secret_of(survey)
    assert (survey.state, f"https://care.example/s/{secret}/" in text) == ("sent", True)
    # It came back: no answer is waited for.
    assert survey.letter
    delivery.receipt(survey.letter.pk, state="bounced", code="", key="b", at=due + HOUR)
    ask()
    survey.refresh_from_db()
    assert survey.state == "cancelled"


def test_a_shop_that_asks_itself_is_left_to_it(mailed: Case, wang: User, box: Mailbox, settings: Any) -> None:
    settings.PUBLIC_URL = "https://care.example"
    assert surveys.asks_by_letter()
    terms = {name: getattr(policies.last(), name) for name in policies.FIELDS}
    policies.decide(base=0, reason="the shop asks", by=wang, at=WEDNESDAY, asks_by_letter=False, **terms)
    assert not surveys.asks_by_letter()


def test_an_offer_waits_for_the_end_of_a_complaint(mailed: Case, li_lei: Customer) -> None:
    assert queries.who_complain([li_lei.pk, 0]) == {li_lei.pk}
    Case.objects.filter(pk=mailed.pk).update(status="withdrawn")
    assert queries.who_complain([li_lei.pk]) == set()
