"""A link by which the customer sends photos of a case: random, kept as a digest, good once and for three days."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from complaints.attachments import files
from complaints.attachments.contents import Cleaned
from complaints.cases import lifecycle, transitions
from complaints.models import Case, UploadLink
from core.accounts import audit
from core.accounts.models import User
from core.lib.errors import DomainError, Invalid

GOOD_FOR = timedelta(days=3)
MOST_FILES = 5
MOST_LINKS_A_DAY = 10


class Sent(NamedTuple):
    name: str
    file: Cleaned


@transaction.atomic
def make(case_id: int, *, by: User, at: datetime) -> str:
    """There is a link for this open case; returns its secret, which is stored nowhere. Earlier ones end."""
    case = transitions.hold(case_id)
    transitions.must_be_open(case)
    if case.upload_links.filter(made_at__gt=at - timedelta(days=1)).count() >= MOST_LINKS_A_DAY:
        raise DomainError(_("This case had enough links for a day."), code="links_full")
    case.upload_links.filter(used_at=None, expires_at__gt=at).update(expires_at=at)
    secret = secrets.token_urlsafe(24)
    UploadLink.objects.create(case=case, digest=_digest(secret), made_by=by, made_at=at, expires_at=at + GOOD_FOR)
    audit.record(by, "complaint.upload_link", case, at=at, customer=case.customer_id)
    return secret


def link_for(secret: str, *, at: datetime) -> UploadLink:
    """The link, while it is good. Raises DomainError for one that is over, used, or was never made: all sound alike."""
    link = UploadLink.objects.select_related("case").filter(digest=_digest(secret)).first()
    if link is None or link.expires_at <= at or link.used_at is not None or not link.case.is_open:
        raise _over()
    return link


@transaction.atomic
def receive(secret: str, sent: Sequence[Sent], *, words: str, at: datetime) -> Case:
    """The files are in the case, and so are the customer's words; the case goes on as if they had written.

    Raises DomainError when the link was used meanwhile.
    """
    link = link_for(secret, at=at)
    if UploadLink.objects.filter(pk=link.pk, used_at=None).update(used_at=at) == 0:
        raise _over()
    if not sent or len(sent) > MOST_FILES:
        raise Invalid(_("Choose between one and %(most)d files.") % {"most": MOST_FILES}, code="file_count")
    names = [files.add(link.case_id, name=name, file=file, by=None, at=at).name for name, file in sent]
    body = "\n".join(part for part in (words.strip()[:2000], ", ".join(names)) if part)
    return lifecycle.customer_replied(
        link.case_id, at=at, body=body, channel=Case.Channel.WEB, external_ref=f"upload:{link.pk}"
    )


def _over() -> DomainError:
    return DomainError(_("This link has been used, or is not good any more. Ask us for a new one."), code="link_over")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
