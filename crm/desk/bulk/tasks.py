"""The Celery door of bulk runs: a message says "look", the table says what there is to do."""

from celery import shared_task
from django.utils import timezone

from core.jobs import bulk
from crm.desk.bulk.kinds import KINDS


@shared_task
def work_bulk(pk: int) -> None:
    bulk.work(pk, KINDS, now=timezone.now)
