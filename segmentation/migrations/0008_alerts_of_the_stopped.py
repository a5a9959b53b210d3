"""An alert ends when its customer must not be reached any more; the night ends those that are open still."""

from django.db import migrations, models

STATES = (
    ("open", "Open"),
    ("recovered", "Bought again"),
    ("lost", "Lost"),
    ("no_response", "No response"),
    ("stopped", "Not to be reached"),
)


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0007_one_open_alert")]

    operations = [
        migrations.AlterField("alert", "state", models.CharField(choices=STATES, default="open", max_length=12)),
    ]
