"""The digest: once on each workday, what was kept, what comes first, what waits; in Laoke, and by e-mail for who wants it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from complaints.models import BusinessCalendar
from complaints.promises import calendars, clock
from core.accounts.deciding import Waiting
from core.accounts.models import Role, User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib import mall
from core.outbox import bell, delivery
from core.outbox.kinds import Topic
from core.outbox.models import Message, NoticeChoice
from crm.flows import notices, waiting
from customers import todo
from customers.models import Todo

AT = time(8, 30)
# A digest that nobody could send for hours is stale: the next one tells.
UNTIL = time(12, 0)
FIRST = 5
SATURDAY = 6


@dataclass(frozen=True)
class Digest:
    """`kept`, `late`: promises of yesterday; `first`: of My day, in its order; `news`: what nobody had to be rung for."""

    kept: int
    late: int
    first: list[Todo]
    to_do: int
    waits: list[Waiting]
    rings: int
    news: int

    @property
    def empty(self) -> bool:
        return not (self.kept or self.late or self.first or self.waits or self.rings or self.news)


def of(user: User, day: date, *, at: datetime) -> Digest:
    """What this person is told on this day."""
    kept, late = todo.promises_of(user, day - timedelta(days=1), today=day)
    queue = todo.queue(user, day, now=at) if may(user, Permission.MY_DAY) else Todo.objects.none()
    return Digest(
        kept=kept,
        late=late,
        first=list(queue[:FIRST]),
        to_do=queue.count(),
        waits=waiting.for_user(user, at=at),
        rings=bell.count(user),
        news=bell.news_count(user),
    )


def send_due(*, now: Callable[[], datetime]) -> int:
    """Everybody whose morning it is has today's digest once, and nobody an empty one; returns how many are new."""
    at = now()
    found: dict[int, clock.Calendar] = {}
    people = User.objects.filter(is_active=True).exclude(roles__contains=[Role.CLIENT]).order_by("pk")
    return sum(send(user, calendar, at=at) for user in people if (calendar := _calendar_of(user, found)))


def send(user: User, calendar: clock.Calendar, *, at: datetime) -> bool:
    """The digest of this moment's day, if it is due by this calendar, says something and was not sent; whether it was."""
    local = at.astimezone(calendar.zone)
    day = local.date()
    key = f"digest:{user.pk}:{day.isoformat()}"
    if not AT <= local.time() < UNTIL or not works(calendar, day):
        return False
    if Message.objects.filter(dedupe_key__startswith=key).exists():
        return False
    told = of(user, day, at=at)
    if told.empty:
        return False
    with transaction.atomic(), translation.override(language_of(user)):
        params = {"day": day.isoformat()}
        delivery.tell(
            [user.pk], notices.DIGEST, params, key=f"digest:{user.pk}:{day}", thread="digest", at=at, link="/digest/"
        )
        if user.email and NoticeChoice.objects.filter(user=user, topic=Topic.DIGEST).exists():
            delivery.queue(
                user.pk,
                channel=Message.Channel.EMAIL,
                dedupe_key=f"{key}:mail",
                subject=notices.DIGEST.render(params),
                body="\n".join(lines(told)),
                at=at,
            )
    return True


def lines(told: Digest) -> list[str]:
    """The digest in words, without names or amounts: a mail is read by whoever stands behind the reader."""
    counts = (
        (told.late, ngettext("Yesterday %(n)d promise was late.", "Yesterday %(n)d promises were late.", told.late)),
        (told.kept, ngettext("Yesterday %(n)d promise was kept.", "Yesterday %(n)d promises were kept.", told.kept)),
        (told.to_do, ngettext("%(n)d thing to do today.", "%(n)d things to do today.", told.to_do)),
        (
            len(told.waits),
            ngettext("%(n)d decision waits for you.", "%(n)d decisions wait for you.", len(told.waits)),
        ),
        (told.rings, ngettext("%(n)d message needs you.", "%(n)d messages need you.", told.rings)),
        (told.news, ngettext("%(n)d piece of news.", "%(n)d pieces of news.", told.news)),
    )
    first = [
        f"{place}. {item.customer.number}: {item.get_reason_display()}" for place, item in enumerate(told.first, 1)
    ]
    said = [text % {"n": n} for n, text in counts if n]
    return [*said, *([_("First today:"), *first] if first else []), _("All of it is on the digest page of Laoke.")]


def language_of(user: User) -> str:
    """The language this person has chosen, else the mall's."""
    return user.language or mall.facts().language


def _calendar_of(user: User, found: dict[int, clock.Calendar]) -> clock.Calendar | None:
    """The hours of the department the person heads or works in; of nobody's department, those of the mall's desk."""
    rows = BusinessCalendar.objects.order_by("pk")
    own = (
        rows.filter(department__head=user).first()
        or rows.filter(department__queue__members__user=user).first()
        or rows.filter(department__members=user).first()
        or rows.filter(department__queue__is_default=True).first()
    )
    if own is None:
        return _empty()
    if own.pk not in found:
        found[own.pk] = calendars.working_time(own)
    return found[own.pk]


def desk_calendar() -> clock.Calendar:
    """The hours of the mall's desk."""
    row = BusinessCalendar.objects.filter(department__queue__is_default=True).order_by("pk").first()
    return calendars.working_time(row) if row else _empty()


def _empty() -> clock.Calendar:
    return clock.Calendar(zone=ZoneInfo(mall.facts().time_zone))


def works(calendar: clock.Calendar, day: date) -> bool:
    """Somebody works on this day; without hours of any kind, from Monday to Friday."""
    if calendar.day_and_night:
        return True
    if not any(calendar.weekly.values()) and not calendar.opened:
        return day.isoweekday() < SATURDAY
    return bool(calendar.shifts_on(day))
