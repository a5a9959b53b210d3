"""All that the first 5 migrations come to: a new database gets it in one step instead of theirs."""

import core.lib.money
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from core.lib.database.at_once import AtOnce


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('segmentation', '0001_initial'),
        ('segmentation', '0002_indexes_that_are_used'),
        ('segmentation', '0003_decided_alerts'),
        ('segmentation', '0004_rule_changes'),
        ('segmentation', '0005_segments'),
    ]

    dependencies = [
        ('accounts', '0001_squashed_0010_department_role'),
        ('customers', '0001_squashed_0026_who_is_counted'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='Fit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('as_of', models.DateField(unique=True)),
                    ('parameters', models.JSONField()),
                    ('diagnostics', models.JSONField(default=dict)),
                ],
            ),
            migrations.CreateModel(
                name='Alert',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('quiet', 'Past their own usual interval'), ('long_absence', 'Long absence')], max_length=12)),
                    ('last_on', models.DateField(help_text='The last purchase day before the silence')),
                    ('opened_on', models.DateField()),
                    ('window_ends_on', models.DateField()),
                    ('silent', models.BooleanField(default=False, help_text='Backlog of a first run: listed, not notified')),
                    ('severity', core.lib.money.MoneyField(help_text='Expected profit at stake over the horizon')),
                    ('evidence', models.JSONField(default=dict)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('recovered', 'Bought again'), ('lost', 'Lost'), ('no_response', 'No response')], default='open', max_length=12)),
                    ('decision', models.CharField(blank=True, choices=[('', 'Not decided'), ('contact', 'Contact'), ('offer', 'Make an offer'), ('visit', 'Visit'), ('watch', 'Watch')], default='', max_length=8)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('closed_on', models.DateField(blank=True, null=True)),
                    ('cause', models.CharField(blank=True, choices=[('gave_up', 'Given up by us'), ('left', 'Left by choice'), ('poached', 'Poached by a rival'), ('attracted', 'Attracted away'), ('forced', 'Forced to leave'), ('other', 'Other')], default='', max_length=10)),
                    ('interview', models.JSONField(default=dict)),
                    ('recovered_after_days', models.IntegerField(blank=True, null=True)),
                    ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='AlertComment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('text', models.TextField()),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='segmentation.alert')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Backtest',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('cut_on', models.DateField()),
                    ('at', models.DateTimeField()),
                    ('table', models.JSONField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Change',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('on', models.DateField()),
                    ('class_before', models.SmallIntegerField(choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')])),
                    ('class_after', models.SmallIntegerField(choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')])),
                    ('type_before', models.SmallIntegerField(choices=[(0, 'Not valued yet'), (1, 'I'), (2, 'II'), (3, 'III'), (4, 'IV')])),
                    ('type_after', models.SmallIntegerField(choices=[(0, 'Not valued yet'), (1, 'I'), (2, 'II'), (3, 'III'), (4, 'IV')])),
                    ('value', core.lib.money.MoneyField()),
                    ('potential', core.lib.money.MoneyField()),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='RuleSet',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('parameters', models.JSONField()),
                    ('reason', models.CharField(max_length=300)),
                    ('at', models.DateTimeField()),
                    ('starts_on', models.DateField(blank=True, help_text='The first night it is for; empty: the next one', null=True)),
                    ('withdrawn_at', models.DateTimeField(blank=True, help_text='Taken back before its first night', null=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ('rolls_back', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segmentation.ruleset')),
                ],
            ),
            migrations.CreateModel(
                name='Night',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('as_of', models.DateField(unique=True)),
                    ('value_bar', models.FloatField()),
                    ('potential_bar', models.FloatField()),
                    ('figures', models.JSONField(default=dict)),
                    ('fit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='segmentation.fit')),
                    ('rules', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='segmentation.ruleset')),
                ],
            ),
            migrations.CreateModel(
                name='Segment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True)),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('about', models.CharField(blank=True, max_length=300, verbose_name='what it is for')),
                    ('visibility', models.CharField(choices=[('private', 'Only me'), ('team', 'My team'), ('all', 'Everybody')], default='private', max_length=8, verbose_name='who sees it')),
                    ('tracked', models.BooleanField(default=False, help_text='Who is in it is kept, night by night')),
                    ('created_at', models.DateTimeField()),
                    ('archived_at', models.DateTimeField(blank=True, null=True)),
                    ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.team')),
                ],
            ),
            migrations.CreateModel(
                name='SegmentVersion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('n', models.PositiveIntegerField()),
                    ('tree', models.JSONField()),
                    ('sentence', models.TextField(blank=True, help_text='In English, as it was said then')),
                    ('reason', models.CharField(blank=True, max_length=300)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('segment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='segmentation.segment')),
                ],
            ),
            migrations.CreateModel(
                name='SegmentMember',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('entered_on', models.DateField()),
                    ('entered_at', models.DateTimeField()),
                    ('why', models.CharField(choices=[('first', 'when the history began'), ('night', 'by the night'), ('rule', 'by a new rule'), ('asked', 'on request'), ('merge', 'with a merged record'), ('erased', 'erased')], max_length=8)),
                    ('left_on', models.DateField(blank=True, null=True)),
                    ('left_at', models.DateTimeField(blank=True, null=True)),
                    ('left_why', models.CharField(blank=True, choices=[('first', 'when the history began'), ('night', 'by the night'), ('rule', 'by a new rule'), ('asked', 'on request'), ('merge', 'with a merged record'), ('erased', 'erased')], max_length=8)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='in_segments', to='customers.customer')),
                    ('segment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='segmentation.segment')),
                    ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segmentation.segmentversion')),
                ],
            ),
            migrations.CreateModel(
                name='SegmentDay',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('on', models.DateField()),
                    ('size', models.IntegerField()),
                    ('entered', models.IntegerField(default=0)),
                    ('left', models.IntegerField(default=0)),
                    ('seconds', models.FloatField(default=0)),
                    ('segment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='days', to='segmentation.segment')),
                    ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='segmentation.segmentversion')),
                ],
            ),
            migrations.AddIndex(
                model_name='alert',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['-severity'], name='alert_open'),
            ),
            migrations.AddConstraint(
                model_name='alert',
                constraint=models.UniqueConstraint(fields=('customer', 'kind', 'last_on'), name='one_alert_per_silence'),
            ),
            migrations.AddConstraint(
                model_name='alert',
                constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('customer',), name='one_open_alert_per_customer'),
            ),
            migrations.AddConstraint(
                model_name='alert',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'lost'), _negated=True), models.Q(('cause', ''), _negated=True), _connector='OR'), name='lost_names_a_cause'),
            ),
            migrations.AddConstraint(
                model_name='alert',
                constraint=models.CheckConstraint(condition=models.Q(('state', 'open'), ('closed_on__isnull', False), _connector='OR'), name='closed_alert_has_a_day'),
            ),
            migrations.AddIndex(
                model_name='change',
                index=models.Index(fields=['-on', 'customer'], name='change_by_night'),
            ),
            migrations.AddConstraint(
                model_name='change',
                constraint=models.UniqueConstraint(fields=('customer', 'on'), name='one_change_per_night'),
            ),
            migrations.AddConstraint(
                model_name='segment',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('team__isnull', False), ('visibility', 'team')), models.Q(models.Q(('visibility', 'team'), _negated=True), ('team__isnull', True)), _connector='OR'), name='shared_with_a_team_names_it'),
            ),
            migrations.AddConstraint(
                model_name='segment',
                constraint=models.CheckConstraint(condition=models.Q(('archived_at__isnull', True), ('tracked', False), _connector='OR'), name='archived_is_not_tracked'),
            ),
            migrations.AddConstraint(
                model_name='segmentversion',
                constraint=models.UniqueConstraint(fields=('segment', 'n'), name='one_version_of_a_number'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='segmentversion',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='eaa1563b23896613c4abe2115f364403069e81f0', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_88a38', table='segmentation_segmentversion', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='segmentmember',
                index=models.Index(fields=['segment', 'entered_at'], name='member_by_entry'),
            ),
            migrations.AddIndex(
                model_name='segmentmember',
                index=models.Index(fields=['customer'], name='member_by_customer'),
            ),
            migrations.AddConstraint(
                model_name='segmentmember',
                constraint=models.UniqueConstraint(condition=models.Q(('left_on__isnull', True)), fields=('segment', 'customer'), name='in_a_segment_once'),
            ),
            migrations.AddConstraint(
                model_name='segmentmember',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('left_at__isnull', True), ('left_on__isnull', True), ('left_why', '')), models.Q(('left_at__isnull', False), ('left_on__gte', models.F('entered_on')), models.Q(('left_why', ''), _negated=True)), _connector='OR'), name='who_left_says_when_and_why'),
            ),
            migrations.AddConstraint(
                model_name='segmentday',
                constraint=models.UniqueConstraint(fields=('segment', 'on'), name='one_day_of_a_segment'),
            ),
        ]),
    ]
