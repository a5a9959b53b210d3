"""What is sent again has its effect once: a request of a client under its key, a form of a page under its own.

Idempotency-Key: the key goes with the verb, which finds what it did under this key and answers the same; with another
content it raises SameKey (422). A form: whoever goes Back and sends it again is asked whether they mean it twice, and
told whether these very words are stored.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from django.db import connection
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.accounts.models import SentForm
from core.lib.errors import DomainError, Invalid

LONGEST = 120
# What a browser sends that nobody typed.
UNTYPED = ("csrfmiddlewaretoken", "once", "key", "client_key", "request_key", "version")
MOST_ASKED = 50
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

    def __init__(self, *, other_words: bool = False) -> None:
        super().__init__(
            _(
                "Another text was stored from this page before. This one is not stored yet: send it once more to store it."
            )
            if other_words
            else _("This was sent already and has been stored. Send it once more if you mean it a second time.")
        )


def once(key: str, verb: Callable[[], T], *, content: str = "") -> T:
    """What the verb returns; raises SentBefore if one was carried out under this key, or is being now.

    `content` (see `content_of`): what is sent, so that whoever sends something else is told that it is not stored. A
    verb that refuses leaves the key free. An empty key, or one that no form of ours made, holds nothing back.
    """
    if not _is_ours(key):
        return verb()
    if not _lock("pg_try_advisory_lock", key):
        raise SentBefore()
    try:
        if sent := SentForm.objects.filter(key=key).first():
            raise SentBefore(other_words=bool(sent.content) and sent.content != content)
        result = verb()
        note(key, content=content)
        return result
    finally:
        _lock("pg_advisory_unlock", key)


def note(key: str, *, content: str = "") -> None:
    """The form with this key has had its effect; for verbs that know a form of theirs again by themselves."""
    if _is_ours(key):
        SentForm.objects.get_or_create(key=key, defaults={"at": timezone.now(), "content": content})


def had_effect(keys: Iterable[str]) -> list[str]:
    """Those of the keys (at most 50) under which a form has had its effect."""
    ours = [key for key in keys if _is_ours(key)][:MOST_ASKED]
    return list(SentForm.objects.filter(key__in=ours).values_list("key", flat=True)) if ours else []


def content_of(data: QueryDict) -> str:
    """A digest of what somebody typed or chose: 32 characters, the same for the same words."""
    typed = sorted((name, [str(value) for value in values]) for name, values in data.lists() if name not in UNTYPED)
    return hashlib.blake2b(json.dumps(typed).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def forget(*, before: datetime, most: int = 1000) -> int:
    """Forms that were sent before this moment can be sent again, at most so many; returns how many that were."""
    keys = list(SentForm.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)[:most])
    return SentForm.objects.filter(pk__in=keys).delete()[0]


def _is_ours(key: str) -> bool:
    return re.fullmatch("[0-9a-f]{32}", key) is not None


def _lock(function: str, key: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(hashtext('laoke.form'), hashtext(%s))", [key])
        return bool(cursor.fetchone()[0])
