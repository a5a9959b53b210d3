"""The gate: its table row by row, and the facts from the database against facts worked out in Python."""

import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.accounts.models import User
from core.outbox import switches
from customers import contact_points
from customers.letters import facts, gate, writing
from customers.letters.gate import Block, Facts, Go, Policy, Verdict, Wait
from customers.letters.writing import Words
from customers.models import BadPoint, ConsentEntry, ContactPoint, ContactStop, Customer, Letter, LifeDate, ReachLimit
from tests.conftest import MakeUser
from tests.customers.letters import NOON

DAY = timedelta(days=1)
TOMORROW = datetime(2026, 11, 18, 16, tzinfo=UTC)
OPENS = datetime(2026, 11, 19, 1, tzinfo=UTC)
PURPOSES = ("service", "care", "survey", "marketing")
HOW_MANY = int(os.environ.get("LAOKE_GATE_FACTS", "500"))


def facts_of(**told: Any) -> Facts:
    usual: dict[str, Any] = {
        "now": NOON,
        "channel": "email",
        "purpose": "marketing",
        "valid_until": NOON + DAY,
        "tomorrow": TOMORROW,
        "opens_at": OPENS,
        "hour": 12,
        "consent": "granted",
    }
    return Facts(**(usual | told))


ALL, ASKED, CHOSEN = PURPOSES, PURPOSES[1:], PURPOSES[2:]
# What is so, whom it stops, and how: the table of docs/letters.md, in its order.
TABLE: list[tuple[dict[str, Any], tuple[str, ...], Verdict]] = [
    ({"is_open": False}, ALL, Wait(None, gate.Reason.STOPPED)),
    ({"valid_until": NOON}, ALL, Block(gate.Reason.EXPIRED)),
    ({"merged": True}, ALL, Block(gate.Reason.MERGED)),
    ({"restricted": True}, ALL, Block(gate.Reason.RESTRICTED)),
    ({"erased": True}, ALL, Block(gate.Reason.ERASED)),
    ({"stop": "deceased"}, ALL, Block(gate.Reason.DECEASED)),
    ({"stop": "no_contact"}, ASKED, Block(gate.Reason.NOT_REACHED)),
    ({"stop": "wrong_person"}, ASKED, Block(gate.Reason.NOT_REACHED)),
    ({"address": "none"}, ALL, Block(gate.Reason.NO_ADDRESS)),
    ({"address": "bad"}, ALL, Block(gate.Reason.BAD_ADDRESS)),
    ({"address": "wrong"}, ALL, Block(gate.Reason.WRONG_PERSON)),
    ({"consent": ""}, ASKED, Block(gate.Reason.NO_CONSENT)),
    ({"consent": "asked"}, ASKED, Block(gate.Reason.NO_CONSENT)),
    ({"consent": "withdrawn"}, ASKED, Block(gate.Reason.WITHDRAWN)),
    ({"consent": "refused"}, ASKED, Block(gate.Reason.WITHDRAWN)),
    ({"under_14": True}, ASKED, Block(gate.Reason.UNDER_14)),
    ({"no_profiling": True, "by_rule": True}, CHOSEN, Block(gate.Reason.NO_PROFILING)),
    ({"no_profiling": True, "by_rule": False}, (), Go()),
    ({"open_complaint": True}, CHOSEN, Wait(TOMORROW, gate.Reason.OPEN_COMPLAINT)),
    ({"on_day": 1}, ASKED, Wait(TOMORROW, gate.Reason.CAPPED)),
    ({"in_7": 2}, ("marketing",), Wait(TOMORROW, gate.Reason.CAPPED)),
    ({"in_30": 6}, ("marketing",), Wait(TOMORROW, gate.Reason.CAPPED)),
    ({"asked": 1}, ("survey",), Wait(TOMORROW, gate.Reason.CAPPED)),
    ({"hour": 8}, ASKED, Wait(OPENS, gate.Reason.QUIET_HOURS)),
    ({"hour": 20}, ASKED, Wait(OPENS, gate.Reason.QUIET_HOURS)),
    ({"hour": 20, "channel": "sms"}, ALL, Wait(OPENS, gate.Reason.QUIET_HOURS)),
    ({"hour": 19, "channel": "sms"}, (), Go()),
    ({"hour": 9}, (), Go()),
    ({"has_text": False}, ALL, Block(gate.Reason.NO_TEXT)),
    ({"has_way_out": False}, ASKED, Block(gate.Reason.NO_WAY_OUT)),
    ({}, (), Go()),
]


@pytest.mark.parametrize(("told", "whom", "verdict"), TABLE, ids=[str(row) for row in range(len(TABLE))])
def test_each_row_of_the_table_stops_whom_it_names(
    told: dict[str, Any], whom: tuple[str, ...], verdict: Verdict
) -> None:
    for purpose in PURPOSES:
        assert gate.decide(facts_of(purpose=purpose, **told)) == (verdict if purpose in whom else Go()), purpose


