"""What a colleague hears, what is agreed, and what was lost stand with the alert; its class is held while it is open."""

import core.lib.money
import django.contrib.postgres.fields
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


# The class of the day on which each open alert began, as far as moves are on record.
SERVED_AS = """
    UPDATE segmentation_alert a
       SET served_as = coalesce(
               (SELECT c.class_before FROM segmentation_change c
                 WHERE c.customer_id = a.customer_id AND c."on" >= a.opened_on ORDER BY c."on" LIMIT 1),
               s.customer_class)
      FROM customers_standing s
     WHERE s.customer_id = a.customer_id
"""
HELD = """
    UPDATE customers_standing s SET held_class = a.served_as
      FROM segmentation_alert a
     WHERE a.state = 'open' AND a.customer_id = s.customer_id AND s.held_class <> a.served_as
"""


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0030_served_as"),
        ("segmentation", "0005_segments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="alert",
            name="one_alert_per_silence",
        ),
        migrations.AddField(
            model_name="alert",
            name="chance",
            field=models.CharField(
                blank=True,
                choices=[("yes", "Yes"), ("maybe", "Perhaps"), ("no", "No")],
                db_default="",
                default="",
                max_length=5,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="line",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="customers.category",
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="manager_at_close",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="profit_before",
            field=core.lib.money.MoneyField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="returned_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="alert",
            name="rival_service",
            field=models.SmallIntegerField(
                blank=True,
                choices=[
                    (-2, "Much worse than ours"),
                    (-1, "Worse than ours"),
                    (0, "Alike"),
                    (1, "Better than ours"),
                    (2, "Much better than ours"),
                ],
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="alert",
            name="served_as",
            field=models.SmallIntegerField(
                choices=[(-1, "Prospect"), (0, "Random"), (1, "Active"), (2, "Big")],
                db_default=-1,
                default=-1,
                help_text="The class of its first day",
            ),
        ),
        migrations.AddField(
            model_name="alertcomment",
            name="mentions",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.BigIntegerField(),
                db_default=[],
                default=list,
                help_text="The people it calls for",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="alertcomment",
            name="sign",
            field=models.CharField(
                blank=True,
                choices=[
                    ("rival", "Buys or wants to buy elsewhere"),
                    ("price", "Finds us too dear"),
                    ("service", "Is disappointed by our service"),
                    ("quality", "Is disappointed by the goods"),
                    ("moved", "Moves away, or needs it no more"),
                    ("silent", "Does not answer any more"),
                    ("other", "Something else"),
                ],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("quiet", "Past their own usual interval"),
                    ("long_absence", "Long absence"),
                    ("suspected", "Suspected by a colleague"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(fields=["customer", "-opened_on"], name="alert_by_customer"),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(condition=models.Q(("state", "lost")), fields=["-closed_on", "-id"], name="alert_lost"),
        ),
        migrations.RunSQL(SERVED_AS, migrations.RunSQL.noop),
        migrations.RunSQL(HELD, migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name="alert",
            trigger=pgtrigger.compiler.Trigger(
                name="held_while_open",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="\n    IF TG_OP <> 'INSERT' AND OLD.state = 'open' THEN\n        UPDATE customers_standing SET held_class = -1 WHERE customer_id = OLD.customer_id AND held_class <> -1;\n    END IF;\n    IF TG_OP <> 'DELETE' AND NEW.state = 'open' THEN\n        UPDATE customers_standing SET held_class = NEW.served_as\n         WHERE customer_id = NEW.customer_id AND held_class <> NEW.served_as;\n    END IF;\n    RETURN NULL;\n",
                    hash="87515022448f071b88f99f9fc206527c7e9178d5",
                    operation='INSERT OR UPDATE OF "state", "customer_id", "served_as" OR DELETE',
                    pgid="pgtrigger_held_while_open_83de6",
                    table="segmentation_alert",
                    when="AFTER",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="alert",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "suspected"), _negated=True),
                fields=("customer", "kind", "last_on"),
                name="one_alert_per_silence",
            ),
        ),
    ]
