"""What was decided about a file is kept as one, with what is open; profiles of sources; notes of rows."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("customers", "0010_careful_imports"),
    ]

    operations = [
        migrations.RenameField("import", "mapping", "choices"),
        migrations.RunSQL(
            "UPDATE customers_import SET choices = jsonb_build_object('mapping', choices) WHERE choices <> '{}'",
            "UPDATE customers_import SET choices = coalesce(choices -> 'mapping', '{}')",
        ),
        migrations.AddField("import", "findings", models.JSONField(default=dict)),
        migrations.CreateModel(
            name="ImportNote",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line_number", models.IntegerField()),
                ("column", models.CharField(blank=True, max_length=80)),
                ("code", models.CharField(max_length=20)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="customers.import"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ImportProfile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=80, unique=True)),
                ("source", models.CharField(blank=True, max_length=40)),
                ("kind", models.CharField(default="orders", max_length=12)),
                ("choices", models.JSONField()),
                ("columns", models.JSONField(default=list, help_text="Names of all columns of the file that it is of")),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("source", ""), _negated=True),
                        fields=("source", "kind"),
                        name="one_import_profile_per_source",
                    )
                ],
            },
        ),
    ]
