"""All that the first 8 migrations come to: a new database gets it in one step instead of theirs."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.lib.database.at_once import AtOnce, RunDeferred


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('outbox', '0001_initial'),
        ('outbox', '0002_webhooks'),
        ('outbox', '0003_leases'),
        ('outbox', '0004_bell'),
        ('outbox', '0005_deliveries'),
        ('outbox', '0006_count_failed'),
        ('outbox', '0007_indexes_that_are_used'),
        ('outbox', '0008_channel_switches'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='WebhookEndpoint',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('url', models.URLField(max_length=400, unique=True, verbose_name='address')),
                    ('events', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
                    ('secret', models.BinaryField()),
                    ('active', models.BooleanField(default=True)),
                    ('at', models.DateTimeField()),
                    ('failing_since', models.DateTimeField(blank=True, null=True)),
                    ('error', models.CharField(blank=True, max_length=200)),
                    ('ended_at', models.DateTimeField(blank=True, help_text='Disabled by a person, or after days of failures', null=True)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='ChannelSwitch',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(max_length=8)),
                    ('purpose', models.CharField(max_length=10)),
                    ('is_open', models.BooleanField()),
                    ('at', models.DateTimeField()),
                    ('reason', models.CharField(blank=True, max_length=200)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(fields=['channel', 'purpose', '-id'], name='channel_switch_last')],
                },
            ),
            migrations.CreateModel(
                name='Message',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('claimed_until', models.DateTimeField(blank=True, null=True)),
                    ('channel', models.CharField(choices=[('in_app', 'In Laoke'), ('email', 'E-mail')], max_length=10)),
                    ('dedupe_key', models.CharField(max_length=120, unique=True)),
                    ('kind', models.CharField(blank=True, max_length=40)),
                    ('params', models.JSONField(default=dict)),
                    ('topic', models.CharField(choices=[('approval', 'Approvals'), ('promise', 'Promises that run out'), ('question', 'Questions and answers between departments'), ('case', 'Cases given to me or taken from me'), ('big', 'My big customers complain'), ('unhappy', 'Customers who are not content'), ('refused', 'What was decided about my proposals'), ('fault', 'Faults of the system'), ('alert', 'Alerts of the night'), ('import', 'Imports'), ('improvement', 'Corrective actions'), ('digest', 'Digest of the day')], default='case', max_length=12)),
                    ('thread', models.CharField(blank=True, help_text='What it is about: case:12', max_length=80)),
                    ('needs', models.BooleanField(default=False, help_text='Somebody has to do something')),
                    ('subject', models.CharField(max_length=200)),
                    ('body', models.TextField(blank=True)),
                    ('link', models.CharField(blank=True, max_length=200)),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('failed', 'Failed')], default='waiting', max_length=10)),
                    ('next_attempt_at', models.DateTimeField()),
                    ('error', models.CharField(blank=True, max_length=300)),
                    ('queued_at', models.DateTimeField()),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('read_at', models.DateTimeField(blank=True, null=True)),
                    ('settled_at', models.DateTimeField(blank=True, help_text='Nobody has to do anything any more', null=True)),
                    ('recipient', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('channel', 'in_app'), ('read_at__isnull', True), ('settled_at__isnull', True)), fields=['recipient', 'thread'], name='outbox_bell'), models.Index(condition=models.Q(('settled_at__isnull', True)), fields=['thread'], name='outbox_thread'), models.Index(condition=models.Q(('state', 'waiting')), fields=['next_attempt_at'], name='outbox_due'), models.Index(condition=models.Q(('state', 'failed')), fields=['id'], name='outbox_failed'), models.Index(fields=['recipient', '-queued_at'], name='outbox_recipient')],
                },
            ),
            migrations.CreateModel(
                name='NoticeChoice',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('topic', models.CharField(choices=[('approval', 'Approvals'), ('promise', 'Promises that run out'), ('question', 'Questions and answers between departments'), ('case', 'Cases given to me or taken from me'), ('big', 'My big customers complain'), ('unhappy', 'Customers who are not content'), ('refused', 'What was decided about my proposals'), ('fault', 'Faults of the system'), ('alert', 'Alerts of the night'), ('import', 'Imports'), ('improvement', 'Corrective actions'), ('digest', 'Digest of the day')], max_length=12)),
                    ('level', models.CharField(choices=[('ring', 'Ring'), ('news', 'Only in the digest'), ('off', 'Off'), ('mail', 'Also by e-mail')], max_length=4)),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notice_choices', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('user', 'topic'), name='one_choice_per_topic'), models.CheckConstraint(condition=models.Q(('level', 'off'), ('topic__in', ['approval', 'promise']), _negated=True), name='approvals_are_never_off'), models.CheckConstraint(condition=models.Q(models.Q(('level', 'mail'), ('topic', 'digest')), models.Q(models.Q(('topic', 'digest'), _negated=True), models.Q(('level', 'mail'), _negated=True)), _connector='OR'), name='only_the_digest_is_mailed')],
                },
            ),
            migrations.CreateModel(
                name='WebhookEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('claimed_until', models.DateTimeField(blank=True, null=True)),
                    ('event_id', models.UUIDField()),
                    ('kind', models.CharField(max_length=40)),
                    ('happened_at', models.DateTimeField()),
                    ('data', models.JSONField(help_text='Numbers and figures, never personal data')),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('failed', 'Failed')], default='waiting', max_length=8)),
                    ('next_attempt_at', models.DateTimeField()),
                    ('error', models.CharField(blank=True, max_length=200)),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='outbox.webhookendpoint')),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['endpoint', 'next_attempt_at', 'id'], name='webhook_due'), models.Index(condition=models.Q(('state', 'failed')), fields=['endpoint', '-id'], name='webhook_failed'), models.Index(fields=['next_attempt_at'], name='webhook_old')],
                    'constraints': [models.UniqueConstraint(fields=('endpoint', 'event_id'), name='webhook_event_once')],
                },
            ),
        ]),
        RunDeferred(),
        # Django makes a second index of each unique text, for “begins with”, which nobody asks of these.
        migrations.RunSQL(
            """
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
                               AND starts_with(tablename, 'outbox_') AND right(indexname, 5) = '_like'
                               AND NOT tablename = ANY('{outbox_message}') LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
