from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("customers", "0017_book_moves_and_erasure")]

    operations = [
        migrations.AddField("contactpoint", "import_run", models.BigIntegerField(blank=True, null=True)),
        migrations.AddField("order", "modified_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "refund", "reason", models.CharField(blank=True, db_default="", default="", max_length=200)
        ),
        migrations.AddField("externalidentity", "import_run", models.BigIntegerField(blank=True, null=True)),
        migrations.AddIndex(
            "contactpoint",
            models.Index(fields=["import_run"], name="contact_point_told", condition=Q(import_run__isnull=False)),
        ),
        migrations.AddIndex(
            "externalidentity",
            models.Index(fields=["import_run"], name="identity_told", condition=Q(import_run__isnull=False)),
        ),
    ]
