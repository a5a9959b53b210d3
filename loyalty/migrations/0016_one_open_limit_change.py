"""One proposal of a limit waits at a time: 0013 took the index of its account away, and with it this unique one."""

from django.db import migrations

# Of several that wait the newest is meant: the others are taken back by who proposed them.
WITHDRAW_OLDER = """
    UPDATE loyalty_creditlimitchange c
       SET status = 'withdrawn', decided_at = c.proposed_at, decided_by_id = c.proposed_by_id
     WHERE c.status = 'proposed'
       AND EXISTS (SELECT 1 FROM loyalty_creditlimitchange n
                    WHERE n.account_id = c.account_id AND n.status = 'proposed' AND n.id > c.id)
"""
INDEX = """
    CREATE UNIQUE INDEX IF NOT EXISTS one_open_limit_change
        ON loyalty_creditlimitchange (account_id) WHERE status = 'proposed'
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0015_coupon_terms")]

    operations = [
        migrations.RunSQL(WITHDRAW_OLDER, migrations.RunSQL.noop),
        migrations.RunSQL(INDEX, migrations.RunSQL.noop),
    ]
