"""What no statement uses is no longer written: the beginning of another index, and “begins with” of keys."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("complaints", "0005_what_was_told"),
        ('customers', '0019_indexes_that_are_used'),
    ]

    operations = [
        migrations.AlterField(
            model_name='calendaryear',
            name='calendar',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='years', to='complaints.businesscalendar'),
        ),
        migrations.AlterField(
            model_name='draft',
            name='case',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='complaints.case'),
        ),
        migrations.AlterField(
            model_name='escalationstep',
            name='policy',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='complaints.slapolicy'),
        ),
        migrations.AlterField(
            model_name='queuemember',
            name='queue',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='complaints.queue'),
        ),
        migrations.AlterField(
            model_name='silentsign',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='silent_signs', to='customers.customer'),
        ),
        migrations.AlterField(
            model_name='slatarget',
            name='policy',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='complaints.slapolicy'),
        ),
        # Django makes a second index of each unique text, for “begins with”, which nobody asks of these.
        migrations.RunSQL(
            """
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
                               AND starts_with(tablename, 'complaints_') AND right(indexname, 5) = '_like' LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
