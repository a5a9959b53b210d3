"""One question per solved cycle, asked soon or not at all. Its link is good for fourteen days.

The secret of a link is worked out with the key of the vault, so that it can be given again to a system that lost it;
the database holds a digest alone.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from complaints.models import Case, Survey
from core.lib import mall, sealing
from core.lib.errors import DomainError
from core.lib.periods import next_mall_time
from core.outbox import mailing
from customers.letters import policies, writing
from customers.letters.writing import Words
from customers.models import ContactPoint, Letter

State = Survey.State
LetterState = Letter.State
ASK_AFTER = timedelta(hours=24)
GOOD_FOR = timedelta(days=14)
# Nobody is asked about what was solved long ago.
ASK_WITHIN = timedelta(days=14)
USE = b"surveys"
NOT_BEFORE, NOT_AFTER = 9, 20


def plan(case: Case, *, at: datetime) -> Survey | None:
    """The question is due a day later, at a decent hour; once per cycle. Of an anonymous caller nothing is asked.

    It leaves by letter (`ask_due`), or a system of the mall takes what is due from the API.
    """
    if case.kind == Case.Kind.GRUMBLE or case.customer_id is None:
        return None
    survey, _created = Survey.objects.get_or_create(
        case=case,
        cycle=case.cycle,
        defaults={"agent": case.owner, "send_at": _decent(at + ASK_AFTER)},
    )
    if survey.state == State.CANCELLED and survey.sent_at is None:
        survey.state, survey.agent, survey.send_at = State.PLANNED, case.owner, _decent(at + ASK_AFTER)
        survey.save(update_fields=["state", "agent", "send_at"])
    return survey


def cancel(case: Case) -> int:
    """Nothing is asked about a case that is open again."""
    return case.surveys.filter(state=State.PLANNED).update(state=State.CANCELLED)


def asks_by_letter() -> bool:
    """Whether Laoke sends the question itself: it was decided so, there is a mail server and an address for the link."""
    return bool(settings.PUBLIC_URL) and not mailing.loses_mail() and policies.last().asks_by_letter


def ask_due(*, now: datetime, link: Callable[[str], str], limit: int = 100) -> int:
    """Each question that is due leaves as a letter with its `link`, to whoever has an e-mail; returns how many.

    Of what did not go out, or came back, no answer is waited for.
    """
    lost = [LetterState.REFUSED, LetterState.BLOCKED, LetterState.EXPIRED, LetterState.WITHDRAWN, LetterState.BOUNCED]
    Survey.objects.filter(state=State.SENT, letter__state__in=lost).update(state=State.CANCELLED)
    if not asks_by_letter():
        return 0
    reached = ContactPoint.objects.filter(kind=ContactPoint.Kind.EMAIL, retired="").values("customer")
    pks = due(now=now, of=Survey.objects.filter(case__customer__in=reached), limit=limit)
    return sum(_ask(pk, now=now, link=link) for pk in pks)


@transaction.atomic
def _ask(survey_id: int, *, now: datetime, link: Callable[[str], str]) -> bool:
    survey = Survey.objects.select_for_update(of=("self",)).select_related("case__customer").get(pk=survey_id)
    if survey.state != State.PLANNED or survey.case.customer is None:
        return False  # a system of the mall was quicker
    secret = send(survey_id, at=now)
    with override(mall.facts().language):
        words = Words(
            _("How did we handle %(number)s?") % {"number": survey.case.number},
            _("Two questions, half a minute: %(link)s\n\nThe link is good for fourteen days.\n%(mall)s")
            % {"link": link(secret), "mall": mall.facts().name},
            {},
        )
    letter = writing.write(
        survey.case.customer,
        words,
        channel="email",
        purpose="service",
        occasion=f"case:{survey.case_id}",
        period=f"question:{survey.pk}",
        at=now,
        by_hand=False,
    )
    Survey.objects.filter(pk=survey_id).update(letter=letter)
    return True


@transaction.atomic
def send(survey_id: int, *, at: datetime) -> str:
    """The survey counts as sent; returns the secret of its link."""
    survey = Survey.objects.select_for_update().get(pk=survey_id)
    if survey.state != State.PLANNED:
        raise DomainError(_("This question has been sent already, or is not to be sent."), code="survey_not_planned")
    secret = _secret(survey, at, sealing.key(USE))
    survey.state, survey.digest, survey.sent_at, survey.expires_at = State.SENT, digest(secret), at, at + GOOD_FOR
    survey.save(update_fields=["state", "digest", "sent_at", "expires_at"])
    return secret


def given(of: QuerySet[Survey], *, now: datetime) -> QuerySet[Survey]:
    """Those whose link was given out and waits for its answer."""
    return of.filter(state=State.SENT, expires_at__gt=now)


def secret_of(survey: Survey) -> str | None:
    """The secret of the link that was given out; None when it cannot be had again, for its key is gone."""
    if survey.sent_at is None:
        return None
    secrets = (_secret(survey, survey.sent_at, key) for key in sealing.keys(USE))
    return next((secret for secret in secrets if digest(secret) == survey.digest), None)


def due(*, now: datetime, of: QuerySet[Survey] | None = None, limit: int = 200) -> list[int]:
    """Surveys to send now, of all or of these; what has waited for two weeks is not asked any more."""
    rows = Survey.objects.all() if of is None else of
    rows = rows.filter(state=State.PLANNED, send_at__lte=now, send_at__gt=now - ASK_WITHIN).order_by("send_at")
    return list(rows.values_list("pk", flat=True)[:limit])


def waiting(*, now: datetime) -> int:
    """How many questions are due and have been taken by nobody."""
    return Survey.objects.filter(state=State.PLANNED, send_at__lte=now, send_at__gt=now - ASK_WITHIN).count()


def expire_due(*, now: datetime) -> int:
    """A link that was good for so long is not any more, and what nobody has sent for as long is not asked any more."""
    expired = Survey.objects.filter(state=State.SENT, expires_at__lte=now).update(state=State.EXPIRED)
    unsent = Survey.objects.filter(state=State.PLANNED, send_at__lte=now - ASK_WITHIN)
    return expired + unsent.update(state=State.CANCELLED)


def _secret(survey: Survey, at: datetime, key: bytes) -> str:
    about = f"{survey.pk}:{survey.cycle}:{at.astimezone(UTC).isoformat()}"
    return base64.urlsafe_b64encode(hmac.digest(key, about.encode(), "sha256")[:24]).decode()


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _decent(at: datetime) -> datetime:
    """The same moment by day; at night the next morning."""
    opens = next_mall_time(at, NOT_BEFORE)
    closes = next_mall_time(at, NOT_AFTER)
    return at if closes < opens else opens
