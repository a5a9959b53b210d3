"""What no statement uses is no longer written: the beginning of another index."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0019_indexes_that_are_used'),
        ('segmentation', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='alert',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='customers.customer'),
        ),
        migrations.AlterField(
            model_name='change',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='customers.customer'),
        ),
    ]
