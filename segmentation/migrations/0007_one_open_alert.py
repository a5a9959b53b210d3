"""A customer has one open alert: 0002 took the index of the customer away, and with it this unique one."""

from django.db import migrations

# Of several the oldest goes on; the work of the others is no longer needed.
END_LATER = """
    WITH ended AS (
        UPDATE segmentation_alert a SET state = 'no_response', closed_on = a.opened_on
         WHERE a.state = 'open'
           AND EXISTS (SELECT 1 FROM segmentation_alert o
                        WHERE o.customer_id = a.customer_id AND o.state = 'open' AND o.id < a.id)
     RETURNING a.id
    )
    UPDATE customers_todo t SET state = 'dropped', closed_at = now()
      FROM ended WHERE t.alert_id = ended.id AND t.state = 'open'
"""
INDEX = """
    CREATE UNIQUE INDEX IF NOT EXISTS one_open_alert_per_customer
        ON segmentation_alert (customer_id) WHERE state = 'open'
"""
HELD = """
    UPDATE customers_standing s SET held_class = a.served_as
      FROM segmentation_alert a
     WHERE a.state = 'open' AND a.customer_id = s.customer_id AND s.held_class <> a.served_as
"""


class Migration(migrations.Migration):
    dependencies = [("segmentation", "0006_alerts_to_the_end")]

    operations = [
        migrations.RunSQL(END_LATER, migrations.RunSQL.noop),
        migrations.RunSQL(HELD, migrations.RunSQL.noop),
        migrations.RunSQL(INDEX, migrations.RunSQL.noop),
    ]
