"""Labels: sets of customers that people make by hand."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.jobs.models import BulkRun
from customers.models.people import Customer

USER = settings.AUTH_USER_MODEL


class Label(models.Model):
    """A word in a colour that customers carry. One that is archived stays with whoever carries it, and is given no more."""

    class Colour(models.TextChoices):
        GREY = "grey", _("Grey")
        BLUE = "blue", _("Blue")
        GREEN = "green", _("Green")
        AMBER = "amber", _("Yellow")
        RED = "red", _("Red")
        VIOLET = "violet", _("Violet")

    name = models.CharField(_("name"), max_length=30)
    colour = models.CharField(_("colour"), max_length=6, choices=Colour, default=Colour.GREY)
    owner = models.ForeignKey(USER, models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("name"), condition=Q(archived_at__isnull=True), name="one_label_of_a_name")
        ]

    def __str__(self) -> str:
        return self.name


def _told(name: str, operation: pgtrigger.Operation, rows: str, labels: str) -> pgtrigger.Trigger:
    """The standings of the customers of these rows know it, in the same statement and in one, however many they are.

    What a standing knows is added to or taken from, never counted anew: two who label one customer at once see nothing
    of each other, and PostgreSQL gives the second the row as the first has left it.
    """
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**{rows: "told"}),  # type: ignore[no-untyped-call]
        func=f"""
            UPDATE customers_standing s SET labels = {labels}
              FROM (SELECT customer_id, array_agg(label_id) AS ids FROM told GROUP BY customer_id) t
             WHERE s.customer_id = t.customer_id;
            RETURN NULL;
        """,  # noqa: S608 (our own)
    )


class CustomerLabel(models.Model):
    """A customer carries a label: since when, by whom, and by which bulk run. Given and taken, never changed."""

    label = models.ForeignKey(Label, models.PROTECT, related_name="carriers", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="labels", db_index=False)
    by = models.ForeignKey(USER, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField()
    run = models.ForeignKey(BulkRun, models.PROTECT, null=True, blank=True, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["customer", "label"], name="label_carried_once")]
        indexes = [models.Index(fields=["label", "customer"], name="carriers_of_a_label")]
        triggers = [
            _told(
                "label_given",
                pgtrigger.Insert,
                "new",
                "ARRAY(SELECT DISTINCT id FROM unnest(s.labels || t.ids) AS id ORDER BY id)",
            ),
            _told(
                "label_taken",
                pgtrigger.Delete,
                "old",
                "ARRAY(SELECT id FROM unnest(s.labels) AS id WHERE id <> ALL (t.ids) ORDER BY id)",
            ),
            pgtrigger.Protect(name="given_or_taken", operation=pgtrigger.Update),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.label_id}"
