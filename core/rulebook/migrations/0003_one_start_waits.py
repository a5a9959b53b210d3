"""Where nothing was in force yet, one start waits at most: of several the newest is kept."""

from django.db import migrations, models

DROP_OLDER = """
    UPDATE rulebook_rulechange c SET state = 'dropped', ended_at = now(), ended_because = 'A later start waits'
     WHERE c.state = 'open' AND c.based_on = 0
       AND EXISTS (SELECT 1 FROM rulebook_rulechange o
                    WHERE o.kind = c.kind AND o.state = 'open' AND o.based_on = 0 AND o.id > c.id)
"""


class Migration(migrations.Migration):
    dependencies = [("rulebook", "0002_ended_changes")]

    operations = [
        migrations.RunSQL(DROP_OLDER, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "rulechange",
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(state="open", based_on=0), name="one_start_waits"
            ),
        ),
    ]
