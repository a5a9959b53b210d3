from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mall", "0001_mall")]

    operations = [
        migrations.CreateModel(
            name="VaultKey",
            fields=[
                ("fingerprint", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
        ),
    ]
