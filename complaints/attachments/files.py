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
from customers import contact_points

USE = b"attachments"
MOST = 20
MOST_BYTES = 60 * 1024 * 1024
FORGOTTEN_AT_ONCE = 200
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
    sizes = list(present.values_list("size", flat=True))
    if len(sizes) >= MOST or sum(sizes) + len(file.data) > MOST_BYTES:
        raise DomainError(
            _("A case has at most %(files)d files and %(size)d MB. Remove one first.")
            % {"files": MOST, "size": MOST_BYTES // 1024**2},
            code="files_full",
        )
    row = Attachment.objects.create(
        case=case,
        kind=file.kind,
        name=_named(name, file.kind),
        size=len(file.data),
        digest=file.digest,
        source=Source.STAFF if by else Source.CUSTOMER,
        added_by=by,
        added_at=at,
    )
    sealed = sealing.encrypt(file.data, use=USE, about=_about(row.pk))
    AttachmentContent.objects.create(attachment=row, sealed=sealed)
    actor = None if by else CaseEvent.Actor.CUSTOMER
    transitions.record(
        case, CaseEvent.Kind.FILE_ADDED, by=by, at=at, actor=actor, touched=["files"], file=row.pk, name=row.name
    )
    return row


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
    audit.record(by, "attachment.opened", row.case, at=at, file=row.pk, customer=row.case.customer_id)
    return row, sealing.decrypt(bytes(content.sealed), use=USE, about=_about(row.pk))


@transaction.atomic
def remove(file_id: int, *, by: User, at: datetime, reason: str) -> Attachment:
    """What the file held is gone for good; that it was there, who removed it and why, stays.

    Whoever added it may, and the head of the desk.
    """
    case = transitions.hold(Attachment.objects.values_list("case_id", flat=True).get(pk=file_id))
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

    Returns how many, at most `FORGOTTEN_AT_ONCE`.
    """
    before = at - timedelta(days=settings.ATTACHMENTS_KEPT_DAYS)
    old = Attachment.objects.filter(removed_at=None, added_at__lt=before).exclude(case__status__in=OPEN)
    rows = old.select_for_update(of=("self",), skip_locked=True).order_by("pk")
    ids = list(rows.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    AttachmentContent.objects.filter(pk__in=ids).delete()
    return Attachment.objects.filter(pk__in=ids).update(removed_at=at, removed_because=_("kept long enough"))


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
