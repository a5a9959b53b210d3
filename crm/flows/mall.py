"""The mall moves in: its first administrator, its facts, a complaint desk and a draft of its levels. And what changes.

Nothing made up is loaded; every default is a row that its settings page changes.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from zoneinfo import available_timezones

import holidays
import phonenumbers
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from complaints.setup import defaults
from core.accounts import audit, staff
from core.accounts.models import Role, User
from core.accounts.tokens import digest
from core.lib import mall
from core.lib.errors import DomainError, Invalid
from core.lib.mall import Facts
from core.lib.periods import mall_time
from core.mall.models import MallSettings, SetupCode
from customers import locks
from customers.models import Order
from loyalty.tiers import simulation

ALL_ROLES = [role for role in Role if role != Role.CLIENT]
CODE_LASTS = timedelta(days=1)
LOCK = "mall.settings"


@dataclass(frozen=True)
class FirstPerson:
    """Who sets Laoke up. Alone, they hold every role."""

    username: str
    password: str = field(repr=False)
    full_name: str = ""
    email: str = ""
    alone: bool = False


def holidays_of(region: str) -> str:
    """The country whose holidays a mall of this region keeps; empty where none are known."""
    return region if region in holidays.list_supported_countries() else ""


@transaction.atomic
def new_code(*, at: datetime) -> str:
    """A code for the setup page, good for a day and once; an earlier one is void. Raises DomainError after the setup."""
    _refuse_late()
    code = secrets.token_urlsafe(12)
    SetupCode.objects.update_or_create(pk=SetupCode.THE_ROW, defaults={"digest": digest(code), "made_at": at})
    return code


def is_code(code: str, *, at: datetime) -> bool:
    row = SetupCode.objects.filter(made_at__gt=at - CODE_LASTS).first()
    return row is not None and hmac.compare_digest(row.digest, digest(code.strip()))


def _why_no_code(at: datetime) -> str:
    """Why a code does not hold: a newer one does, or there is none that holds."""
    made = SetupCode.objects.filter(made_at__gt=at - CODE_LASTS).values_list("made_at", flat=True).first()
    if made is None:
        return _("This is not the setup code, or it is older than a day. A new one: bin/laoke code")
    return _(
        "This is not the newest setup code; that was made at %(time)s, and earlier ones are void."
        " bin/laoke code makes another."
    ) % {"time": f"{mall_time(made):%Y-%m-%d %H:%M}"}


@transaction.atomic
def set_up(
    facts: Facts,
    person: FirstPerson,
    *,
    at: datetime,
    code: str | None = None,
    country: str = "CN",
    week: defaults.Week = defaults.WEEK,
) -> User:
    """Laoke is the mall's: its facts are stored, the desk works by these hours, and the person may sign in and invite.

    `code` is None for who has the machine itself (the command). Of several at once, one succeeds; once there is
    anybody who can sign in this is refused for good. The levels wait as a draft, for a second person publishes them.
    """
    locks.hold(LOCK)
    _refuse_late()
    if code is not None and not is_code(code, at=at):
        raise Invalid(_why_no_code(at), code="setup_code")
    week = sorted(set(week))
    if not week or any(not 1 <= day <= 7 or not 0 <= start < end <= 1440 for day, start, end in week):
        raise Invalid(_("A shift begins before it ends, within one day."), code="hours")
    if country and country not in holidays.list_supported_countries():
        raise Invalid(_("No holidays are known of the country %(code)s.") % {"code": country}, code="country")
    facts = checked(facts)
    user = _administrator(person)
    MallSettings.objects.update_or_create(
        pk=MallSettings.THE_ROW, defaults={**_columns(facts), "set_up_at": at, "changed_at": at}
    )
    SetupCode.objects.all().delete()
    audit.record(user, "mall.set_up", user, at=at, alone=person.alone, **_columns(facts))
    mall.forget()
    defaults.install(at=at, country=country, week=week, language=facts.language)
    if not simulation.newest():
        draft = simulation.new_draft(by=user, at=at)
        simulation.save_draft(draft.pk, reason=_("The first levels, as Laoke proposes them"), by=user, at=at)
    # What was read meanwhile is not committed yet, and what others read is from before.
    mall.forget()
    transaction.on_commit(mall.forget)
    return user


@transaction.atomic
def change(changes: Mapping[str, str], *, by: User, at: datetime) -> MallSettings:
    """The mall's facts are these from now on, in every process within half a minute; names are those of Facts.

    What is stored already keeps its days. Raises Invalid, and DomainError for another currency when there are orders.
    """
    locks.hold(LOCK)
    row = MallSettings.objects.filter(pk=MallSettings.THE_ROW).first()
    before = _facts_of(row) if row else mall.of_environment()
    after = checked(Facts(**{**_columns(before), **changes}))
    if after.currency != before.currency and Order.objects.exists():
        raise DomainError(
            _("There are orders in %(currency)s: their amounts would be read as another currency.")
            % {"currency": before.currency},
            code="currency_in_use",
        )
    row, _made = MallSettings.objects.update_or_create(
        pk=MallSettings.THE_ROW,
        defaults={**_columns(after), "changed_at": at},
        create_defaults={**_columns(after), "set_up_at": at, "changed_at": at},
    )
    different = {
        name: [old, _columns(after)[name]] for name, old in _columns(before).items() if old != _columns(after)[name]
    }
    if different:
        audit.record(by, "mall.changed", by, at=at, **different)
    transaction.on_commit(mall.forget)
    return row


def checked(facts: Facts) -> Facts:
    """The facts as they are stored. Raises Invalid, whose code is the name of the field."""
    tidy = Facts(**{name: value.strip() for name, value in _columns(facts).items()})
    if not tidy.name or len(tidy.name) > 80:
        raise Invalid(_("The name of the mall has between 1 and 80 characters."), code="name")
    if tidy.currency not in mall.SYMBOLS:
        raise Invalid(
            _("“%(code)s” is no currency that Laoke counts in: %(known)s.")
            % {"code": tidy.currency, "known": ", ".join(mall.SYMBOLS)},
            code="currency",
        )
    if tidy.time_zone not in available_timezones():
        raise Invalid(
            _("“%(zone)s” is no time zone. Write it like Asia/Shanghai.") % {"zone": tidy.time_zone}, code="time_zone"
        )
    if tidy.language not in dict(settings.LANGUAGES):
        raise Invalid(
            _("Laoke speaks %(languages)s.") % {"languages": ", ".join(dict(settings.LANGUAGES))}, code="language"
        )
    if tidy.phone_region not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid(
            _("“%(code)s” is no country with phone numbers. Write two letters, like CN.") % {"code": tidy.phone_region},
            code="phone_region",
        )
    return tidy


def _columns(facts: Facts) -> dict[str, str]:
    return asdict(facts)


def _facts_of(row: MallSettings) -> Facts:
    return Facts(**{column.name: getattr(row, column.name) for column in fields(Facts)})


def _refuse_late() -> None:
    if not staff.nobody_yet():
        raise DomainError(
            _("Laoke is set up already. Sign in; an administrator invites colleagues."), code="set_up_already"
        )


def _administrator(person: FirstPerson) -> User:
    user = User(
        username=person.username.strip(),
        full_name=person.full_name.strip(),
        email=person.email.strip(),
        roles=ALL_ROLES if person.alone else [Role.ADMINISTRATOR],
    )
    try:
        validate_password(person.password, user)
    except ValidationError as refusal:
        raise Invalid(" ".join(refusal.messages), code="password") from refusal
    user.set_password(person.password)
    try:
        user.full_clean()
    except ValidationError as refusal:
        name, texts = next(iter(refusal.message_dict.items()))
        raise Invalid(" ".join(texts), code=name) from refusal
    user.save()
    return user
