"""A letter that waits for a colleague is somebody's work: also those that wait already."""

from django.db import migrations, models

# Of the manager, by the first table of risks; the night works out again what is at stake.
WAITING = """
    INSERT INTO customers_todo (customer_id, reason, text, due_on, at_stake, stake_parts, dedupe_key, state,
                                snooze_reason, opened_at)
    SELECT l.customer_id, 'letter',
           jsonb_build_object('letter', l.id::text, 'channel', l.channel)
           || CASE WHEN l.occasion ~ '^case:[0-9]{1,18}$'
                   THEN jsonb_build_object('case', substr(l.occasion, 6)::bigint)
                   ELSE jsonb_build_object('purpose', l.purpose) END,
           l.written_at::date, round(worth * 0.10)::bigint,
           jsonb_build_object('risk', '0.10', 'value', (worth / 100.0)::numeric(18, 2)::text, 'version', 1),
           'letter:' || l.id, 'open', '', l.written_at
      FROM customers_letter l
      JOIN customers_standing s ON s.customer_id = l.customer_id
     CROSS JOIN LATERAL (SELECT greatest(s.value, 0) AS worth) w
     WHERE l.state = 'waiting' AND l.by_hand
        ON CONFLICT (dedupe_key) DO NOTHING
"""
REASONS = (
    ("alert", "Quiet customer"),
    ("promise", "Promise"),
    ("contact", "Planned contact"),
    ("tier", "Level at risk"),
    ("credit", "Payment overdue"),
    ("check", "To be checked"),
    ("letter", "Letter to be sent"),
)


class Migration(migrations.Migration):
    dependencies = [("customers", "0031_manager_spans")]

    operations = [
        migrations.AlterField("todo", "reason", models.CharField(choices=REASONS, max_length=10)),
        migrations.RunSQL(WAITING, migrations.RunSQL.noop),
    ]
