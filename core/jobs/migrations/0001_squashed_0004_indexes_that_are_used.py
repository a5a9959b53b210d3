"""All that the first 4 migrations come to: a new database gets it in one step instead of theirs."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

from core.lib.database.at_once import AtOnce


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('jobs', '0001_initial'),
        ('jobs', '0002_parts'),
        ('jobs', '0003_laws_by_difference'),
        ('jobs', '0004_indexes_that_are_used'),
    ]

    dependencies = [
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='LawState',
                fields=[
                    ('book', models.CharField(max_length=20, primary_key=True, serialize=False)),
                    ('seen_until', models.BigIntegerField(null=True)),
                    ('sevenths', django.contrib.postgres.fields.ArrayField(base_field=models.DateField(), default=list, size=None)),
                ],
            ),
            migrations.CreateModel(
                name='BrokenLaw',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('book', models.CharField(max_length=20)),
                    ('law', models.CharField(help_text="The step of the book's laws.sql", max_length=40)),
                    ('rows', models.JSONField(help_text='At most ten of them, by their ids')),
                    ('found_at', models.DateTimeField()),
                    ('mended_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(condition=models.Q(('mended_at__isnull', True)), fields=('book', 'law'), name='law_broken_once')],
                },
            ),
            migrations.CreateModel(
                name='JobRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('job', models.CharField(max_length=40)),
                    ('business_date', models.DateField()),
                    ('state', models.CharField(choices=[('waiting', 'Waiting'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='waiting', max_length=10)),
                    ('attempts', models.PositiveIntegerField(default=0)),
                    ('fence', models.PositiveBigIntegerField(default=0)),
                    ('step', models.CharField(blank=True, max_length=60)),
                    ('cursor', models.JSONField(default=dict)),
                    ('counts', models.JSONField(default=dict)),
                    ('error', models.TextField(blank=True)),
                    ('holder', models.CharField(blank=True, max_length=120)),
                    ('planned_at', models.DateTimeField()),
                    ('started_at', models.DateTimeField(blank=True, null=True)),
                    ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'indexes': [models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['heartbeat_at'], name='unfinished_runs')],
                    'constraints': [models.UniqueConstraint(fields=('job', 'business_date'), name='one_run_per_job_and_date'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), ('finished_at__isnull', False), _connector='OR'), name='done_has_an_end')],
                },
            ),
            migrations.CreateModel(
                name='Part',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('first_id', models.BigIntegerField()),
                    ('last_id', models.BigIntegerField()),
                    ('done_at', models.DateTimeField(blank=True, null=True)),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='jobs.jobrun')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('run', 'first_id'), name='one_part_per_run_and_range'), models.CheckConstraint(condition=models.Q(('first_id__lte', models.F('last_id'))), name='part_is_a_range')],
                },
            ),
        ]),
    ]
