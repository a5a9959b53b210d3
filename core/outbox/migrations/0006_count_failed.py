from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("outbox", "0005_deliveries")]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(("state", "failed")), fields=["id"], name="outbox_failed"),
        ),
    ]
