"""Who looked after whom on which days: filled once from the audit trail, kept by triggers from now on."""

import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models


# What is so today, by the record; then what was before, line by line, as far as it does not contradict it.
FILL = """
    INSERT INTO customers_managerspan (customer_id, manager_id, days)
    SELECT id, manager_id, daterange(manager_since, NULL) FROM customers_customer WHERE manager_id IS NOT NULL;
    INSERT INTO customers_managerspan (customer_id, manager_id, days)
    WITH lines AS (
        SELECT a.subject_id AS customer, (a.detail->>'on')::date AS since, (a.detail->>'manager')::bigint AS manager,
               (a.detail->>'before')::bigint AS before,
               row_number() OVER of_one AS n, lead((a.detail->>'on')::date) OVER of_one AS next
          FROM accounts_auditentry a
         WHERE a.action = 'customer.assigned' AND a.subject_type = 'customer' AND a.detail ? 'on'
        WINDOW of_one AS (PARTITION BY a.subject_id ORDER BY a.at, a.id)
    ), told AS (
        SELECT customer, manager, since, next AS until FROM lines WHERE manager IS NOT NULL
        UNION ALL
        SELECT customer, before, NULL, since FROM lines WHERE n = 1 AND before IS NOT NULL
    ), whole AS (
        SELECT t.customer, t.manager, t.since, least(t.until, c.manager_since) AS until
          FROM told t JOIN customers_customer c ON c.id = t.customer JOIN accounts_user u ON u.id = t.manager
    )
    SELECT customer, manager, daterange(since, until) FROM whole
     WHERE until IS NOT NULL AND (since IS NULL OR since < until)
     ORDER BY customer, since NULLS FIRST
        ON CONFLICT DO NOTHING;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('customers', '0030_served_as'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        migrations.CreateModel(
            name='ManagerSpan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('days', django.contrib.postgres.fields.ranges.DateRangeField()),
            ],
        ),
        migrations.AddField(
            model_name='managerspan',
            name='customer',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='spans', to='customers.customer'),
        ),
        migrations.AddField(
            model_name='managerspan',
            name='manager',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='managerspan',
            index=models.Index(fields=['manager'], name='span_by_manager'),
        ),
        migrations.AddConstraint(
            model_name='managerspan',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('customer', '='), ('days', '&&')], name='one_manager_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='managerspan',
            constraint=models.CheckConstraint(condition=models.Q(('days__isempty', False)), name='manager_span_has_days'),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='manager_begins', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."manager_id" IS NOT NULL)', declare='DECLARE since date;', func="\n    since := coalesce(NEW.manager_since, (now() AT TIME ZONE coalesce(\n        (SELECT time_zone FROM mall_mallsettings LIMIT 1), current_setting('TimeZone')))::date);\n    DELETE FROM customers_managerspan WHERE customer_id = NEW.id AND lower(days) >= since;\n    UPDATE customers_managerspan SET days = daterange(lower(days), since)\n     WHERE customer_id = NEW.id AND (upper_inf(days) OR upper(days) > since);\n    IF NEW.manager_id IS NOT NULL THEN\n        INSERT INTO customers_managerspan (customer_id, manager_id, days)\n        VALUES (NEW.id, NEW.manager_id, daterange(since, NULL));\n    END IF;\n    RETURN NULL;\n", hash='3029f7db864b055cfb80969405dc8b491928a291', operation='INSERT', pgid='pgtrigger_manager_begins_a581c', table='customers_customer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='customer',
            trigger=pgtrigger.compiler.Trigger(name='manager_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."manager_id" IS DISTINCT FROM (NEW."manager_id") OR OLD."manager_since" IS DISTINCT FROM (NEW."manager_since"))', declare='DECLARE since date;', func="\n    since := coalesce(NEW.manager_since, (now() AT TIME ZONE coalesce(\n        (SELECT time_zone FROM mall_mallsettings LIMIT 1), current_setting('TimeZone')))::date);\n    DELETE FROM customers_managerspan WHERE customer_id = NEW.id AND lower(days) >= since;\n    UPDATE customers_managerspan SET days = daterange(lower(days), since)\n     WHERE customer_id = NEW.id AND (upper_inf(days) OR upper(days) > since);\n    IF NEW.manager_id IS NOT NULL THEN\n        INSERT INTO customers_managerspan (customer_id, manager_id, days)\n        VALUES (NEW.id, NEW.manager_id, daterange(since, NULL));\n    END IF;\n    RETURN NULL;\n", hash='476425a894d55dc65d8ad7162a81f0845008fd3d', operation='UPDATE OF "manager_id", "manager_since"', pgid='pgtrigger_manager_changes_324b3', table='customers_customer', when='AFTER')),
        ),
    ]