def test_of_several_reasons_the_first_of_the_table_is_told() -> None:
    """Two rows at a time: the verdict is that of the earlier one."""
    rows = [(told, verdict) for told, whom, verdict in TABLE[1:] if "marketing" in whom]
    for place, (told, verdict) in enumerate(rows):
        for later, _verdict in rows[place + 1 :]:
            if not set(told) & set(later):
                assert gate.decide(facts_of(**told, **later)) == verdict, (told, later)


# Test 16: decide(facts from SQL) = decide(facts worked out in Python) ------------------------------------------------


class World:
    """Customers with one letter each under question, drawn at random, and what is so about each by construction."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.letters: list[Letter] = []
        self.history: list[Letter] = []
        self.entries: list[ConsentEntry] = []
        self.expected: dict[Any, Facts] = {}
        self.complain: set[int] = set()

    def maybe(self, chance: float) -> bool:
        return self.dice.random() < chance

    def add(self, customer: Customer, now: datetime) -> None:
        letter = self.letter(customer, self.dice.choice(PURPOSES), self.dice.choice(["email", "sms", "post"]), now)
        letter.valid_until = now + DAY * self.dice.choice([-1, 0, 1, 1, 1, 1])
        letter.valid_from = letter.valid_until - DAY
        letter.by_rule = self.maybe(0.5)
        if self.maybe(0.1):
            letter.sealed = None
        if self.maybe(0.2):
            self.complain.add(customer.pk)
        self.letters.append(letter)
        self.expected[letter.pk] = facts_of(
            now=now,
            channel=letter.channel,
            purpose=letter.purpose,
            valid_until=letter.valid_until,
            by_rule=letter.by_rule,
            has_text=letter.sealed is not None,
            open_complaint=customer.pk in self.complain,
            address=self.address(customer, letter.channel, now),
            has_way_out=letter.channel != "email",
            **self.who(customer, now),
            **self.said(customer, letter, now),
            **self.told(customer, now),
        )

    def letter(self, customer: Customer, purpose: str, channel: str, now: datetime) -> Letter:
        number = str(self.dice.getrandbits(64))
        return Letter(
            customer=customer,
            channel=channel,
            purpose=purpose,
            occasion="story",
            period=number,
            once_key=number,
            sealed=b"words",
            reply_token=number,
            own_id=number,
            written_at=now,
            valid_from=now,
            valid_until=now + DAY,
            next_at=now,
        )

    def who(self, customer: Customer, now: datetime) -> dict[str, Any]:
        customer.erased_at = now if self.maybe(0.05) else None
        limit = ReachLimit(
            customer=customer,
            restricted_at=now if self.maybe(0.1) else None,
            no_profiling_at=now if self.maybe(0.3) else None,
        )
        if self.maybe(0.7):
            limit.save()
        else:
            limit = ReachLimit()
        young = self.maybe(0.2)
        if young:
            LifeDate.objects.create(customer=customer, kind="birthday", year=2012, month=11, day=19)
        elif self.maybe(0.5):
            LifeDate.objects.create(customer=customer, kind="birthday", year=2012, month=11, day=18)
        customer.save()
        stop = self.dice.choice([*ContactStop.Kind.values, *[""] * 9])
        if stop:
            by, _new = User.objects.get_or_create(username="who stops")
            ContactStop.objects.create(customer=customer, kind=stop, since=now.date(), by=by, at=now)
        return {
            "stop": stop,
            "erased": customer.erased_at is not None,
            "restricted": limit.restricted_at is not None,
            "no_profiling": limit.no_profiling_at is not None,
            "under_14": young,
        }

    def address(self, customer: Customer, channel: str, now: datetime) -> str:
        kind = {"email": "email", "sms": "phone", "post": "address"}[channel]
        states = self.dice.sample(["good", "bad", "wrong", "old", "mended"], self.dice.choice([0, 1, 1, 1, 2]))
        for number, state in enumerate(states):
            retired = state if state in ("wrong", "old") else ""
            point = ContactPoint.objects.create(
                customer=customer,
                kind=kind,
                mask="*",
                encrypted=b"",
                blind_index=bytes([number]) * 16,
                retired=retired,
                retired_at=now if retired else None,
                confirmed_at=now if state == "mended" else None,
            )
            if state in ("bad", "mended"):
                BadPoint.objects.create(point=point, since=now - DAY)
        if {"good", "mended"} & set(states):
            return "good"
        return next((state for state in ("bad", "wrong") if state in states), "none")

    def said(self, customer: Customer, letter: Letter, now: datetime) -> dict[str, Any]:
        """Words at different times and at the same one: the later holds, and of two at once the no."""
        words: list[tuple[datetime, bool, int, str]] = []
        for _turn in range(0 if letter.purpose == "service" else self.dice.choice([0, 1, 1, 2, 3])):
            at = now - DAY * self.dice.choice([1, 2, 3])
            state = self.dice.choice(["asked", "granted", "granted", "refused", "withdrawn"])
            words.append((at, state in ("refused", "withdrawn"), len(words), state))
            self.entries.append(
                ConsentEntry(
                    customer=customer,
                    channel=letter.channel,
                    purpose=letter.purpose,
                    state=state,
                    source="staff",
                    said_at=at,
                    stored_at=now,
                )
            )
        return {"consent": max(words)[3] if words else ""}

    def told(self, customer: Customer, now: datetime) -> dict[str, Any]:
        counts = {"on_day": 0, "in_7": 0, "in_30": 0, "asked": 0}
        for _turn in range(self.dice.choice([0, 0, 1, 3, 7])):
            purpose = self.dice.choice(PURPOSES)
            days = self.dice.choice([0, 1, 6, 7, 29, 30, 89, 91])
            state = self.dice.choice(["handed", "delivered", "unknown", "handing", "bounced", "expired"])
            letter = self.letter(customer, purpose, "email", now)
            letter.state, letter.handed_at = state, None if state == "expired" else now - DAY * days
            self.history.append(letter)
            if state in ("bounced", "expired"):
                continue
            counts["on_day"] += purpose != "service" and days == 0
            counts["in_7"] += purpose == "marketing" and days <= 6
            counts["in_30"] += purpose == "marketing" and days <= 29
            counts["asked"] += purpose == "survey" and days <= 89
        return counts


@pytest.mark.django_db
def test_16_the_facts_of_the_database_are_those_of_python(make_user: MakeUser, settings: Any) -> None:
    settings.PUBLIC_URL = ""
    world = World(seed=16)
    people = [Customer(number=f"C{n:07}", name="x", registered_on=NOON.date()) for n in range(HOW_MANY)]
    for customer in Customer.objects.bulk_create(people):
        world.add(customer, NOON)
    ConsentEntry.objects.bulk_create(world.entries)
    Letter.objects.bulk_create(world.letters + world.history)

    asked = facts.of(world.letters, now=NOON, open_cases=lambda ids: world.complain & set(ids))

    differing = [(world.expected[pk], told.facts) for pk, told in asked.items() if told.facts != world.expected[pk]]
    assert (len(asked), differing[:1]) == (HOW_MANY, [])
    reasons = {getattr(gate.decide(told.facts), "reason", "go") for told in asked.values()}
    assert reasons >= {"go", "expired", "no_consent", "withdrawn", "capped", "no_address", "bad_address"}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles", "Asia/Tokyo"])
def test_21_the_hour_is_the_malls_whatever_the_machine_thinks(
    zone: str, monkeypatch: pytest.MonkeyPatch, settings: Any, make_user: MakeUser
) -> None:
    monkeypatch.setenv("TZ", zone)
    settings.PUBLIC_URL = "https://care.mall.example"
    customer = Customer.objects.create(number="C1", name="x", registered_on=NOON.date())
    contact_points.add(customer, "email", "a@b.example")
    ConsentEntry.objects.create(
        customer=customer,
        channel="email",
        purpose="marketing",
        state="granted",
        source="staff",
        said_at=NOON - DAY,
        stored_at=NOON,
    )
    letter = writing.write(
        customer,
        Words("s", "b", {}),
        channel="email",
        purpose="marketing",
        occasion="o",
        period="1",
        at=NOON,
        by_hand=False,
    )

    def verdict(hour: int, minute: int) -> Verdict:
        moment = datetime(2026, 11, 18, tzinfo=UTC) + timedelta(hours=hour - 8, minutes=minute)
        return gate.decide(facts.of([letter], now=moment, open_cases=lambda ids: set())[letter.pk].facts)

    opens = datetime(2026, 11, 19, 1, tzinfo=UTC)
    assert [verdict(19, 59), verdict(20, 0), verdict(32, 59), verdict(33, 0)] == [
        Go(),
        Wait(opens, gate.Reason.QUIET_HOURS),
        Wait(opens, gate.Reason.QUIET_HOURS),
        Go(),
    ]


@pytest.mark.django_db
def test_a_stop_of_all_of_a_channel_or_of_a_purpose_covers_its_own(make_user: MakeUser) -> None:
    by = make_user()
    switches.stop(channel="email", purpose="*", by=by, at=NOON)
    switches.stop(channel="*", purpose="marketing", by=by, at=NOON)
    closed = switches.closed()
    covered = {(c, p) for c in ("email", "sms") for p in PURPOSES if closed.covers(c, p)}
    assert covered == {("email", purpose) for purpose in PURPOSES} | {("sms", "marketing")}

    switches.go_on(channel="email", purpose="*", reason="again", by=by, at=NOON + DAY)
    assert [(row.channel, row.purpose) for row in switches.closed().rows] == [("*", "marketing")]


def test_the_policy_may_be_narrower_but_text_messages_keep_their_hours() -> None:
    policy = Policy(opens=8, closes=21)
    assert gate.decide(facts_of(hour=20, policy=policy)) == Go()
    assert gate.decide(facts_of(hour=8, channel="sms", policy=policy)) == Go()
