"""What is sent again has its effect once: a request of a client under its key, a form of a page under its own.

Idempotency-Key: the key goes with the verb, which finds what it did under this key and answers the same; with another
content it raises SameKey (422). A form: whoever goes Back and sends it again is asked whether they mean it twice.
"""

import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.accounts.models import SentForm
from core.lib.errors import DomainError, Invalid

LONGEST = 120
T = TypeVar("T")
KEY = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Yours, at most 120 characters. The same key is answered with the first outcome, with another content 422.",
)


def key_of(request: Request) -> str:
    """At most 68 characters. Keys belong to the client that made them up; hashed, two that differ stay apart in any column."""
    key = str(request.headers.get("Idempotency-Key", "")).strip()
    if not key or len(key) > LONGEST or not key.isprintable():
        raise Invalid(
            _("Send an Idempotency-Key header of your own, at most %(most)d characters.") % {"most": LONGEST},
            code="idempotency_key",
        )
    return f"{request.user.pk}:{hashlib.blake2b(key.encode(), digest_size=24).hexdigest()}"


class SentBefore(DomainError):
    """A form comes back that has had its effect: by the browser's Back, or by a second press."""

    code = "sent_before"

    def __init__(self) -> None:
        super().__init__(
            _("This was sent already and has been stored. Send it once more if you mean it a second time.")
        )


def once(key: str, verb: Callable[[], T]) -> T:
    """What the verb returns; raises SentBefore if one was carried out under this key, or is being now.

    A verb that refuses leaves the key free. An empty key, or one that no form of ours made, holds nothing back.
    """
    if not re.fullmatch("[0-9a-f]{32}", key):
        return verb()
    if not _lock("pg_try_advisory_lock", key):
        raise SentBefore()
    try:
        if SentForm.objects.filter(key=key).exists():
            raise SentBefore()
        result = verb()
        SentForm.objects.create(key=key, at=timezone.now())
        return result
    finally:
        _lock("pg_advisory_unlock", key)


def forget(*, before: datetime, most: int = 1000) -> int:
    """Forms that were sent before this moment can be sent again, at most so many; returns how many that were."""
    keys = list(SentForm.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:most])
    return SentForm.objects.filter(pk__in=keys).delete()[0]


def _lock(function: str, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtext('laoke.form'), hashtext(%s))", [key])
        return bool(cursor.fetchone()[0])
