"""When the index of a reference was dropped, Django took the unique one of open alerts with it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0005_segments")]

    operations = [
        migrations.RunSQL(
            "CREATE UNIQUE INDEX IF NOT EXISTS one_open_alert_per_customer ON segmentation_alert (customer_id)"
            " WHERE state = 'open'",
            migrations.RunSQL.noop,
        ),
    ]
