"""The bell of one person: the unread threads that ring, the news of the day, and how each of them goes away."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Q, QuerySet
from django.utils.translation import gettext as _

from core.accounts.models import User
from core.lib.errors import Invalid
from core.lib.periods import mall_day
from core.outbox.kinds import NEVER_OFF, RINGS, Kind, Topic
from core.outbox.models import Message, NoticeChoice

Level = NoticeChoice.Level
# So many threads ring for one person on one day; the rest is told as a number.
RINGS_A_DAY = 20
LISTED = 500


class Thread(NamedTuple):
    """The newest message of a thread, and how many of it are unread."""

    message: Message
    unread: int


class Bell(NamedTuple):
    """`rest`: threads beyond the rings of their days, which are told as a number."""

    threads: list[Thread]
    rest: int


def count(user: User) -> int:
    """Unread threads that ring, by one short query."""
    return int(_ringing(user).aggregate(n=Count("thread", distinct=True))["n"])


def of(user: User, *, everything: bool = False) -> Bell:
    """The unread threads that ring, newest first: at most `RINGS_A_DAY` of a mall day, unless everything is asked for."""
    threads = _threads(_ringing(user))
    if everything:
        return Bell(threads, 0)
    shown: list[Thread] = []
    per_day: dict[object, int] = {}
    # The earliest of a day have rung; those after the twentieth have not.
    for thread in reversed(threads):
        day = mall_day(thread.message.queued_at)
        per_day[day] = per_day.get(day, 0) + 1
        if per_day[day] <= RINGS_A_DAY:
            shown.insert(0, thread)
    return Bell(shown, len(threads) - len(shown))


def news_count(user: User) -> int:
    """Unread threads of what is worth knowing and needs nobody."""
    return int(_news_of(user).filter(read_at__isnull=True).aggregate(n=Count("thread", distinct=True))["n"])


def news_since(user: User, since: datetime) -> list[Thread]:
    """What is worth knowing and needs nobody since this moment, read or not, newest first."""
    return _threads(_news_of(user).filter(queued_at__gte=since))


def earlier(user: User) -> QuerySet[Message]:
    """What was read or settled, newest first."""
    mine = Message.objects.filter(recipient=user, channel=Message.Channel.IN_APP)
    return mine.filter(Q(read_at__isnull=False) | Q(settled_at__isnull=False)).order_by("-queued_at", "-pk")


def of_person(user: User) -> QuerySet[Message]:
    """All that was ever written to this person in Laoke."""
    return Message.objects.filter(recipient=user, channel=Message.Channel.IN_APP)


def read(user: User, message: Message, *, at: datetime) -> None:
    """Everything in the thread of this message is read by this person."""
    _unread(user).filter(thread=message.thread).update(read_at=at)


def read_all(user: User, *, at: datetime) -> int:
    """Everything that rings for this person or is news is read; returns how many messages.

    What somebody waits for, an approval or a promise, goes on ringing until it is over, or is read by itself.
    """
    return _unread(user).exclude(topic__in=NEVER_OFF).update(read_at=at)


def read_news(user: User, *, at: datetime) -> int:
    """The news and the digests are read; what rings stays."""
    return _unread(user).exclude(_rings_for(user)).update(read_at=at)


def unread(user: User, message: Message) -> None:
    """The message is unread again: the way back from one press too many."""
    of_person(user).filter(pk=message.pk).update(read_at=None)


def settle(
    thread: str,
    kinds: Iterable[Kind] | None = None,
    *,
    at: datetime,
    users: Iterable[int] | None = None,
    link: str = "",
    **such: Any,
) -> int:
    """Nobody (of these people) has to do anything about this (or these kinds of it): gone from the bells. How many.

    `link`: where these messages lead from now on, if it is elsewhere.
    """
    waiting = Message.objects.filter(thread=thread, settled_at__isnull=True, **such)
    if kinds is not None:
        waiting = waiting.filter(kind__in=[kind.name for kind in kinds])
    if users is not None:
        waiting = waiting.filter(recipient__in=list(users))
    return waiting.update(settled_at=at, **({"link": link} if link else {}))


def levels(user: User) -> dict[Topic, Level]:
    """What happens with each topic for this person: as chosen, else the usual."""
    chosen = dict(NoticeChoice.objects.filter(user=user).values_list("topic", "level"))
    usual = {topic: Level.RING if topic in RINGS else Level.NEWS for topic in Topic}
    return {topic: Level(chosen.get(topic, usual[topic])) for topic in Topic}


def choose(user: User, topic: str, level: str) -> NoticeChoice:
    """The person has this topic ring, go to the digest or stay away; of the digest itself: come by e-mail too, or not."""
    if topic not in Topic.values or level not in Level.values or (topic == Topic.DIGEST) != (level == Level.MAIL):
        raise Invalid(_("Choose one of the ways shown."), code="notice_level")
    if level == Level.OFF and topic in NEVER_OFF:
        raise Invalid(_("Approvals and promises cannot be switched off: somebody waits for them."), code="never_off")
    choice, _created = NoticeChoice.objects.update_or_create(user=user, topic=topic, defaults={"level": level})
    return choice


def no_mail(user: User) -> None:
    """The digest comes in Laoke only."""
    NoticeChoice.objects.filter(user=user, topic=Topic.DIGEST).delete()


def _news_of(user: User) -> QuerySet[Message]:
    told = of_person(user).filter(settled_at__isnull=True).exclude(topic=Topic.DIGEST)
    return told.exclude(_rings_for(user)).exclude(topic__in=_chosen(user, Level.OFF))


def _unread(user: User) -> QuerySet[Message]:
    return of_person(user).filter(read_at__isnull=True, settled_at__isnull=True)


def _ringing(user: User) -> QuerySet[Message]:
    return _unread(user).filter(_rings_for(user))


def _rings_for(user: User) -> Q:
    quiet, loud = _chosen(user, Level.NEWS, Level.OFF), _chosen(user, Level.RING)
    return Q(needs=True) & ~Q(topic__in=quiet) | Q(topic__in=loud)


def _chosen(user: User, *levels: str) -> QuerySet[NoticeChoice, str]:
    return NoticeChoice.objects.filter(user=user, level__in=levels).values_list("topic", flat=True)


def _threads(messages: QuerySet[Message]) -> list[Thread]:
    rows = messages.order_by().values("thread").annotate(last=Max("pk"), n=Count("pk")).order_by("-last")[:LISTED]
    newest = Message.objects.in_bulk([row["last"] for row in rows])
    return [Thread(newest[row["last"]], row["n"]) for row in rows]
