"""What no statement uses is no longer written: the beginning of another index, and “begins with” of keys."""

import django.contrib.postgres.indexes
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0019_indexes_that_are_used'),
        ('loyalty', '0012_points_of_file_changes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='couponissue',
            name='campaign',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='issues', to='loyalty.couponcampaign'),
        ),
        migrations.AlterField(
            model_name='creditlimitchange',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='limit_changes', to='loyalty.creditaccount'),
        ),
        migrations.AlterField(
            model_name='tiersimulation',
            name='draft',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='simulations', to='loyalty.tierdraft'),
        ),
        migrations.AddIndex(
            model_name='pointtxn',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='txn_moments'),
        ),
        # Django makes a second index of each unique text, for “begins with”, which nobody asks of these.
        migrations.RunSQL(
            """
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
                               AND starts_with(tablename, 'loyalty_') AND right(indexname, 5) = '_like' LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
