"""What waits for an order that has arrived already points at it. Chunk by chunk, each committed; begun again it goes on."""

from django.db import migrations

CHUNK = 50_000
FILL = """
UPDATE {table} waiting
   SET order_id = arrived.id
  FROM customers_order arrived
 WHERE waiting.id >= %(first)s AND waiting.id < %(end)s AND waiting.order_id IS NULL AND {which}
   AND waiting.{text} = arrived.source || ':' || arrived.external_id
"""
WHICH = (
    ("loyalty_couponredemption", "order_ref", "true"),
    ("loyalty_creditauthorisation", "order_ref", "true"),
    ("loyalty_lotteryticket", "source_ref", "waiting.source = 'order'"),
)


def fill(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table, text, which in WHICH:
            cursor.execute(f"SELECT coalesce(min(id), 0), coalesce(max(id), -1) FROM {table} WHERE order_id IS NULL")
            first, last = cursor.fetchone()
            for start in range(first, last + 1, CHUNK):
                cursor.execute(
                    FILL.format(table=table, text=text, which=which), {"first": start, "end": start + CHUNK}
                )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("loyalty", "0007_order_keys"),
    ]

    # Backwards the column goes with 0007; the text has been there all the time.
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
