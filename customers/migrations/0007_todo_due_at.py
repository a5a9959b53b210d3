from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0005_merged_customers"),
    ]

    operations = [
        migrations.AddField(
            model_name="todo",
            name="due_at",
            field=models.DateTimeField(
                blank=True, help_text="The moment, where more than the day was promised", null=True
            ),
        ),
    ]
