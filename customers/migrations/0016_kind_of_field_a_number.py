from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0015_import_kinds")]

    operations = [
        migrations.AlterField(
            "customfield",
            "kind",
            models.CharField(
                choices=[("text", "Text"), ("number", "A number"), ("date", "Date"), ("choice", "Choice")],
                max_length=6,
                verbose_name="kind",
            ),
        ),
    ]
