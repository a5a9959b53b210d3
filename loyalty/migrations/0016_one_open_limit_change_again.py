"""When the index of a reference was dropped, Django took the unique one of proposed limits with it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0015_coupon_terms")]

    operations = [
        migrations.RunSQL(
            "CREATE UNIQUE INDEX IF NOT EXISTS one_open_limit_change ON loyalty_creditlimitchange (account_id)"
            " WHERE status = 'proposed'",
            migrations.RunSQL.noop,
        ),
    ]
