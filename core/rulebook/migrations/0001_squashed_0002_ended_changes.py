"""All that the first 2 migrations come to: a new database gets it in one step instead of theirs."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from core.lib.database.at_once import AtOnce


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('rulebook', '0001_rule_changes'),
        ('rulebook', '0002_ended_changes'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='RuleChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(max_length=20)),
                    ('content', models.JSONField()),
                    ('starts_on', models.DateField(verbose_name='in force from')),
                    ('reason', models.CharField(max_length=300, verbose_name='why the rules change')),
                    ('at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('open', 'Waits for a second person'), ('confirmed', 'Confirmed to begin'), ('dropped', 'Dropped'), ('withdrawn', 'Withdrawn before it began')], default='open', max_length=10)),
                    ('based_on', models.PositiveIntegerField(blank=True, null=True)),
                    ('rolls_back', models.PositiveIntegerField(blank=True, null=True)),
                    ('foretold', models.JSONField(default=dict)),
                    ('moves', models.JSONField(default=list, help_text='[customer, before, after] of everybody whom the rule moves')),
                    ('foretold_at', models.DateTimeField()),
                    ('version', models.PositiveIntegerField(blank=True, null=True)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('client_key', models.CharField(blank=True, max_length=80)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_because', models.CharField(blank=True, max_length=300)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(fields=['kind', '-id'], name='rule_change_newest')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'confirmed')), fields=('kind', 'version'), name='one_change_per_version'), models.UniqueConstraint(condition=models.Q(('client_key', ''), _negated=True), fields=('client_key',), name='one_change_per_key'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'confirmed'), _negated=True), models.Q(('decided_by__isnull', False), ('version__isnull', False)), _connector='OR'), name='confirmed_change_is_a_version'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'confirmed'), _negated=True), models.Q(('by', models.F('decided_by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='rules_need_two_people')],
                },
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='rulechange',
                trigger=pgtrigger.compiler.Trigger(name='says_what_it_said', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."content" IS DISTINCT FROM (NEW."content") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at") OR OLD."based_on" IS DISTINCT FROM (NEW."based_on") OR OLD."rolls_back" IS DISTINCT FROM (NEW."rolls_back"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='3e6b95a0d5dc380cd71c31874a9e6471907e6a32', operation='UPDATE', pgid='pgtrigger_says_what_it_said_c1719', table='rulebook_rulechange', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='rulechange',
                trigger=pgtrigger.compiler.Trigger(name='is_decided_once', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{open:confirmed,open:dropped,confirmed:withdrawn}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='8442584eefff108c03bc7eff5a8d3d03d22959cd', operation='UPDATE', pgid='pgtrigger_is_decided_once_564f7', table='rulebook_rulechange', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='rulechange',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='500ef8db9fb38791063515908a5b703e327aa5e4', operation='DELETE', pgid='pgtrigger_never_deleted_22b54', table='rulebook_rulechange', when='BEFORE')),
            ),
        ]),
    ]
