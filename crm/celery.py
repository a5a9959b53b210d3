"""The Celery app, its limits, and the timetable.

A message only says "look": what is due is decided from the JobRun table, so a lost,
doubled or late message delays work and never loses or repeats it.
"""

import os

from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm.settings")
# Before numpy is loaded: the fits are of small matrices, over which several threads take longer than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

app = Celery("laoke")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["crm.flows", "crm.operating", "crm.desk.bulk"])


@setup_logging.connect
def keep_logging(**_: object) -> None:
    """Workers and beat write as all other processes do: that somebody answers keeps Celery from its own formats."""


# What happens -> (task, when, seconds after which the look is not worth having any more, because the next has come).
TIMETABLE = {
    "plan the night that is due, whatever beat missed": ("crm.flows.tasks.plan_nights", crontab(minute="*/5"), 300),
    "note the key of what is encrypted, to which every process is held": (
        "crm.flows.tasks.note_vault_key",
        crontab(minute="*/5"),
        300,
    ),
    "re-issue work whose worker fell silent": ("crm.flows.tasks.reconcile", 30.0, 30),
    "escalate complaints whose time runs out, hand out what is nobody's": (
        "crm.flows.tasks.watch_complaints",
        crontab(),
        60,
    ),
    "close solved complaints, end prompts and surveys that ran out": (
        "crm.flows.tasks.rest_complaints",
        crontab(minute="*/10"),
        600,
    ),
    "free coupons and credit that an order held and did not use, credit points that were won": (
        "crm.flows.tasks.release_reservations",
        crontab(),
        60,
    ),
    "delete the files of imports that cannot be undone any more": (
        "crm.flows.tasks.forget_files",
        crontab(minute="17"),
        3600,
    ),
    "send what waits in the outbox": ("crm.flows.tasks.deliver", 30.0, 30),
    "tell the webhooks of the mall what has happened": ("crm.flows.tasks.deliver_webhooks", 15.0, 15),
    "see whether something burns, and tell the operators": ("crm.operating.tasks.watch", crontab(minute="*/5"), 300),
    "seal the audit trail, archive its closed months": ("crm.operating.tasks.keep_audit", crontab(minute="7"), 3600),
    "delete what is kept no longer, once a day": ("crm.operating.tasks.forget", crontab(minute="37"), 3600),
    "a worker of the queue clocks is there": ("crm.operating.tasks.alive_clocks", crontab(), 60),
    "a worker of the queue long is there": ("crm.operating.tasks.alive_long", crontab(), 60),
    "a worker of the queue out is there": ("crm.operating.tasks.alive_out", crontab(), 60),
    "send the digest of the day to whose morning it is": ("crm.flows.tasks.send_digests", crontab(minute="*/5"), 300),
}
app.conf.beat_schedule = {
    description: {"task": task, "schedule": schedule, "options": {"expires": expires}}
    for description, (task, schedule, expires) in TIMETABLE.items()
}


@app.on_after_finalize.connect
def keep_old_names(sender: Celery, **_: object) -> None:
    """A message that was written before the tasks moved still finds its task."""
    for name, task in list(sender.tasks.items()):
        if name.startswith("crm.flows.tasks."):
            sender.tasks[name.replace("crm.flows.", "crm.")] = task
