"""What no statement uses is no longer written: the beginning of another index."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("jobs", "0003_laws_by_difference"),
    ]

    operations = [
        migrations.AlterField(
            model_name='part',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='jobs.jobrun'),
        ),
    ]
