"""How high the rows of a list are, as somebody prefers it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("views", "0001_saved_views")]

    operations = [
        migrations.AddField(
            model_name="listpreference",
            name="density",
            field=models.CharField(
                choices=[("compact", "Close together"), ("wide", "Wide")],
                db_default="compact",
                default="compact",
                max_length=7,
            ),
        ),
    ]
