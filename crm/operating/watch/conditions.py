"""What is watched: for each condition how one sees that it holds, what is said of it, and what to do.

A check only reads. `limits.WATCH` says from when on it is worth telling; the environment may say otherwise.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Max, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from core.accounts.archive import seals
from core.accounts.models import AuditEntry
from core.jobs import leases
from core.jobs.models import BrokenLaw, JobRun
from core.lib.periods import mall_moment, mall_time
from core.outbox import posting, webhooks
from core.outbox.models import Message, WebhookEndpoint
from crm.flows import nightly, tasks
from crm.flows.notices import Burning
from crm.operating import health, measures, retention
from crm.operating.models import Heartbeat
from crm.operating.watch import places
from customers.models import Import

DAY = timedelta(days=1)
UPKEEP_AFTER = timedelta(days=2)
GIGABYTE = 1e9
CLOCKS, LONG, OUT, RELAY = "clocks", "long", "out", "relay"


class Found(NamedTuple):
    """That a condition holds: about what, which of its sentences says so, and the figures in it (JSON)."""

    about: str
    case: str
    params: dict[str, Any]


@dataclass(frozen=True)
class Condition:
    """`says`: case -> sentence, filled in with the parameters; `fine`: when there is none. `is_far`: asks the network, and
    no page waits for that.
    """

    what: Burning
    check: Callable[[datetime], Iterable[Found]]
    says: Mapping[str, Any]
    advice: Any
    fine: Any
    link: str = ""
    is_far: bool = False

    def text(self, case: str, params: Mapping[str, Any]) -> str:
        """The sentence in the language of the moment."""
        return str(self.says[case] % params)


def limit(name: str) -> float:
    return float(settings.WATCH_LIMITS[name])


# The night and the books --------------------------------------------------------------------------------------------


def _night_late(at: datetime) -> Iterator[Found]:
    on = _last_due(at)
    last = JobRun.objects.filter(job=nightly.JOB, state=JobRun.State.DONE).aggregate(on=Max("business_date"))["on"]
    if last is not None and last >= on:
        return
    planned = JobRun.objects.filter(job=nightly.JOB, business_date=on).values_list("planned_at", flat=True).first()
    since = max(moment for moment in (mall_moment(on, tasks.NIGHT_STARTS.hour), _installed_at(), planned) if moment)
    hours = (at - since).total_seconds() / 3600
    if hours > limit("night_hours"):
        yield Found("", "late", {"day": on.isoformat(), "hours": int(hours)})


def _last_due(at: datetime) -> date:
    """The newest business date whose night should have begun."""
    local = mall_time(at)
    return local.date() if local.time() >= time(tasks.NIGHT_STARTS.hour) else local.date() - DAY


def _installed_at() -> datetime | None:
    """When the tables were last changed: what an installation or an upgrade has held up is not late yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(applied) FROM django_migrations")
        (last,) = cursor.fetchone()
    return last if isinstance(last, datetime) else None


def _night_failed(at: datetime) -> Iterator[Found]:
    newest = JobRun.objects.filter(job=nightly.JOB).order_by("-business_date").first()
    if newest and newest.state == JobRun.State.FAILED and leases.is_worn_out(newest.attempts):
        yield Found("", "failed", {"day": newest.business_date.isoformat(), "times": newest.attempts})


def _laws(at: datetime) -> Iterator[Found]:
    words = {(book.name, step): text for book, laws in nightly.LAWS for step, text in laws.items()}
    for row in BrokenLaw.objects.filter(mended_at=None).order_by("pk"):
        law = words.get((row.book, row.law), row.law)
        yield Found(f"{row.book}: {row.law}", "broken", {"law": law, "rows": len(row.rows)})


# Queues -------------------------------------------------------------------------------------------------------------

# Nights have conditions of their own.
WAITING = ("message", "answer", "event", "import")


def _queues(at: datetime) -> Iterator[Found]:
    for queue, seconds in measures.oldest_waiting(at).items():
        minutes = seconds / 60
        if queue in WAITING and minutes > limit("queue_minutes"):
            yield Found(queue, queue, {"minutes": int(minutes)})


def _mails(at: datetime) -> Iterator[Found]:
    given_up = Message.objects.filter(state=Message.State.FAILED, next_attempt_at__gt=at - DAY).count()
    if given_up:
        yield Found("", "given_up", {"count": given_up})


