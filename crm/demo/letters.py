"""What the demo mall's customers agreed to, and what was written to them: sent, waiting, come back, not allowed."""

import random
from datetime import datetime, timedelta

from complaints.cases import lifecycle
from complaints.models import Case
from core.accounts.models import Role
from core.accounts.roles import holders
from customers.letters import consent, delivery, writing
from customers.letters.consent import Kind
from customers.letters.writing import Words
from customers.models import ConsentEntry, Customer, Letter, LetterEvent

SEED = 57
PEOPLE = 240
OFFERS, GREETINGS, QUESTIONS = ("email", "marketing"), ("phone", "care"), ("email", "survey")
MESSAGES = ("sms", "marketing")
# How the journey of some of them ended: by the rest of their number.
ENDS = {2: ("refused", "smtp_550"), 5: ("unknown", "died")}
WORDING = (
    (
        "till-offers",
        "email",
        "marketing",
        "我们可以用邮件给您发新品和优惠吗？每周最多两封，随时可以退订，不回复就不发。",
    ),
    ("till-greetings", "phone", "care", "生日和节日我们可以打电话问候您吗？"),
)
WORDS = Words("秋茶到了", "今年的岩茶刚刚到店，给您留了一份试饮。", {})
NEWS = {
    "email": Words("您的订单已发出", "您好，您的订单今天已经发出，预计两天内送到。有问题直接回复这封邮件。", {}),
    "wechat": Words("订单发出", "您好，您的订单已经发出，预计两天内送到。", {}),
    "shop": Words("订单发出", "您好，您的订单已经发出，可以在这里随时问我们。", {}),
}
ANSWER = "您好，您反映的问题我们查到了：今天就给您补发，运费由我们承担。"


def load(*, at: datetime) -> int:
    """How many customers have said something about being written to; nothing when some have already."""
    if ConsentEntry.objects.exists():
        return 0
    rng = random.Random(SEED)  # noqa: S311 (made-up letters)
    by = holders(Role.TEAM_LEAD).order_by("pk").first()
    for code, channel, purpose, text in WORDING:
        consent.word(code=code, language="zh-hans", channel=channel, purpose=purpose, text=text, by=by, at=at)
    people = list(Customer.objects.filter(merged_into=None).order_by("-standing__value", "pk")[:PEOPLE])
    for customer in people:
        told = _said(rng)
        if told:
            day = at - timedelta(days=rng.randrange(30, 300), hours=rng.randrange(6))
            where = {"where": rng.choice(["在门店登记", "电话里说的", "会员卡申请表"])}
            consent.record(customer, told, source=consent.Source.SHOP, said_at=day, at=at, evidence=where)
    for number, customer in enumerate(people[:60]):
        _letter(customer, number, rng, at)
    for number, customer in enumerate(people[60:64]):
        _offer(customer, number, at - timedelta(hours=1))
        consent.withdraw_everything(customer, source=consent.Source.PAGE, at=at, evidence={"where": "page"})
    _today(people[64:120], at)
    _answers(at)
    return len(people)


def _said(rng: random.Random) -> dict[Kind, str]:
    told: dict[Kind, str] = {}
    for kind, yes in ((OFFERS, 0.6), (GREETINGS, 0.5), (QUESTIONS, 0.3), (MESSAGES, 0.5)):
        if rng.random() < 0.8:
            told[kind] = "granted" if rng.random() < yes else "refused"
    return told


def _letter(customer: Customer, number: int, rng: random.Random, at: datetime) -> None:
    """A greeting by phone for every third of them, an offer by e-mail for the others: today or in the last days."""
    written = at - timedelta(hours=rng.choice([1, 2, 3, 26, 30, 50]))
    if number % 3:
        _travelled(_offer(customer, number, written), written, number)
    else:
        _write(customer, WORDS, GREETINGS, f"demo:{number}", written, by_hand=True)


def _offer(customer: Customer, number: int, written: datetime) -> Letter:
    return _write(customer, WORDS, OFFERS, f"demo:{number}", written, by_hand=False)


def _write(
    customer: Customer,
    words: Words,
    kind: Kind,
    about: str,
    at: datetime,
    *,
    by_hand: bool | None = None,
    by_rule: bool = False,
) -> Letter:
    channel, purpose = kind
    occasion, _colon, period = about.partition(":")
    return writing.write(
        customer,
        words,
        channel=channel,
        purpose=purpose,
        occasion=occasion,
        period=period,
        at=at,
        by_hand=by_hand,
        by_rule=by_rule,
        language="zh-hans",
    )


def _today(people: list[Customer], at: datetime) -> None:
    """What leaves as the demo starts: news of orders by each way that Laoke has itself, offers by text message."""
    for number, customer in enumerate(people):
        channel = ("email", "wechat", "shop")[number % 3]
        if number < 24:
            _write(customer, NEWS[channel], (channel, "service"), f"order:{number}", at)
        else:
            _write(customer, WORDS, MESSAGES, f"demo:sms {number}", at, by_rule=True)


def _answers(at: datetime) -> None:
    """Two customers with an open complaint are answered by e-mail, two in the chat of the shop."""
    cases = Case.objects.filter(status=Case.Status.IN_PROGRESS, customer__isnull=False, owner__isnull=False)
    for number, case in enumerate(cases.order_by("-pk")[:4]):
        if case.owner:
            channel = "email" if number % 2 == 0 else "shop"
            lifecycle.reply(case.pk, by=case.owner, at=at, body=ANSWER, channel=channel)


def _travelled(letter: Letter, written: datetime, number: int) -> None:
    """As the mail server of a mall would have it: what may go has gone, some came back, some nobody knows of."""
    rows, sent = Letter.objects.filter(pk=letter.pk), written + timedelta(minutes=3)
    held = consent.states(letter.customer).get(OFFERS)
    if held is None or held.state != "granted":
        _ended(letter, "blocked", "no_consent" if held is None else "withdrawn", sent)
    elif number % 7 == 0:
        return  # it waits for its turn
    elif number % 11 == 0:
        _ended(letter, "expired", "expired", letter.valid_until)
    else:
        rows.update(state="handing", handed_at=sent, attempts=1)
        if end := ENDS.get(number % 13):
            return _ended(letter, *end, sent, handed_at=sent if end[0] == "unknown" else None)
        rows.update(state="handed")
        LetterEvent.objects.create(letter=letter, kind="handed", at=sent, key=f"{letter.pk}:demo")
        if number % 5:
            became, code = ("delivered", "") if number % 4 else ("bounced", "5.1.1")
            said = sent + timedelta(minutes=2)
            delivery.receipt(letter.pk, state=became, code=code, key=f"{letter.pk}:demo:receipt", at=said)


def _ended(letter: Letter, state: str, reason: str, at: datetime, **more: datetime | None) -> None:
    Letter.objects.filter(pk=letter.pk).update(state=state, reason=reason, ended_at=at, **more)
    LetterEvent.objects.create(letter=letter, kind="ended", at=at, code=reason, key=f"{letter.pk}:demo")
