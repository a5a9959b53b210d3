"""The open work of an alert says what was decided about it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("segmentation", "0002_indexes_that_are_used"),
        ("customers", "0020_promises_and_stakes"),
    ]

    operations = [
        migrations.RunSQL(
            """
            UPDATE customers_todo t
               SET text = t.text || jsonb_build_object('decision', a.decision)
              FROM segmentation_alert a
             WHERE a.id = t.alert_id AND t.state = 'open' AND a.decision <> ''
            """,
            migrations.RunSQL.noop,
        ),
    ]