def _webhooks(at: datetime) -> Iterator[Found]:
    """Those that do not answer, and those that were disabled for it within the last week."""
    since = at - timedelta(minutes=limit("webhook_minutes"))
    silent = WebhookEndpoint.objects.filter(failing_since__lte=since)
    for endpoint in silent.filter(Q(active=True) | Q(ended_at__gt=at - webhooks.DISABLED_AFTER)).order_by("pk"):
        hours = int((at - endpoint.failing_since).total_seconds() // 3600) if endpoint.failing_since else 0
        case = "silent" if endpoint.active else "disabled"
        yield Found(str(endpoint.pk), case, {"host": posting.host_of(endpoint.url), "hours": hours})


def _workers(at: datetime) -> Iterator[Found]:
    heard = dict(Heartbeat.objects.values_list("name", "at"))
    for name in (CLOCKS, LONG, OUT, RELAY):
        last = max(moment for moment in (heard.get(name), _installed_at(), _at_work(name)) if moment)
        minutes = (at - last).total_seconds() / 60
        if minutes > limit("long_minutes" if name == LONG else "worker_minutes"):
            yield Found(name, "relay" if name == RELAY else "queue", {"queue": name, "minutes": int(minutes)})


def _at_work(name: str) -> datetime | None:
    """Whoever works a night or an import has no time to say that it waits for others, and is heard of nevertheless."""
    if name != LONG:
        return None
    running = (
        JobRun.objects.filter(state=JobRun.State.RUNNING).aggregate(at=Max("heartbeat_at"))["at"],
        Import.objects.filter(state=Import.State.RUNNING).aggregate(at=Max("heartbeat_at"))["at"],
    )
    return max((moment for moment in running if moment), default=None)


# The machine --------------------------------------------------------------------------------------------------------


def _disks(at: datetime) -> Iterator[Found]:
    for disk in places.disks():
        if disk.percent < limit("disk_percent"):
            told = {"path": disk.path, "percent": round(disk.percent, 1), "free": round(disk.free / GIGABYTE, 1)}
            yield Found(disk.path, "full", told)
    most, size = limit("database_gb"), places.database_bytes() / GIGABYTE
    if most and size > most:
        yield Found("database", "database", {"size": round(size, 1), "most": most})


def _backup(at: datetime) -> Iterator[Found]:
    if settings.DEMO or not health.backup_is_stale(at=at):
        return
    newest, last = health.newest_backup(), health.last_backup()
    hours = int((at - last).total_seconds() // 3600) if last else 0
    if newest and newest.state == JobRun.State.FAILED:
        yield Found("", "failed", {"hours": hours})
    else:
        yield Found("", "old" if last else "never", {"hours": hours})


def _clocks(at: datetime) -> Iterator[Found]:
    apart = places.seconds_apart(at)
    if abs(apart) > limit("clock_seconds"):
        yield Found("", "ahead" if apart > 0 else "behind", {"seconds": int(abs(apart))})


def _certificate(at: datetime) -> Iterator[Found]:
    told = places.certificate_ends()
    if told is None:
        return
    host, ends = told
    days = (ends - at).total_seconds() / 86400
    if days < limit("certificate_days"):
        yield Found(host, "ends" if days > 0 else "over", {"host": host, "days": int(days), "on": f"{ends:%Y-%m-%d}"})


def _upkeep(at: datetime) -> Iterator[Found]:
    """What is done by itself every hour or every day, and nobody would miss for long."""
    sealed, since = seals.newest(), at - UPKEEP_AFTER
    if AuditEntry.objects.filter(pk__gt=sealed.last_id if sealed else 0, at__lt=since).exists():
        yield Found("audit", "seal", {})
    run = JobRun.objects.filter(job=retention.JOB).exclude(state=JobRun.State.DONE).order_by("business_date").first()
    if run and (run.planned_at < since or leases.is_worn_out(run.attempts)):
        yield Found("retention", "retention", {"day": run.business_date.isoformat()})


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        Burning.NIGHT_LATE,
        _night_late,
        {"late": _("The night of %(day)s is not done, %(hours)d hours after it should have begun.")},
        _(
            "See that beat and a worker of the queue “long” run, and look into the worker's log. “manage.py nightly” "
            "works it at once."
        ),
        _("The last night that was due is done"),
        "desk:nights",
    ),
    Condition(
        Burning.NIGHT_FAILED,
        _night_failed,
        {"failed": _("The night of %(day)s was given up after %(times)d attempts.")},
        _("Its error stands on the page Nights. Mend it, then press “Run tonight's now”; nothing is done twice."),
        _("No night was given up"),
        "desk:nights",
    ),
    Condition(
        Burning.LAW,
        _laws,
        {"broken": _("It is not true that %(law)s (%(rows)d rows or more).")},
        _(
            "The log has the numbers of the rows. Change nothing by hand: restore the last good backup beside this "
            "database, and compare."
        ),
        _("The books are right"),
        "desk:nights",
    ),
    Condition(
        Burning.QUEUE,
        _queues,
        {
            "message": _("A mail to a colleague has waited for %(minutes)d minutes."),
            "answer": _("An answer to a customer has waited for %(minutes)d minutes."),
            "event": _("An event for a webhook that answers has waited for %(minutes)d minutes."),
            "import": _("An import has waited for %(minutes)d minutes."),
        },
        _(
            "Nothing is lost. See that workers of the queues “out” and “long” run, and that the mail server takes mails."
        ),
        _("Nothing waits long"),
    ),
    Condition(
        Burning.MAIL,
        _mails,
        {
            "given_up": ngettext_lazy(
                "%(count)d mail was given up within a day, after five attempts.",
                "%(count)d mails were given up within a day, each after five attempts.",
                "count",
            )
        },
        _("See whether the mail server of EMAIL_URL takes mails, and whether these people have an address."),
        _("Mails go out"),
        "desk:staff",
    ),
    Condition(
        Burning.WORKER,
        _workers,
        {
            "queue": _("Nobody has taken anything from the queue “%(queue)s” for %(minutes)d minutes."),
            "relay": _("The relay has said nothing for %(minutes)d minutes."),
        },
        _("Start the workers, beat and the relay, and see that Redis answers. Nothing is lost: it comes late."),
        _("Every queue has its workers"),
    ),
    Condition(
        Burning.DISK,
        _disks,
        {
            "full": _("Of the disk of %(path)s %(percent)s %% are free: %(free)s GB."),
            "database": _("The database has %(size)s GB, more than %(most)s."),
        },
        _("Make room before it is full: a full disk refuses every order. Old backups and logs come first."),
        _("The disks have room"),
    ),
    Condition(
        Burning.BACKUP,
        _backup,
        {
            "never": _("No backup has been made. What is stored here would be lost with this machine."),
            "failed": _("The newest backup failed. The last good one is %(hours)d hours old."),
            "old": _("The last good backup is %(hours)d hours old."),
        },
        _("Run “manage.py backup DIR --verify”, and see that its timer runs every day."),
        _("The backup is fresh"),
        "desk:nights",
    ),
    Condition(
        Burning.WEBHOOK,
        _webhooks,
        {
            "silent": _("%(host)s has not answered for %(hours)d hours. What it is to be told waits."),
            "disabled": _("%(host)s was disabled, because it did not answer for days."),
        },
        _("Call whoever runs it. What was given up is sent again by a button, under the same ids."),
        _("The webhooks answer"),
        "desk:webhooks",
    ),
    Condition(
        Burning.CLOCK,
        _clocks,
        {
            "ahead": _("This machine's clock is %(seconds)d seconds ahead of the database's."),
            "behind": _("This machine's clock is %(seconds)d seconds behind the database's."),
        },
        _("Let both machines follow a time server (timedatectl): points expire and promises run by these clocks."),
        _("The clocks agree"),
    ),
    Condition(
        Burning.UPKEEP,
        _upkeep,
        {
            "seal": _("Lines of the audit trail have not been sealed for two days."),
            "retention": _("What was over on %(day)s has not been deleted."),
        },
        _("See the worker's log for the tasks keep_audit and forget, and that a worker of the queue “long” runs."),
        _("Upkeep is done"),
    ),
    Condition(
        Burning.CERTIFICATE,
        _certificate,
        {
            "ends": _("The certificate of %(host)s is good for %(days)d days more, until %(on)s."),
            "over": _("The certificate of %(host)s has run out on %(on)s."),
        },
        _("Renew it: with certbot, “certbot renew”, and see that its timer runs."),
        _("The certificate is good"),
        is_far=True,
    ),
)
BY_NAME = {condition.what.value: condition for condition in CONDITIONS}
