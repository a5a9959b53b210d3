"""The Celery doors: a message says "look", the tables say what there is to do."""

import logging
from datetime import date, datetime, time

from celery import shared_task
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from complaints.cases import escalation, lifecycle, mail, prompts, surveys
from complaints.promises import weeks
from core.jobs import bulk, runs
from core.lib.periods import mall_day, mall_time
from core.outbox import delivery, webhooks
from crm.flows import arrival, digest, issuing, nightly, vault
from customers.imports import contents, undo
from loyalty.campaigns import night as campaign_night

NIGHT_STARTS = time(2, 0)
INVITATIONS = 15
log = logging.getLogger(__name__)


def due_night(at: datetime) -> date | None:
    """The business date whose night should have run by now. Missed nights need no catching up: the latest says all."""
    local = mall_time(at)
    return local.date() if local.time() >= NIGHT_STARTS else None


@shared_task
def plan_nights() -> None:
    night = due_night(timezone.now())
    if night is not None:
        runs.plan(nightly.JOB, night, at=timezone.now())


@shared_task
def note_vault_key() -> None:
    vault.note_key(at=timezone.now())


@shared_task
def reconcile() -> None:
    issuing.issue()


@shared_task
def work_night(business_date: str) -> None:
    as_of = date.fromisoformat(business_date)
    nightly.refuse_ahead(as_of, today=mall_day(timezone.now()))
    nightly.run(as_of, invite=_invite)


@shared_task
def help_night(business_date: str) -> None:
    nightly.help_out(date.fromisoformat(business_date))


@shared_task
def work_import(pk: int) -> None:
    at = timezone.now()
    arrival.waiting_file(pk, at=at, today=mall_day(at))


@shared_task
def forget_files() -> None:
    """Deletes the files of imports that cannot be undone any more, what was kept to undo them by, and exports of yesterday."""
    at = timezone.now()
    undo.forget(at=at)
    while contents.forget(before=at - contents.KEPT_FOR, at=at):
        pass
    bulk.forget_files(at=at)


def _invite(as_of: date) -> None:
    """Tell the other workers that there is something to share. Whoever comes too late finds nothing to do."""
    try:
        for _ in range(INVITATIONS):
            help_night.apply_async((as_of.isoformat(),), retry=False, expires=600)
    except OperationalError:
        log.warning("night %s: Redis is away, so this worker rebuilds alone", as_of)


@shared_task
def watch_complaints() -> None:
    weeks.begin_due(at=timezone.now())
    escalation.tick(now=timezone.now())


@shared_task
def rest_complaints() -> None:
    at = timezone.now()
    lifecycle.close_due(now=at)
    prompts.expire_due(now=at)
    surveys.ask_due(now=at, link=_question_link)
    surveys.expire_due(now=at)


def _question_link(secret: str) -> str:
    return f"{settings.PUBLIC_URL}{reverse('survey', args=[secret])}"


@shared_task
def release_reservations() -> None:
    campaign_night.sweep(at=timezone.now())


@shared_task
def deliver() -> None:
    delivery.deliver_due(now=timezone.now)
    mail.deliver_due(now=timezone.now)


@shared_task
def send_digests() -> None:
    digest.send_due(now=timezone.now)


@shared_task
def deliver_webhooks() -> None:
    webhooks.deliver_due(now=timezone.now)
