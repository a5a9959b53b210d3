"""Whether a letter may go out at this moment. Pure: facts in, a verdict out; the first reason that applies decides.

Asked dry while something is planned, and for good at the hand-over, under the customer's lock. Consent that is not known
is none. The table is that of docs/letters.md.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SERVICE, CARE, SURVEY, MARKETING = "service", "care", "survey", "marketing"
# No carrier takes text messages outside of these hours, whatever the mall decides.
SMS_OPENS, SMS_CLOSES = 8, 21


class Reason(StrEnum):
    STOPPED = "stopped"
    EXPIRED = "expired"
    MERGED = "merged"
    RESTRICTED = "restricted"
    ERASED = "erased"
    DECEASED = "deceased"
    NOT_REACHED = "not_reached"
    NO_ADDRESS = "no_address"
    BAD_ADDRESS = "bad_address"
    WRONG_PERSON = "wrong_person"
    NO_CONSENT = "no_consent"
    WITHDRAWN = "withdrawn"
    UNDER_14 = "under_14"
    NO_PROFILING = "no_profiling"
    OPEN_COMPLAINT = "open_complaint"
    CAPPED = "capped"
    QUIET_HOURS = "quiet_hours"
    NO_TEXT = "no_text"
    NO_WAY_OUT = "no_way_out"


@dataclass(frozen=True)
class Policy:
    """Hours of the mall's own clock, whole, [opens, closes); letters at most."""

    opens: int = 9
    closes: int = 20
    a_day: int = 1
    in_7_days: int = 2
    in_30_days: int = 6
    survey_days: int = 90


@dataclass(frozen=True)
class Facts:
    """What is so about one letter at `now`. `tomorrow` and `opens_at` are the next mall midnight and opening hour.

    `on_day`: letters but of service that went out on this mall day, to this customer by any channel; `in_7`, `in_30`:
    offers in as many mall days, this one included; `asked`: questions within the days of the policy. What is perhaps sent
    counts. `address`: good, none, bad (it sent a letter back), or wrong (somebody else's). `stop`: the kind of stop that
    somebody has said of the customer. `has_way_out`: the letter can carry a link by which to end such letters.
    """

    now: datetime
    channel: str
    purpose: str
    valid_until: datetime
    tomorrow: datetime
    opens_at: datetime
    hour: int
    is_open: bool = True
    merged: bool = False
    restricted: bool = False
    erased: bool = False
    stop: str = ""
    address: str = "good"
    consent: str = ""
    under_14: bool = False
    no_profiling: bool = False
    by_rule: bool = False
    open_complaint: bool = False
    on_day: int = 0
    in_7: int = 0
    in_30: int = 0
    asked: int = 0
    has_text: bool = True
    has_way_out: bool = True
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True)
class Go:
    pass


@dataclass(frozen=True)
class Wait:
    """Not before `until`, when it is asked again; None: when somebody switches it on."""

    until: datetime | None
    reason: Reason


@dataclass(frozen=True)
class Block:
    """Never."""

    reason: Reason


Verdict = Go | Wait | Block


def decide(facts: Facts) -> Verdict:
    """Go, or wait until a moment, or never; the first reason that applies."""
    if facts.now >= facts.valid_until:
        return Block(Reason.EXPIRED)  # before the stop: what is stopped still ends
    if not facts.is_open:
        return Wait(None, Reason.STOPPED)
    if never := _never(facts):
        return Block(never)
    if facts.open_complaint and facts.purpose in (SURVEY, MARKETING):
        return Wait(facts.tomorrow, Reason.OPEN_COMPLAINT)
    if _is_capped(facts):
        return Wait(facts.tomorrow, Reason.CAPPED)
    if _is_quiet(facts):
        return Wait(facts.opens_at, Reason.QUIET_HOURS)
    if not facts.has_text:
        return Block(Reason.NO_TEXT)
    return Go() if facts.purpose == SERVICE or facts.has_way_out else Block(Reason.NO_WAY_OUT)


def _never(facts: Facts) -> Reason | None:
    """Why nothing like it goes to this customer, whatever the hour."""
    whom = (
        (Reason.MERGED, facts.merged),
        (Reason.RESTRICTED, facts.restricted),
        (Reason.ERASED, facts.erased),
        (Reason.DECEASED, facts.stop == "deceased"),
        (Reason.NOT_REACHED, facts.stop != "" and facts.purpose != SERVICE),
        (Reason.NO_ADDRESS, facts.address == "none"),
        (Reason.BAD_ADDRESS, facts.address == "bad"),
        (Reason.WRONG_PERSON, facts.address == "wrong"),
    )
    asked = facts.purpose != SERVICE
    agreed = (
        (Reason.WITHDRAWN, asked and facts.consent in ("withdrawn", "refused")),
        (Reason.NO_CONSENT, asked and facts.consent != "granted"),
        (Reason.UNDER_14, asked and facts.under_14),
        (Reason.NO_PROFILING, facts.purpose in (SURVEY, MARKETING) and facts.no_profiling and facts.by_rule),
    )
    return next((reason for reason, applies in (*whom, *agreed) if applies), None)


def _is_capped(facts: Facts) -> bool:
    policy = facts.policy
    if facts.purpose == SERVICE:
        return False
    if facts.on_day >= policy.a_day:
        return True
    if facts.purpose == MARKETING:
        return facts.in_7 >= policy.in_7_days or facts.in_30 >= policy.in_30_days
    return facts.purpose == SURVEY and facts.asked >= 1


def _is_quiet(facts: Facts) -> bool:
    opens, closes = facts.policy.opens, facts.policy.closes
    if facts.channel == "sms":
        opens, closes = max(opens, SMS_OPENS), min(closes, SMS_CLOSES)
    elif facts.purpose == SERVICE:
        return False
    return not opens <= facts.hour < closes
