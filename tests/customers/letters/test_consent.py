"""Consent: the later word holds, a no takes back what waits, and every word stays readable with its proof."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from core.accounts.models import User
from core.lib.errors import DomainError, Invalid
from customers import contact_points
from customers.letters import choices, consent, policies, replies
from customers.letters.gate import Policy
from customers.models import Consent, ConsentEntry, Customer, Letter, ReachLimit, SendPolicy
from customers.privacy import requests
from tests.conftest import MakeCustomer
from tests.customers.letters import NOON
from tests.customers.letters.conftest import agree, letter

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OFFERS = ("email", "marketing")


def state(customer: Customer, kind: tuple[str, str] = OFFERS) -> str:
    row = consent.states(customer).get(kind)
    return row.state if row else ""


def test_the_later_word_holds_and_of_two_at_once_the_no(li_lei: Customer) -> None:
    agree(li_lei, when=NOON)
    agree(li_lei, when=NOON - DAY, state="withdrawn")
    assert state(li_lei) == "granted"
    agree(li_lei, when=NOON, state="refused")
    assert state(li_lei) == "refused"
    agree(li_lei, when=NOON)
    assert state(li_lei) == "refused"
    agree(li_lei, when=NOON + HOUR)
    assert state(li_lei) == "granted"
    assert consent.history(li_lei).count() == 5


def test_said_again_adds_nothing_and_a_yes_needs_its_proof(li_lei: Customer, mina: User) -> None:
    agree(li_lei)
    again = consent.record(li_lei, {OFFERS: "granted"}, source="rest", said_at=NOON, at=NOON, evidence={"where": "x"})
    assert (again.entries, ConsentEntry.objects.count()) == ([], 1)
    with pytest.raises(Invalid, match="how you know"):
        consent.record(li_lei, {("sms", "care"): "granted"}, source="staff", said_at=NOON, at=NOON, by=mina)
    with pytest.raises(Invalid, match="time to come"):
        consent.record(li_lei, {OFFERS: "withdrawn"}, source="staff", said_at=NOON + HOUR, at=NOON)
    with pytest.raises(Invalid, match="asked for consent"):
        consent.record(li_lei, {("email", "service"): "withdrawn"}, source="staff", said_at=NOON, at=NOON)
    words = consent.word(
        code="till", language="zh-hans", channel="email", purpose="care", text="要祝福吗?", by=mina, at=NOON
    )
    told = {("email", "care"): "granted"}
    assert consent.record(li_lei, told, source="shop", said_at=NOON, at=NOON, wording=words).entries


def test_the_book_is_never_rewritten(li_lei: Customer) -> None:
    agree(li_lei)
    for change in (ConsentEntry.objects.all().delete, lambda: ConsentEntry.objects.update(state="refused")):
        with pytest.raises(Exception, match="Cannot"), transaction.atomic():
            change()


def test_who_was_merged_keeps_the_later_word_and_taken_apart_a_no_is_both_s(
    li_lei: Customer, make_customer: MakeCustomer, mina: User
) -> None:
    double = make_customer("李雷雷", external_id="c-2")
    agree(li_lei, when=NOON, state="withdrawn")
    agree(double, OFFERS, ("sms", "care"), when=NOON + HOUR)
    waits = letter(double)
    consent.set_limits(double, at=NOON, no_profiling=True)

    consent.merge(double, li_lei, by=mina, at=NOON + 2 * HOUR)

    assert (state(li_lei), state(li_lei, ("sms", "care"))) == ("granted", "granted")
    assert ReachLimit.objects.get(customer=li_lei).no_profiling_at == NOON
    merged = ConsentEntry.objects.filter(customer=li_lei, source="merge", channel="email").get()
    assert (merged.evidence["of"], merged.evidence["was"]) == (double.number, "withdrawn")
    waits.refresh_from_db()
    assert waits.state == "waiting"

    agree(li_lei, ("sms", "marketing"), when=NOON + 3 * HOUR, state="withdrawn")
    consent.unmerge(double, li_lei, since=NOON + 2 * HOUR, by=mina, at=NOON + 4 * HOUR)
    assert (state(li_lei), state(li_lei, ("sms", "care"))) == ("withdrawn", "withdrawn")
    assert (state(double), state(double, ("sms", "marketing"))) == ("granted", "withdrawn")


def test_a_privacy_request_that_is_done_does_what_it_says(li_lei: Customer, mina: User) -> None:
    agree(li_lei, OFFERS, ("email", "care"))
    for kind in ("object", "restrict"):
        asked = requests.register(
            li_lei, kind=kind, asked_on=NOON.date(), due_on=None, note="", by=mina, at=NOON, today=NOON.date()
        )
        requests.end(asked.pk, done=True, outcome="agreed", by=mina, at=NOON + HOUR)
    assert (state(li_lei), state(li_lei, ("email", "care"))) == ("withdrawn", "granted")
    assert ReachLimit.objects.get(customer=li_lei).restricted_why == "agreed"


@pytest.mark.parametrize(
    ("text", "means_no"),
    [("TD", True), (" td. ", True), ("ＴＤ", True), ("退订", True), ("拒收！", True), ("Ｒ", True), ("T恤", False)],
    ids=str,
)
def test_20_a_reply_ends_it_for_everybody_of_the_number(
    text: str, means_no: bool, li_lei: Customer, make_customer: MakeCustomer, mina: User
) -> None:
    mother = make_customer("王芳", external_id="c-9")
    contact_points.add(mother, "phone", "13800138000")
    for customer in (li_lei, mother):
        agree(customer, ("sms", "marketing"))
    people = Customer.objects.all()

    def say() -> replies.Heard:
        return replies.heard("138 0013 8000", text, of=people, said_at=NOON + HOUR, at=NOON + HOUR, by=mina)

    heard = say()
    say()
    states = [state(customer, ("sms", "marketing")) for customer in (li_lei, mother)]
    assert (heard.stopped, states) == ((2, ["withdrawn"] * 2) if means_no else (0, ["granted"] * 2))
    assert ConsentEntry.objects.filter(source="sms_reply").count() == heard.stopped


def rows_in_all() -> int:
    tables = (ConsentEntry, Consent, Letter, ReachLimit)
    return sum(model.objects.count() for model in tables)


@pytest.mark.parametrize("many", [int(os.environ.get("LAOKE_TOKENS", "20"))], ids=["tokens"])
def test_18_one_click_ends_it_once_and_looking_writes_nothing(
    many: int, client: Any, make_customer: MakeCustomer, settings: Any
) -> None:
    """RFC 8058: POST without cookies; GET, HEAD and OPTIONS write no row; other purposes and people stay."""
    settings.PUBLIC_URL = "https://care.mall.example"
    people = [make_customer(f"客户{n}", external_id=f"n-{n}", email=f"n{n}@example.com") for n in range(many)]
    letters = []
    for customer in people:
        agree(customer, OFFERS, ("email", "care"))
        letters.append(letter(customer))
    before = rows_in_all()
    for n, row in enumerate(letters):
        address, whose = f"/c/{row.reply_token}", {"REMOTE_ADDR": f"198.51.100.{n % 250}"}
        answers = [client.get(address, **whose), client.head(address, **whose), client.options(address, **whose)]
        assert [answer.status_code for answer in answers] == [200, 200, 405]
        assert all("Set-Cookie" not in answer.headers for answer in answers)
    assert rows_in_all() == before

    post = {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"}
    half = letters[: many // 2]
    answers = [
        client.post(f"/c/{row.reply_token}", **post, REMOTE_ADDR=f"198.51.100.{n % 250}")
        for n, row in enumerate([*half, *half])
    ]

    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b"")}
    assert [state(row.customer) for row in letters] == ["withdrawn"] * len(half) + ["granted"] * (many - len(half))
    assert {state(row.customer, ("email", "care")) for row in letters} == {"granted"}
    assert ConsentEntry.objects.filter(source="one_click").count() == len(half)
    assert Letter.objects.filter(state="withdrawn").count() == len(half)


def test_the_page_of_ones_own_choices(client: Any, li_lei: Customer) -> None:
    agree(li_lei, OFFERS)
    row = letter(li_lei)
    address = f"/c/{row.reply_token}"
    page = client.get(address).content.decode()
    assert "<script" not in page
    assert "lilei@example.com" not in page
    assert "李雷" not in page
    assert 'value="email.marketing" checked' in " ".join(page.split())

    client.post(address, {"want": ["email.care", "wechat.care", "x.y"], "no_profiling": "1"})
    assert (state(li_lei), state(li_lei, ("email", "care")), state(li_lei, ("wechat", "care"))) == (
        "withdrawn",
        "granted",
        "",
    )
    assert choices.by_token(row.reply_token).no_profiling
    assert 'lang="zh-hant"' in client.get(f"{address}?l=zh-hant").content.decode()

    client.post(address, {"stop": "1"})
    assert {row.state for row in Consent.objects.filter(customer=li_lei)} == {"withdrawn"}
    gone = client.get("/c/nobodys-token")
    assert (gone.status_code, client.get("/c/x").content) == (410, gone.content)


def test_a_page_from_before_a_withdrawal_takes_nothing_of_it_back(client: Any, li_lei: Customer) -> None:
    agree(li_lei, OFFERS)
    row = letter(li_lei)
    address = f"/c/{row.reply_token}"
    before = {"opened": "1", "shown": ["email.marketing"], "want": ["email.marketing", "email.care"]}

    client.post(
        address, {"opened": "1", "no_profiling": "1", "shown": ["email.marketing"], "want": ["email.marketing"]}
    )
    client.post(address, data="List-Unsubscribe=One-Click", content_type="text/plain")
    client.post(address, before)

    assert (state(li_lei), state(li_lei, ("email", "care"))) == ("withdrawn", "granted")
    assert choices.by_token(row.reply_token).no_profiling
    client.post(address, {"opened": "1", "want": ["email.marketing", "email.care"], "shown": ["email.care"]})
    assert state(li_lei) == "granted"


def test_guessing_is_slowed_down_and_no_withdrawal_is(client: Any, li_lei: Customer) -> None:
    """Mail services withdraw for many from one address, and a proxy in front has one address for everybody."""
    agree(li_lei, OFFERS)
    row = letter(li_lei)
    guesses = [client.get(f"/c/guess-{n}").status_code for n in range(130)]
    assert (guesses[0], guesses[-1]) == (410, 429)

    answer = client.post(f"/c/{row.reply_token}", {"List-Unsubscribe": "One-Click"})

    assert (answer.status_code, state(li_lei)) == (200, "withdrawn")


def test_the_policy_is_versioned_and_says_what_it_would_have_done(li_lei: Customer, mina: User) -> None:
    for day in range(3):
        row = letter(li_lei, period=f"d{day}")
        Letter.objects.filter(pk=row.pk).update(state="handed", handed_at=NOON - day * DAY)
    strict = Policy(in_7_days=1)
    assert policies.what_if(Policy(), at=NOON) == (3, 1)
    assert policies.what_if(strict, at=NOON) == (3, 2)

    terms = {name: getattr(strict, name) for name in policies.FIELDS}
    saved = policies.decide(base=0, reason="too many", by=mina, at=NOON, asks_by_letter=True, **terms)
    assert (saved.version, policies.in_force()) == (1, strict)
    refusals: list[Callable[[], Any]] = [
        lambda: policies.decide(base=0, reason="x", by=mina, at=NOON, **terms),
        lambda: policies.decide(base=1, reason=" ", by=mina, at=NOON, **terms),
        lambda: policies.decide(base=1, reason="x", by=mina, at=NOON, **(terms | {"closes": 22})),
        lambda: policies.decide(base=1, reason="x", by=mina, at=NOON, **(terms | {"in_30_days": 0})),
    ]
    for refused in refusals:
        with pytest.raises(DomainError):
            refused()
    assert SendPolicy.objects.count() == 1
