"""What the demo mall's customers agreed to, and what was written to them: sent, waiting, come back, not allowed."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from core.accounts.models import Role
from core.accounts.roles import holders
from customers.letters import consent, delivery, writing
from customers.letters.consent import Kind
from customers.letters.writing import Words
from customers.models import ConsentEntry, Customer, Letter, LetterEvent

SEED = 57
PEOPLE = 240
OFFERS, GREETINGS, QUESTIONS = ("email", "marketing"), ("phone", "care"), ("email", "survey")
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
    for customer in people[60:64]:
        consent.withdraw_everything(customer, source=consent.Source.PAGE, at=at, evidence={"where": "page"})
    return len(people)


def _said(rng: random.Random) -> dict[Kind, str]:
    told: dict[Kind, str] = {}
    for kind, yes in ((OFFERS, 0.6), (GREETINGS, 0.5), (QUESTIONS, 0.3)):
        if rng.random() < 0.8:
            told[kind] = "granted" if rng.random() < yes else "refused"
    return told


def _letter(customer: Customer, number: int, rng: random.Random, at: datetime) -> None:
    """A greeting by phone for every third of them, an offer by e-mail for the others: today or in the last days."""
    written = at - timedelta(hours=rng.choice([1, 2, 3, 26, 30, 50]))
    channel, purpose = GREETINGS if number % 3 == 0 else OFFERS
    letter = writing.write(
        customer,
        WORDS,
        channel=channel,
        purpose=purpose,
        occasion="demo",
        period=str(number),
        at=written,
        by_hand=channel == "phone",
    )
    if channel == "email":
        _travelled(letter.pk, written, number)


def _travelled(letter: UUID, written: datetime, number: int) -> None:
    """As the mail server of a mall would have it: what may go has gone, and some of it came back."""
    row, rows = Letter.objects.get(pk=letter), Letter.objects.filter(pk=letter)
    held = consent.states(row.customer).get(OFFERS)
    sent = written + timedelta(minutes=3)
    if held is None or held.state != "granted":
        reason = "no_consent" if held is None else "withdrawn"
        rows.update(state="blocked", reason=reason, ended_at=sent)
        LetterEvent.objects.create(letter=row, kind="ended", at=sent, code=reason, key=f"{letter}:demo")
        return
    if number % 7 == 0:
        return  # it waits for its turn
    rows.update(state="handing", handed_at=sent)
    rows.update(state="handed")
    LetterEvent.objects.create(letter=row, kind="handed", at=sent, key=f"{letter}:demo")
    if number % 5:
        became, code = ("delivered", "") if number % 4 else ("bounced", "smtp_550")
        said = sent + timedelta(minutes=2)
        delivery.receipt(letter, state=became, code=code, key=f"{letter}:demo:receipt", at=said)
