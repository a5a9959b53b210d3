"""What is told, put together from every floor: messages to colleagues, and the events that the mall's systems may hear."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from complaints import webhooks as complaint_events
from complaints.cases import notices as complaints
from core.outbox import kinds, webhooks
from core.outbox.kinds import Kind, Topic
from core.outbox.models import Message
from core.rulebook import notices as rulebook
from customers import managers
from customers.books import handing, leaves
from customers.books import moving as books
from customers.letters import shop
from customers.promises import ledger
from loyalty import colleagues
from loyalty import notices as loyalty_events
from segmentation.leaving import discussing, suspecting


class Burning(models.TextChoices):
    """What the watch looks after, and tells when it is so."""

    NIGHT_LATE = "night_late", _("The night is late")
    NIGHT_FAILED = "night_failed", _("The night has failed")
    LAW = "law", _("The books are wrong")
    QUEUE = "queue", _("Something waits too long")
    MAIL = "mail", _("Mails do not go out")
    WORKER = "worker", _("Nobody works a queue")
    DISK = "disk", _("A disk is nearly full")
    BACKUP = "backup", _("The backup is old or missing")
    WEBHOOK = "webhook", _("A webhook does not answer")
    CLOCK = "clock", _("Two clocks differ")
    UPKEEP = "upkeep", _("Upkeep is not done")
    CERTIFICATE = "certificate", _("The certificate runs out")


TROUBLE = Kind("trouble", Topic.FAULT, _("%(what)s: the page Health says what to do"), {"what": Burning})
TROUBLE_OVER = Kind("trouble_over", Topic.FAULT, _("Over: %(what)s"), {"what": Burning})
BOOKS = Kind("books", Topic.FAULT, _("The books are wrong: it is not true that %(law)s. See the log."))
NEW_ALERTS = Kind(
    "new_alerts",
    Topic.ALERT,
    ngettext_lazy("%(count)d new alert this night", "%(count)d new alerts this night", "count"),
)
FILE_CHECKED = Kind("file_checked", Topic.IMPORT, _("%(file)s is checked: %(rows)d rows, %(rejected)d refused"))
FILE_IMPORTED = Kind(
    "file_imported",
    Topic.IMPORT,
    _("%(file)s is imported: %(created)d new orders, %(updated)d changed, %(rejected)d rows refused"),
)
TAKES_OVER = Kind("takes_over", Topic.CASE, _("You take over from %(name)s"))
FILE_UNDONE = Kind(
    "file_undone",
    Topic.IMPORT,
    _("%(file)s is undone: %(removed)d orders gone, %(restored)d as they were, %(kept)d kept"),
)
RECORD_IMPORTED = Kind(
    "record_imported",
    Topic.IMPORT,
    _("%(file)s is imported: %(created)d new, %(updated)d changed, %(rejected)d rows refused"),
)
RECORD_UNDONE = Kind(
    "record_undone",
    Topic.IMPORT,
    _("%(file)s is undone: %(removed)d gone, %(restored)d as they were, %(kept)d kept"),
)
ERASURE_WAITS = Kind("erasure_waits", Topic.APPROVAL, _("The erasure of customer %(number)s waits for a second person"))
ERASURE_REFUSED = Kind("erasure_refused", Topic.REFUSED, _("The erasure of customer %(number)s was turned down"))


class Bulk(models.TextChoices):
    """What was done with many rows of a list."""

    ASSIGN = "assign", _("Assign a manager")
    TASK = "task", _("Add a task")
    LABEL = "label", _("Labels")
    EXPORT = "export", _("Export")
    CASE_ASSIGN = "case_assign", _("Give cases to somebody")
    CASE_QUEUE = "case_queue", _("Cases to another queue")
    CASE_PRIORITY = "case_priority", _("Priority of cases")
    CASE_LABEL = "case_label", _("Labels by cases")
    ALERT_DECIDE = "alert_decide", _("Decide alerts")
    ALERT_PUT_OFF = "alert_put_off", _("Put alerts off")
    ALERT_LABEL = "alert_label", _("Labels by alerts")


BULK_DONE = Kind("bulk_done", Topic.BULK, _("%(kind)s: done with %(changed)d of %(total)d"), {"kind": Bulk})
BULK_UNDONE = Kind(
    "bulk_undone", Topic.BULK, _("%(kind)s: %(undone)d undone, %(kept)d left as they are"), {"kind": Bulk}
)
BULK_GIVEN = Kind("bulk_given", Topic.CASE, _("%(count)d customers are yours now, by %(name)s: %(reason)s"))
EXPORT_WAITS = Kind("export_waits", Topic.APPROVAL, _("An export of %(rows)d customers waits for a second person"))
EXPORT_AGREED = Kind("export_agreed", Topic.REFUSED, _("Your export of %(rows)d customers was agreed to"))
EXPORT_REFUSED = Kind("export_refused", Topic.REFUSED, _("Your export of %(rows)d customers was turned down"))
DIGEST = Kind("digest", Topic.DIGEST, _("The digest of %(day)s"))

ALL = kinds.table(
    webhooks.KINDS,
    managers.KINDS,
    books.KINDS,
    leaves.KINDS,
    handing.KINDS,
    ledger.KINDS,
    colleagues.KINDS,
    complaints.KINDS,
    suspecting.KINDS,
    discussing.KINDS,
    (
        TROUBLE,
        TROUBLE_OVER,
        BOOKS,
        NEW_ALERTS,
        FILE_CHECKED,
        FILE_IMPORTED,
        FILE_UNDONE,
        RECORD_IMPORTED,
        RECORD_UNDONE,
        DIGEST,
    ),
    (ERASURE_WAITS, ERASURE_REFUSED),
    (BULK_DONE, BULK_UNDONE, BULK_GIVEN, EXPORT_WAITS, EXPORT_AGREED, EXPORT_REFUSED),
    rulebook.KINDS,
)

# Every event of a webhook by the name that travels, with its title.
EVENTS = {kind.value: kind.label for kind in (*loyalty_events.Kind, *complaint_events.Kind, *shop.Kind)}


def text_of(message: Message) -> str:
    """The message in the language of whoever reads; one of a kind that is gone reads as it was written."""
    kind = ALL.get(message.kind)
    params: dict[str, Any] = message.params
    return kind.render(params) if kind else message.subject
