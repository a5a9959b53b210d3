"""What is kept for how long: one table. What is over goes once a day, in pieces that hold nobody up.

`KEEP_DAYS=messages=180,opened=400` in the environment says otherwise; 0 is for ever. What is no line of the table, and
has a day or a moment in it, stands in `crm.operating.for_ever` with its reason.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from complaints.models import Draft
from complaints.models.attachments import Attachment, UploadLink
from core.accounts import idempotency
from core.accounts.models import Invitation, SentForm
from core.jobs import bulk, runs
from core.jobs.models import BulkItem, ExportPart, JobRun
from core.lib.periods import mall_day, mall_time
from core.outbox import webhooks
from core.outbox.models import Message, WebhookEvent
from crm.operating.models import OperatorMail, Trouble
from customers.imports import contents
from customers.models import Import, ImportNote, ImportQuestion, Lookup, Opened, RejectedRow
from loyalty.models import TierDraft, TierSimulation

JOB = "retention"
PIECE = 1000
# After the night; what is not done within a minute goes on an hour later.
FROM_HOUR = 4
AT_ONCE = timedelta(minutes=1)
# (rows from before this moment, now) -> how many have gone, piece by piece; each is a transaction.
Pieces = Callable[[datetime, datetime], Iterator[int]]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """`models`: the tables it is about. Without `pieces` another part of Laoke deletes it, after a time that is fixed."""

    name: str
    what: Any
    then: Any
    models: tuple[type[models.Model], ...]
    pieces: Pieces | None = None
    fixed_days: int = 0

    @property
    def days(self) -> int:
        """0: for ever."""
        return self.fixed_days or int(settings.KEEP_DAYS[self.name])


def _some(rows: Callable[[datetime], models.QuerySet[Any]]) -> Pieces:
    """What a query with an index finds."""

    def pieces(before: datetime, at: datetime) -> Iterator[int]:
        while keys := list(rows(before).values_list("pk", flat=True)[:PIECE]):
            yield _gone(rows(before).model, keys)

    return pieces


def _oldest(model: type[models.Model], moment: str, but: Q | None = None) -> Pieces:
    """Of a table that grows at its end: from the first row on, until one is young enough. No index is needed."""

    def pieces(before: datetime, at: datetime) -> Iterator[int]:
        rows, last = model._default_manager.order_by("pk"), 0
        while page := list(rows.filter(pk__gt=last).values_list("pk", moment)[:PIECE]):
            old = [pk for pk, then in page if then < (before if isinstance(then, datetime) else mall_day(before))]
            stays = set(rows.filter(but, pk__in=old).values_list("pk", flat=True)) if but else set()
            if over := [pk for pk in old if pk not in stays]:
                yield _gone(model, over)
            if len(old) < len(page):
                return
            last = page[-1][0]

    return pieces


@transaction.atomic
def _gone(model: type[models.Model], keys: list[Any]) -> int:
    model._default_manager.filter(pk__in=keys).delete()
    return len(keys)


def _all(*parts: Pieces) -> Pieces:
    def pieces(before: datetime, at: datetime) -> Iterator[int]:
        for part in parts:
            yield from part(before, at)

    return pieces


def _events(before: datetime, at: datetime) -> Iterator[int]:
    while count := webhooks.forget(at=at, kept=at - before, most=PIECE):
        yield count


def _forms(before: datetime, at: datetime) -> Iterator[int]:
    while count := idempotency.forget(before=before, most=PIECE):
        yield count


def _attempts(before: datetime, at: datetime) -> Iterator[int]:
    table = connection.ops.quote_name(str(settings.CACHES["default"].get("LOCATION", "")) or "cache")
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [table])
        if not cursor.fetchone()[0]:
            return
        over = f"SELECT cache_key FROM {table} WHERE expires < %s LIMIT {PIECE}"  # noqa: S608 (a name of the settings)
        count = PIECE
        while count == PIECE:
            cursor.execute(f"DELETE FROM {table} WHERE cache_key IN ({over})", [before])  # noqa: S608 (as above)
            if count := cursor.rowcount:
                yield count


def _closed_sessions(before: datetime) -> models.QuerySet[UserSession]:
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    rows: models.QuerySet[UserSession] = UserSession.objects.filter(~Exists(alive), last_seen_at__lt=before)
    return rows


TABLE: tuple[Kept, ...] = (
    Kept(
        "sessions",
        _("Sessions that are over, with browser and address"),
        _("deleted; that somebody signed in stays in the audit trail"),
        (Session, UserSession),
        _all(_some(lambda before: Session.objects.filter(expire_date__lt=before)), _some(_closed_sessions)),
    ),
    Kept("attempts", _("Counts of attempts to sign in, once they are over"), _("deleted"), (), _attempts),
    Kept(
        "invitations",
        _("Links to come in or to send photos that were used or ran out"),
        _("deleted"),
        (Invitation, UploadLink),
        _all(
            _some(lambda before: Invitation.objects.filter(Q(used_at__lt=before) | Q(expires_at__lt=before))),
            _some(lambda before: UploadLink.objects.filter(Q(used_at__lt=before) | Q(expires_at__lt=before))),
        ),
    ),
    Kept("forms", _("Which forms were sent, so that none counts twice"), _("deleted"), (SentForm,), _forms),
    Kept(
        "messages",
        _("Messages to colleagues, read or not"),
        _("deleted; what still waits to be sent stays"),
        (Message,),
        _oldest(Message, "queued_at", Q(state=Message.State.WAITING)),
    ),
    Kept(
        "events",
        _("Events that were told to webhooks, or given up"),
        _("deleted; what still waits stays"),
        (WebhookEvent,),
        _events,
    ),
    Kept(
        "import_files",
        _("Files that were imported, under the vault key"),
        _("deleted; counts and reasons stay"),
        (Import,),
        fixed_days=contents.KEPT_FOR.days,
    ),
    Kept(
        "exports",
        _("Files of lists that were taken away, under the vault key"),
        _("deleted once fetched, and after a day; that it was taken stays in the audit trail"),
        (ExportPart,),
        fixed_days=1,
    ),
    Kept(
        "bulk_items",
        _("What became of each customer of a bulk run"),
        _("deleted; the run with its counts stays"),
        (BulkItem,),
        _some(bulk.forgotten_items),
    ),
    Kept(
        "attachments",
        _("Photos and papers of a complaint, once its case is over"),
        _("the content is deleted; that there was a file stays"),
        (Attachment,),
        fixed_days=settings.ATTACHMENTS_KEPT_DAYS,
    ),
    Kept(
        "import_details",
        _("Of an import: refused rows, notes, answered questions"),
        _("deleted; the counts stay"),
        (ImportQuestion,),
        _all(
            _some(lambda before: RejectedRow.objects.filter(run__at__lt=before)),
            _some(lambda before: ImportNote.objects.filter(run__at__lt=before)),
            _some(lambda before: ImportQuestion.objects.filter(run__at__lt=before).exclude(answer="")),
        ),
    ),
    Kept(
        "drafts",
        _("Answers nobody sent, drafts of rules that were dropped, what-ifs that were not published"),
        _("deleted"),
        (Draft, TierDraft, TierSimulation),
        _all(
            _some(lambda before: Draft.objects.filter(updated_at__lt=before)),
            _some(
                lambda before: TierSimulation.objects.filter(at__lt=before, published=None).exclude(
                    draft__state=TierDraft.State.OPEN
                )
            ),
            _some(
                lambda before: TierDraft.objects.filter(
                    at__lt=before, state=TierDraft.State.DROPPED, simulations__published=None
                ).distinct()
            ),
        ),
    ),
    Kept(
        "lookups",
        _("Whom a service agent looked up by a whole number"),
        _("deleted; it opens the page until midnight only"),
        (Lookup,),
        _oldest(Lookup, "on"),
    ),
    Kept(
        "opened",
        _("Who opened the page of which customer on which day"),
        _("deleted; the law asks for three years"),
        (Opened,),
        _some(lambda before: Opened.objects.filter(on__lt=mall_day(before))),
    ),
    Kept(
        "troubles",
        _("What the watch told the operators"),
        _("deleted; what is not over stays"),
        (Trouble, OperatorMail),
        _some(lambda before: Trouble.objects.filter(ended_at__lt=before)),
    ),
)


def work_due(*, now: Callable[[], datetime]) -> JobRun | None:
    """What is over by today's table goes, unless it is done already; returns the run, None when nothing is due."""
    at = now()
    if mall_time(at).hour >= FROM_HOUR:
        runs.plan(JOB, mall_day(at), at=at)
    for waiting in runs.to_issue(JOB, at=at):
        run = runs.claim(waiting.pk, at=at, holder=runs.holder_name())
        if run is not None:
            return _work(run, now)
    return None


def _work(run: JobRun, now: Callable[[], datetime]) -> JobRun:
    end = now() + AT_ONCE
    try:
        for kept in TABLE:
            for count in forget(kept, at=now()):
                runs.count(run, at=now(), **{kept.name: count})
                if now() >= end:
                    JobRun.objects.filter(pk=run.pk, fence=run.fence).update(state=JobRun.State.WAITING, attempts=0)
                    run.refresh_from_db()
                    return run
    except runs.Superseded:
        raise
    except Exception as error:
        runs.fail(run, error=type(error).__name__, at=now())
        raise
    runs.finish(run, at=now())
    log.info("retention %s: %s", run.business_date, run.counts)
    return run


def forget(kept: Kept, *, at: datetime) -> Iterator[int]:
    """How many rows have gone, piece by piece; nothing of what is kept for ever, or deleted elsewhere."""
    if kept.pieces is not None and kept.days:
        yield from kept.pieces(at - timedelta(days=kept.days), at)
