"""Files of a case: added, opened by right, removed with a reason, forgotten in time. Their content is sealed."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from complaints.attachments import contents, scanning
from complaints.attachments.contents import Cleaned
from complaints.cases import transitions
from complaints.models import Attachment, AttachmentContent, Case, CaseEvent
from complaints.models.cases import OPEN
from core.accounts import audit
from core.accounts.models import User
from core.accounts.permissions import may
from core.accounts.roles import Permission
from core.lib import sealing
from core.lib.errors import DomainError, Invalid, Unknown
from customers import contact_points, locks

USE = b"attachments"
MOST = 20
MOST_BYTES = 60 * 1024 * 1024
FORGOTTEN_AT_ONCE = 200
# How long what was chosen for a call waits for the call to be saved.
OF_A_CALL = timedelta(days=1)
ENDINGS = {Attachment.Kind.JPEG: "jpg", Attachment.Kind.PNG: "png", Attachment.Kind.PDF: "pdf"}
Source = Attachment.Source


def ready(data: bytes) -> Cleaned:
    """The file, recognised, drawn anew and asked about: what `add` takes. Waits on the network: not in a transaction.

    Raises Invalid for what is not taken, `scanning.CannotAsk` while the virus scanner does not answer.
    """
    cleaned = contents.cleaned(data)
    scanning.check(data)
    return cleaned


@transaction.atomic
def add(case_id: int, *, name: str, file: Cleaned, by: User | None, at: datetime) -> Attachment:
    """The file belongs to the case, or to the one it was merged into. The same file again finds the first.

    `by` None: the customer sent it. Raises DomainError when the case has as many as it may.
    """
    case = transitions.hold_target(case_id)
    present = Attachment.objects.filter(case=case, removed_at=None)
    if known := present.filter(digest=file.digest).first():
        return known
    _refuse_too_much(present, len(file.data))
    row = _stored(Attachment(case=case), name=name, file=file, by=by, at=at)
    _record_added(case, row, by=by, at=at)
    return row


def _stored(row: Attachment, *, name: str, file: Cleaned, by: User | None, at: datetime) -> Attachment:
    row.kind, row.name, row.size, row.digest = file.kind, _named(name, file.kind), len(file.data), file.digest
    row.source, row.added_by, row.added_at = Source.STAFF if by else Source.CUSTOMER, by, at
    row.save()
    sealed = sealing.encrypt(file.data, use=USE, about=_about(row.pk))
    AttachmentContent.objects.create(attachment=row, sealed=sealed)
    return row


def _record_added(case: Case, row: Attachment, *, by: User | None, at: datetime) -> None:
    actor = None if by else CaseEvent.Actor.CUSTOMER
    transitions.record(
        case, CaseEvent.Kind.FILE_ADDED, by=by, at=at, actor=actor, touched=["files"], file=row.pk, name=row.name
    )


def _refuse_too_much(present: QuerySet[Attachment], more: int) -> None:
    sizes = list(present.values_list("size", flat=True))
    if len(sizes) >= MOST or sum(sizes) + more > MOST_BYTES:
        raise DomainError(
            _("A case has at most %(files)d files and %(size)d MB. Remove one first.")
            % {"files": MOST, "size": MOST_BYTES // 1024**2},
            code="files_full",
        )


# Before there is a case -----------------------------------------------------------------------------------------------


@transaction.atomic
def keep_for_call(key: str, *, name: str, file: Cleaned, by: User, at: datetime) -> Attachment:
    """The file waits with the call of this key for its case, seen by nobody but this person. The same again finds it."""
    locks.hold(f"files-of-call:{key}")
    present = of_call(key, by)
    if known := present.filter(digest=file.digest).first():
        return known
    _refuse_too_much(present, len(file.data))
    return _stored(Attachment(call_key=key), name=name, file=file, by=by, at=at)


def of_call(key: str, by: User) -> QuerySet[Attachment]:
    """What this person has chosen while logging the call of this key."""
    return Attachment.objects.filter(call_key=key, added_by=by).exclude(call_key="").order_by("added_at", "pk")


def drop_of_call(file_id: int, *, by: User) -> None:
    """Not meant after all: the file is gone."""
    Attachment.objects.filter(pk=file_id, added_by=by).exclude(call_key="").delete()


@transaction.atomic
def put_into_case(case_id: int, key: str, *, by: User, at: datetime) -> int:
    """What waited with the call belongs to the case now; returns how many. What the case has already is not kept twice."""
    rows = list(of_call(key, by).select_for_update(of=("self",)))
    if not rows:
        return 0
    case = transitions.hold_target(case_id)
    for row in rows:
        present = Attachment.objects.filter(case=case, removed_at=None)
        if present.filter(digest=row.digest).exists():
            row.delete()
            continue
        _refuse_too_much(present, row.size)
        row.case, row.call_key = case, ""
        row.save(update_fields=["case", "call_key"])
        _record_added(case, row, by=by, at=at)
    return len(rows)


def move_to_call(key: str, other: str, *, by: User) -> None:
    """What waited with one key waits with another: the page goes on under it."""
    of_call(key, by).update(call_key=other)


# Of a case ------------------------------------------------------------------------------------------------------------


def of(case: Case) -> QuerySet[Attachment]:
    """The files of the case and of those merged into it that are still there, in the order they came."""
    here = Attachment.objects.filter(case=case) | Attachment.objects.filter(case__merged_into=case)
    return here.filter(removed_at=None).select_related("added_by", "case").order_by("added_at", "pk")


@transaction.atomic
def opened(file_id: int, *, by: User, at: datetime) -> tuple[Attachment, bytes]:
    """The file and what it holds; the look is on record. Raises Unknown for one that was removed."""
    row = Attachment.objects.select_related("case").get(pk=file_id)
    content = AttachmentContent.objects.filter(pk=file_id).first()
    if content is None:
        raise Unknown(_("This file was removed."), code="file_removed")
    customer_id = row.case.customer_id if row.case else None
    audit.record(by, "attachment.opened", row.case, at=at, file=row.pk, customer=customer_id)
    return row, sealing.decrypt(bytes(content.sealed), use=USE, about=_about(row.pk))


@transaction.atomic
def remove(file_id: int, *, by: User, at: datetime, reason: str) -> Attachment:
    """What the file held is gone for good; that it was there, who removed it and why, stays.

    Whoever added it may, and the head of the desk.
    """
    case = transitions.hold(Attachment.objects.values_list("case__pk", flat=True).get(pk=file_id))
    row = Attachment.objects.select_for_update(of=("self",)).get(pk=file_id)
    if row.removed_at:
        raise DomainError(_("This file was removed already."), code="file_removed")
    if not may_remove(row, by):
        raise DomainError(_("Only the head of the desk removes files of others."), code="not_the_head")
    if not reason.strip():
        raise Invalid(_("Say why, in a few words."), code="reason_missing")
    row.removed_at, row.removed_by, row.removed_because = at, by, reason.strip()[:200]
    row.save(update_fields=["removed_at", "removed_by", "removed_because"])
    AttachmentContent.objects.filter(pk=file_id).delete()
    transitions.record(
        case, CaseEvent.Kind.FILE_REMOVED, by=by, at=at, touched=["files"], file=row.pk, reason=row.removed_because
    )
    return row


def may_remove(row: Attachment, user: User) -> bool:
    return row.added_by_id == user.pk or may(user, Permission.LEAD_COMPLAINTS)


@transaction.atomic
def forget(*, at: datetime) -> int:
    """Files of cases that are over are kept ATTACHMENTS_KEPT_DAYS after they came; then their content goes.

    Those of calls that were never saved go after a day. Returns how many, at most `FORGOTTEN_AT_ONCE` of each.
    """
    unsaved = Attachment.objects.filter(case=None, added_at__lt=at - OF_A_CALL).order_by("pk")
    gone = Attachment.objects.filter(pk__in=list(unsaved.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE]))
    count = gone.count()
    gone.delete()
    before = at - timedelta(days=settings.ATTACHMENTS_KEPT_DAYS)
    old = Attachment.objects.filter(removed_at=None, added_at__lt=before, case__isnull=False)
    old = old.exclude(case__status__in=OPEN)
    rows = old.select_for_update(of=("self",), skip_locked=True).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    AttachmentContent.objects.filter(pk__in=ids).delete()
    return count + Attachment.objects.filter(pk__in=ids).update(removed_at=at, removed_because=_("kept long enough"))


def reseal(after: int, most: int) -> sealing.Resealed:
    """What is under an old key of the vault among so many files after this id is under the current one."""
    rows = list(AttachmentContent.objects.filter(pk__gt=after).select_for_update().order_by("pk")[: min(most, 8)])
    changed = 0
    for row in rows:
        plain = sealing.if_old(bytes(row.sealed), use=USE, about=_about(row.pk))
        if plain is not None:
            row.sealed = sealing.encrypt(plain, use=USE, about=_about(row.pk))
            row.save(update_fields=["sealed"])
            changed += 1
    return sealing.Resealed(rows[-1].pk if rows else None, len(rows), changed)


def _about(file_id: int) -> bytes:
    return f"file/{file_id}".encode()


def _named(name: str, kind: str) -> str:
    """The name that was sent, without its path, with the ending of what the file is."""
    bare = contact_points.plain(name.replace("\\", "/").rpartition("/")[2])
    stem = bare.rpartition(".")[0] or bare or "file"
    return f"{stem[:100]}.{ENDINGS[Attachment.Kind(kind)]}"
