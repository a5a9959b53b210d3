"""Idempotency-Key: a request that is sent again, because its answer was lost, has its effect once.

The key goes with the verb, which finds what it did under this key and answers the same; with another content it raises
SameKey (422).
"""

import hashlib

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from core.lib.errors import Invalid

LONGEST = 120
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
