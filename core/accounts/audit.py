"""One readable line per human action, written inside the verb's transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import models

from core.accounts.models import AuditEntry, User


def record(by: User | None, action: str, subject: models.Model | None = None, *, at: datetime, **detail: Any) -> None:
    """Store who did what to which row. `detail` holds ids and figures, never personal data."""
    _entry(by, action, subject, at, detail).save(force_insert=True)


def record_many(
    by: User | None, action: str, rows: Iterable[tuple[models.Model, Mapping[str, Any]]], *, at: datetime
) -> None:
    """The same action on many rows, each with its own detail: a line for each, in one statement."""
    AuditEntry.objects.bulk_create(_entry(by, action, subject, at, dict(detail)) for subject, detail in rows)


def _entry(
    by: User | None, action: str, subject: models.Model | None, at: datetime, detail: dict[str, Any]
) -> AuditEntry:
    return AuditEntry(
        at=at,
        actor=by,
        action=action,
        subject_type=subject._meta.model_name or "" if subject is not None else "",
        subject_id=subject.pk if subject is not None else None,
        detail=detail,
    )
