"""What a refused row says is kept in the sealed file alone, not once more in clear."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0013_privacy"),
    ]

    operations = [
        migrations.RemoveField(model_name="rejectedrow", name="line"),
    ]
