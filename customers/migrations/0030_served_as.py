"""Whoever was big when a silence began is served as big until it ends: kept beside the class that figures read."""

from django.db import migrations, models
from django.db.models.functions import Greatest

CLASSES = [(-1, "Prospect"), (0, "Random"), (1, "Active"), (2, "Big")]


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0029_letters_without_receipt"),
    ]

    operations = [
        migrations.AddField(
            model_name="standing",
            name="held_class",
            field=models.SmallIntegerField(choices=CLASSES, db_default=-1, default=-1),
        ),
        migrations.AddField(
            model_name="standing",
            name="serve_class",
            field=models.GeneratedField(
                db_persist=True,
                expression=Greatest("customer_class", "held_class"),
                output_field=models.SmallIntegerField(choices=CLASSES),
            ),
        ),
    ]
