"""All that the first 11 migrations come to: a new database gets it in one step instead of theirs."""

import complaints.models.calendars
import core.lib.money
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

from core.lib.database.at_once import AtOnce, RunDeferred


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('complaints', '0001_initial'),
        ('complaints', '0002_mail_and_approvals'),
        ('complaints', '0003_drop_macro'),
        ('complaints', '0004_calls_as_they_are'),
        ('complaints', '0005_what_was_told'),
        ('complaints', '0006_indexes_that_are_used'),
        ('complaints', '0007_people_who_must_know'),
        ('complaints', '0008_promised_remedies'),
        ('complaints', '0009_withdrawn_by_mistake'),
        ('complaints', '0010_answers_are_letters'),
        ('complaints', '0011_files_for_a_department'),
    ]

    dependencies = [
        ('customers', '0001_squashed_0026_who_is_counted'),
        ('loyalty', '0001_squashed_0015_coupon_terms'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        AtOnce([
            migrations.CreateModel(
                name='Attachment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('call_key', models.CharField(blank=True, max_length=40)),
                    ('kind', models.CharField(choices=[('jpeg', 'Photo'), ('png', 'Picture'), ('pdf', 'PDF')], max_length=4)),
                    ('name', models.CharField(max_length=120)),
                    ('size', models.PositiveIntegerField()),
                    ('digest', models.CharField(max_length=64)),
                    ('source', models.CharField(choices=[('staff', 'Staff'), ('customer', 'Customer')], max_length=8)),
                    ('added_at', models.DateTimeField()),
                    ('removed_at', models.DateTimeField(blank=True, null=True)),
                    ('removed_because', models.CharField(blank=True, max_length=200)),
                    ('added_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('removed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='BusinessCalendar',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('zone', models.CharField(max_length=60, verbose_name='time zone')),
                    ('day_and_night', models.BooleanField(default=False, verbose_name='day and night')),
                    ('country', models.CharField(blank=True, help_text='ISO code; empty: no public holidays', max_length=2, verbose_name='holidays of')),
                    ('version', models.PositiveIntegerField(default=1)),
                ],
            ),
            migrations.CreateModel(
                name='EscalationStep',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('metric', models.CharField(choices=[('first_response', 'First answer'), ('next_response', 'Next answer'), ('resolution', 'Solution')], max_length=14)),
                    ('at_percent', models.PositiveSmallIntegerField(verbose_name='at % of the time')),
                    ('notify', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('owner', 'Owner'), ('manager', 'Account manager'), ('head', 'Head of department')], max_length=8), default=list, size=None)),
                    ('raise_priority', models.BooleanField(default=False, verbose_name='raise priority')),
                ],
                options={
                    'ordering': ['metric', 'at_percent'],
                },
            ),
            migrations.CreateModel(
                name='AttachmentContent',
                fields=[
                    ('attachment', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='content', serialize=False, to='complaints.attachment')),
                    ('sealed', models.BinaryField()),
                ],
            ),
            migrations.CreateModel(
                name='Case',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('complaint', 'Complaint'), ('grumble', 'Remark in passing')], default='complaint', max_length=10, verbose_name='kind')),
                    ('channel', models.CharField(choices=[('phone', 'Phone'), ('wechat', 'WeChat'), ('web', 'Web form'), ('email', 'E-mail'), ('shop', 'Shop chat'), ('visit', 'Visit'), ('api', 'API')], max_length=8, verbose_name='channel')),
                    ('client_key', models.CharField(blank=True, max_length=80)),
                    ('told', models.CharField(blank=True, editable=False, max_length=32)),
                    ('source', models.CharField(blank=True, max_length=40)),
                    ('source_ref', models.CharField(blank=True, max_length=120)),
                    ('order_ref', models.CharField(blank=True, max_length=80, verbose_name='order')),
                    ('product_ref', models.CharField(blank=True, max_length=80, verbose_name='product')),
                    ('title', models.CharField(max_length=200, verbose_name='subject')),
                    ('description', models.TextField(blank=True, verbose_name='what happened')),
                    ('remedy_sought', models.CharField(blank=True, max_length=300, verbose_name='what the customer wants')),
                    ('external_case', models.CharField(blank=True, max_length=80, verbose_name='number with the authority or platform')),
                    ('severity', models.PositiveSmallIntegerField(choices=[(1, 'Safety or legal'), (2, 'High'), (3, 'Normal'), (4, 'Low')], verbose_name='severity')),
                    ('class_at_open', models.SmallIntegerField(choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')])),
                    ('served_as', models.SmallIntegerField(choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')], verbose_name='served as')),
                    ('value_at_open', core.lib.money.MoneyField(default=0)),
                    ('priority', models.PositiveSmallIntegerField(verbose_name='priority')),
                    ('priority_source', models.CharField(choices=[('rule', 'By the matrix'), ('manual', 'By hand'), ('escalation', 'Raised as time ran out')], default='rule', max_length=10)),
                    ('priority_reason', models.JSONField(default=dict)),
                    ('status', models.CharField(choices=[('new', 'New'), ('in_progress', 'In progress'), ('waiting_customer', 'Waiting for the customer'), ('waiting_internal', 'Waiting for a department'), ('resolved', 'Solved'), ('closed', 'Closed'), ('merged', 'Merged'), ('withdrawn', 'Withdrawn'), ('invalid', 'Not a complaint')], default='new', max_length=16, verbose_name='status')),
                    ('version', models.PositiveIntegerField(default=0)),
                    ('received_at', models.DateTimeField(verbose_name='said at')),
                    ('late_reason', models.CharField(blank=True, max_length=200)),
                    ('opened_at', models.DateTimeField()),
                    ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                    ('first_response_at', models.DateTimeField(blank=True, null=True)),
                    ('resolved_at', models.DateTimeField(blank=True, null=True)),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('cycle', models.PositiveSmallIntegerField(default=1)),
                    ('reopen_count', models.PositiveSmallIntegerField(default=0)),
                    ('next_due_at', models.DateTimeField(blank=True, null=True)),
                    ('next_due_metric', models.CharField(blank=True, choices=[('first_response', 'First answer'), ('next_response', 'Next answer'), ('resolution', 'Solution')], max_length=14)),
                    ('breached', models.BooleanField(default=False)),
                    ('needs_a_look', models.BooleanField(default=False)),
                    ('close_at', models.DateTimeField(blank=True, null=True)),
                    ('justified', models.CharField(choices=[('unknown', 'Not yet known'), ('justified', 'Justified'), ('partly', 'Partly justified'), ('unjustified', 'Not justified')], default='unknown', max_length=12, verbose_name='justified')),
                    ('outcome', models.CharField(blank=True, choices=[('fixed', 'Put right'), ('compensated', 'Compensated'), ('replaced', 'Replaced or returned'), ('explained', 'Explained'), ('goodwill', 'Goodwill without accepting'), ('rejected', 'Rejected with reasons')], max_length=12, verbose_name='outcome')),
                    ('resolution', models.TextField(blank=True, verbose_name='solution')),
                    ('customer', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='complaints', to='customers.customer')),
                    ('follows', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='followed_by', to='complaints.case')),
                    ('mail_from', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.contactpoint')),
                    ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged_cases', to='complaints.case')),
                    ('opened_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='cases', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
                    ('resolved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.AddField(
                model_name='attachment',
                name='case',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='attachments', to='complaints.case'),
            ),
            migrations.CreateModel(
                name='CaseEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seq', models.PositiveIntegerField()),
                    ('at', models.DateTimeField()),
                    ('actor_kind', models.CharField(choices=[('user', 'Staff'), ('customer', 'Customer'), ('system', 'Laoke')], max_length=8)),
                    ('kind', models.CharField(choices=[('logged', 'Logged'), ('routed', 'Handed out'), ('acknowledged', 'Acknowledged'), ('assigned', 'Assigned'), ('claimed', 'Taken'), ('released', 'Given back to the queue'), ('transferred', 'Moved to another queue'), ('edited', 'Changed'), ('prioritised', 'Priority changed'), ('replied', 'Answered'), ('noted', 'Note added'), ('waited', 'Waiting for the customer'), ('customer_replied', 'The customer wrote'), ('handed_over', 'Asked a department'), ('handover_accepted', 'Department accepted'), ('handover_answered', 'Department answered'), ('handover_rejected', 'Department declined'), ('handover_cancelled', 'Question withdrawn'), ('resumed', 'Work goes on'), ('remedy', 'Remedy'), ('resolved', 'Solved'), ('reopened', 'Reopened'), ('kept_resolved', 'Stays solved'), ('closed', 'Closed'), ('merged', 'Merged into another case'), ('absorbed', 'Another case merged in'), ('withdrawn', 'Withdrawn'), ('invalidated', 'Found not to be a complaint'), ('escalated', 'Escalated'), ('recalculated', 'Deadlines worked out again'), ('answered', 'Survey answered'), ('redacted', 'Words removed'), ('mailed', 'E-mail sent'), ('mail_back', 'E-mail came back'), ('linked', 'Linked to a customer'), ('promised', 'Call promised'), ('file_added', 'File added'), ('file_removed', 'File removed')], max_length=20)),
                    ('from_status', models.CharField(blank=True, choices=[('new', 'New'), ('in_progress', 'In progress'), ('waiting_customer', 'Waiting for the customer'), ('waiting_internal', 'Waiting for a department'), ('resolved', 'Solved'), ('closed', 'Closed'), ('merged', 'Merged'), ('withdrawn', 'Withdrawn'), ('invalid', 'Not a complaint')], max_length=16)),
                    ('to_status', models.CharField(choices=[('new', 'New'), ('in_progress', 'In progress'), ('waiting_customer', 'Waiting for the customer'), ('waiting_internal', 'Waiting for a department'), ('resolved', 'Solved'), ('closed', 'Closed'), ('merged', 'Merged'), ('withdrawn', 'Withdrawn'), ('invalid', 'Not a complaint')], max_length=16)),
                    ('touched', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), default=list, size=None)),
                    ('data', models.JSONField(default=dict)),
                    ('request_key', models.CharField(blank=True, max_length=80)),
                    ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='complaints.case')),
                ],
            ),
            migrations.CreateModel(
                name='CaseMessage',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('direction', models.CharField(choices=[('in', 'From the customer'), ('out', 'To the customer'), ('note', 'Note')], max_length=4)),
                    ('channel', models.CharField(blank=True, choices=[('phone', 'Phone'), ('wechat', 'WeChat'), ('web', 'Web form'), ('email', 'E-mail'), ('shop', 'Shop chat'), ('visit', 'Visit'), ('api', 'API')], max_length=8)),
                    ('body', models.TextField()),
                    ('sent_at', models.DateTimeField()),
                    ('cycle', models.PositiveSmallIntegerField()),
                    ('external_ref', models.CharField(blank=True, max_length=120, null=True, unique=True)),
                    ('counts_as_response', models.BooleanField(default=False)),
                    ('redacted_at', models.DateTimeField(blank=True, null=True)),
                    ('author', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='complaints.case')),
                ],
            ),
            migrations.CreateModel(
                name='CaseMail',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('state', models.CharField(choices=[('waiting', 'Queued'), ('sent', 'Sent'), ('failed', 'Not delivered'), ('by_hand', 'To be sent by hand'), ('dropped', 'Not sent'), ('delivered', 'Delivered'), ('bounced', 'Did not arrive')], max_length=9)),
                    ('own_id', models.CharField(help_text='Ours, by which an answer to it is known', max_length=200, unique=True)),
                    ('in_reply_to', models.CharField(blank=True, max_length=300)),
                    ('references', models.TextField(blank=True)),
                    ('subject', models.CharField(max_length=240)),
                    ('attempt', models.PositiveSmallIntegerField(default=1, help_text='The letter is the last of so many')),
                    ('error', models.CharField(blank=True, max_length=200)),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('letter', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.letter')),
                    ('message', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='mail', to='complaints.casemessage')),
                ],
            ),
            migrations.CreateModel(
                name='CaseOrder',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.CharField(max_length=80)),
                    ('position', models.PositiveSmallIntegerField(default=0)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='about_orders', to='complaints.case')),
                ],
            ),
            migrations.CreateModel(
                name='Category',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('position', models.PositiveSmallIntegerField(default=0)),
                    ('default_severity', models.PositiveSmallIntegerField(choices=[(1, 'Safety or legal'), (2, 'High'), (3, 'Normal'), (4, 'Low')], default=3, verbose_name='usual severity')),
                    ('needs_root_cause', models.BooleanField(default=True, verbose_name='root cause required')),
                    ('prompt_trigger', models.CharField(blank=True, max_length=10, verbose_name='prompt at')),
                    ('prompt_text', models.CharField(blank=True, max_length=300, verbose_name='prompt')),
                    ('active', models.BooleanField(default=True, verbose_name='in use')),
                    ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='complaints.category')),
                ],
                options={
                    'ordering': ['position', 'id'],
                },
            ),
            migrations.AddField(
                model_name='case',
                name='category',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='complaints.category', verbose_name='category'),
            ),
            migrations.CreateModel(
                name='Clock',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('metric', models.CharField(choices=[('first_response', 'First answer'), ('next_response', 'Next answer'), ('resolution', 'Solution')], max_length=14)),
                    ('cycle', models.PositiveSmallIntegerField()),
                    ('generation', models.PositiveSmallIntegerField(default=1)),
                    ('budget_minutes', models.PositiveIntegerField()),
                    ('calendar_version', models.PositiveIntegerField()),
                    ('started_at', models.DateTimeField()),
                    ('stopped_at', models.DateTimeField(blank=True, null=True)),
                    ('state', models.CharField(choices=[('running', 'Running'), ('paused', 'Paused'), ('met', 'Kept'), ('missed', 'Missed'), ('cancelled', 'Dropped')], default='running', max_length=9)),
                    ('due_at', models.DateTimeField(blank=True, null=True)),
                    ('breached_at', models.DateTimeField(blank=True, null=True)),
                    ('look_at', models.DateTimeField(blank=True, null=True)),
                    ('elapsed_seconds', models.PositiveIntegerField(blank=True, help_text='Business time, when it stopped', null=True)),
                    ('note', models.CharField(blank=True, max_length=60)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clocks', to='complaints.case')),
                ],
            ),
            migrations.CreateModel(
                name='Department',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('answer_minutes', models.PositiveIntegerField(default=240, verbose_name='minutes to answer')),
                    ('active', models.BooleanField(default=True, verbose_name='in use')),
                    ('calendar', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='complaints.businesscalendar', verbose_name='working hours')),
                    ('head', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='heads', to=settings.AUTH_USER_MODEL, verbose_name='head')),
                    ('members', models.ManyToManyField(blank=True, related_name='departments', to=settings.AUTH_USER_MODEL, verbose_name='people')),
                ],
            ),
            migrations.AddField(
                model_name='category',
                name='prompt_department',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.department'),
            ),
            migrations.CreateModel(
                name='Draft',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('body', models.TextField()),
                    ('base_version', models.PositiveIntegerField()),
                    ('updated_at', models.DateTimeField()),
                    ('author', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='drafts', to='complaints.case')),
                ],
            ),
            migrations.CreateModel(
                name='ClockAlert',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('due_at', models.DateTimeField()),
                    ('fired_at', models.DateTimeField()),
                    ('clock', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='alerts', to='complaints.clock')),
                    ('step', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.escalationstep')),
                ],
            ),
            migrations.CreateModel(
                name='Handover',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('ask', models.TextField(verbose_name='question')),
                    ('brief', models.JSONField(default=dict)),
                    ('blocking', models.BooleanField(default=True, verbose_name='the case cannot be solved without it')),
                    ('with_files', models.BooleanField(default=False, verbose_name='they see the files of the case')),
                    ('status', models.CharField(choices=[('pending', 'Not accepted yet'), ('accepted', 'Being worked on'), ('done', 'Answered'), ('rejected', 'Declined'), ('cancelled', 'Withdrawn')], default='pending', max_length=9)),
                    ('asked_at', models.DateTimeField()),
                    ('due_at', models.DateTimeField()),
                    ('escalated_at', models.DateTimeField(blank=True, null=True)),
                    ('accepted_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('answer', models.TextField(blank=True, verbose_name='answer')),
                    ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('assignee', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to='complaints.case')),
                    ('from_department', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.department')),
                    ('to_department', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='handovers', to='complaints.department')),
                ],
            ),
            migrations.CreateModel(
                name='Pause',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reason', models.CharField(choices=[('answer', "The customer's answer"), ('return', 'Goods on their way back'), ('authority', 'An authority or platform'), ('solved', 'Solved meanwhile')], max_length=10)),
                    ('period', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('clock', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pauses', to='complaints.clock')),
                ],
            ),
            migrations.CreateModel(
                name='PriorityMatrix',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('cells', models.JSONField()),
                    ('reason', models.CharField(max_length=200)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Queue',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('routing', models.CharField(choices=[('manual', 'Taken by hand'), ('least_loaded', 'To the least loaded')], default='least_loaded', max_length=12, verbose_name='handing out')),
                    ('is_vip', models.BooleanField(default=False, verbose_name='for big customers')),
                    ('is_default', models.BooleanField(default=False, verbose_name='when no other fits')),
                    ('department', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='complaints.department', verbose_name='department')),
                ],
            ),
            migrations.AddField(
                model_name='escalationstep',
                name='move_to',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.queue'),
            ),
            migrations.AddField(
                model_name='category',
                name='queue',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='categories', to='complaints.queue', verbose_name='queue'),
            ),
            migrations.AddField(
                model_name='case',
                name='queue',
                field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='complaints.queue', verbose_name='queue'),
            ),
            migrations.CreateModel(
                name='QueueMember',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('capacity', models.PositiveSmallIntegerField(default=20, verbose_name='cases at most')),
                    ('available', models.BooleanField(default=True, verbose_name='takes cases now')),
                    ('last_assigned_at', models.DateTimeField(blank=True, null=True)),
                    ('queue', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='complaints.queue')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='complaint_queues', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Remedy',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('refund', 'Refund'), ('points', 'Points'), ('coupon', 'Coupon'), ('credit', 'Store credit'), ('replacement', 'Replacement'), ('gift', 'Gift'), ('visit', 'Personal visit'), ('apology', 'Apology')], max_length=12, verbose_name='remedy')),
                    ('amount', core.lib.money.MoneyField(default=0, verbose_name='amount')),
                    ('reason', models.CharField(max_length=200, verbose_name='reason')),
                    ('status', models.CharField(choices=[('proposed', 'Waiting for approval'), ('approved', 'Approved'), ('rejected', 'Refused'), ('issued', 'Given'), ('failed', 'Failed'), ('revoked', 'Taken back')], max_length=9)),
                    ('needs_approval', models.BooleanField()),
                    ('limits', models.JSONField(default=dict)),
                    ('proposed_at', models.DateTimeField()),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('refused_because', models.CharField(blank=True, max_length=200)),
                    ('promised_at', models.DateTimeField(blank=True, null=True, verbose_name='promised for')),
                    ('issued_at', models.DateTimeField(blank=True, null=True)),
                    ('reference', models.CharField(blank=True, max_length=120)),
                    ('error', models.CharField(blank=True, max_length=200)),
                    ('client_key', models.CharField(max_length=80, unique=True)),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='remedies', to='complaints.case')),
                    ('coupon', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='remedy', to='loyalty.coupon')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='remedies', to='customers.customer')),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('issued_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='RemedyLimit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(choices=[('administrator', 'Administrator'), ('team_lead', 'Team lead'), ('account_manager', 'Account manager'), ('assistant', 'Assistant'), ('service_agent', 'Service agent'), ('service_lead', 'Service lead'), ('analyst', 'Analyst'), ('privacy_officer', 'Privacy officer'), ('department', 'Department colleague'), ('client', 'API client')], max_length=20, verbose_name='role')),
                    ('customer_class', models.SmallIntegerField(blank=True, choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')], null=True, verbose_name='class')),
                    ('kind', models.CharField(choices=[('refund', 'Refund'), ('points', 'Points'), ('coupon', 'Coupon'), ('credit', 'Store credit'), ('replacement', 'Replacement'), ('gift', 'Gift'), ('visit', 'Personal visit'), ('apology', 'Apology')], max_length=12, verbose_name='remedy')),
                    ('at_once', core.lib.money.MoneyField(verbose_name='at once')),
                    ('per_case', core.lib.money.MoneyField(verbose_name='per case')),
                    ('per_customer', core.lib.money.MoneyField(verbose_name='per customer in 30 days')),
                    ('per_day', core.lib.money.MoneyField(verbose_name='per person and day')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('role', 'customer_class', 'kind'), name='limit_once', nulls_distinct=False), models.CheckConstraint(condition=models.Q(('at_once__gte', 0), ('per_case__gte', 0), ('per_customer__gte', 0), ('per_day__gte', 0)), name='limits_not_negative')],
                },
            ),
            migrations.CreateModel(
                name='ReplyTemplate',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('body', models.TextField(verbose_name='text')),
                    ('active', models.BooleanField(default=True, verbose_name='in use')),
                    ('category', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='templates', to='complaints.category')),
                ],
            ),
            migrations.CreateModel(
                name='RootCause',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('controllable', models.BooleanField(default=True, verbose_name='within our control')),
                    ('active', models.BooleanField(default=True, verbose_name='in use')),
                    ('department', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='complaints.department', verbose_name='responsible department')),
                ],
            ),
            migrations.CreateModel(
                name='CorrectiveAction',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('product_ref', models.CharField(blank=True, max_length=80)),
                    ('rule', models.CharField(choices=[('count', 'Five or more in 30 days'), ('rate', 'Twice the usual rate'), ('big', 'Two big customers'), ('manual', 'Opened by hand')], max_length=8)),
                    ('evidence', models.JSONField(default=dict)),
                    ('title', models.CharField(blank=True, max_length=200, verbose_name='what is to change')),
                    ('status', models.CharField(choices=[('open', 'Open'), ('done', 'Measure taken, being watched'), ('closed', 'Worked'), ('dropped', 'Given up')], default='open', max_length=8)),
                    ('opened_on', models.DateField()),
                    ('due_on', models.DateField(verbose_name='due')),
                    ('done_on', models.DateField(blank=True, null=True)),
                    ('ended_on', models.DateField(blank=True, null=True)),
                    ('baseline_rate', models.FloatField()),
                    ('target_rate', models.FloatField()),
                    ('measured_rate', models.FloatField(blank=True, null=True)),
                    ('cases', models.ManyToManyField(related_name='corrective_actions', to='complaints.case')),
                    ('category', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.category')),
                    ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('root_cause', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='actions', to='complaints.rootcause')),
                ],
            ),
            migrations.AddField(
                model_name='case',
                name='root_cause',
                field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='complaints.rootcause', verbose_name='root cause'),
            ),
            migrations.CreateModel(
                name='ServicePrompt',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('trigger', models.CharField(choices=[('order', 'Next order'), ('delivery', 'Next delivery'), ('contact', 'Next contact'), ('visit', 'Next visit')], max_length=10, verbose_name='moment')),
                    ('text', models.CharField(blank=True, max_length=300, verbose_name='prompt')),
                    ('valid', django.contrib.postgres.fields.ranges.DateTimeRangeField()),
                    ('status', models.CharField(choices=[('armed', 'Waiting for its moment'), ('acknowledged', 'Seen to'), ('expired', 'Ran out'), ('cancelled', 'Withdrawn')], default='armed', max_length=12)),
                    ('armed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='prompts', to='complaints.case')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='service_prompts', to='customers.customer')),
                    ('department', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.department')),
                ],
            ),
            migrations.CreateModel(
                name='PromptDelivery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('context_ref', models.CharField(max_length=120)),
                    ('shown_at', models.DateTimeField()),
                    ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                    ('outcome', models.CharField(blank=True, max_length=200)),
                    ('acknowledged_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('shown_to', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('prompt', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='complaints.serviceprompt')),
                ],
            ),
            migrations.CreateModel(
                name='SilentSign',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('sign', models.CharField(choices=[('refund', 'Sent goods back without a word'), ('mood', 'Sounded annoyed'), ('overdue', 'Has gone quiet'), ('product', 'Bought what others complain about'), ('unhappy', 'Solved, yet not content')], max_length=8)),
                    ('ref', models.CharField(max_length=120)),
                    ('evidence', models.JSONField(default=dict)),
                    ('found_on', models.DateField()),
                    ('state', models.CharField(choices=[('open', 'Open'), ('called', 'Called'), ('converted', 'Became a complaint'), ('dismissed', 'Dismissed')], default='open', max_length=9)),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('reason', models.CharField(blank=True, max_length=200)),
                    ('case', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.case')),
                    ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='silent_signs', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='SlaPolicy',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'In force')], default='draft', max_length=10)),
                    ('effective', django.contrib.postgres.fields.ranges.DateTimeRangeField(blank=True, null=True)),
                    ('resolution_mode', models.CharField(choices=[('cycle', 'Each reopening starts afresh'), ('total', 'All work on the case counts together')], default='cycle', max_length=5, verbose_name='after reopening')),
                    ('pause_reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=12), default=list, size=None)),
                    ('reopen_days', models.PositiveSmallIntegerField(default=7, verbose_name='days to reopen')),
                    ('auto_close_days', models.PositiveSmallIntegerField(default=5, verbose_name='days until a solved case closes')),
                    ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.AddField(
                model_name='escalationstep',
                name='policy',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='complaints.slapolicy'),
            ),
            migrations.AddField(
                model_name='case',
                name='policy',
                field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.slapolicy'),
            ),
            migrations.CreateModel(
                name='SlaTarget',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('customer_class', models.SmallIntegerField(blank=True, choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')], null=True, verbose_name='class')),
                    ('severity', models.PositiveSmallIntegerField(blank=True, choices=[(1, 'Safety or legal'), (2, 'High'), (3, 'Normal'), (4, 'Low')], null=True, verbose_name='severity')),
                    ('metric', models.CharField(choices=[('first_response', 'First answer'), ('next_response', 'Next answer'), ('resolution', 'Solution')], max_length=14, verbose_name='promise')),
                    ('minutes', models.PositiveIntegerField(verbose_name='minutes')),
                    ('calendar', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='complaints.businesscalendar', verbose_name='working hours')),
                    ('policy', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='targets', to='complaints.slapolicy')),
                ],
            ),
            migrations.AddField(
                model_name='clock',
                name='target',
                field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='complaints.slatarget'),
            ),
            migrations.CreateModel(
                name='Survey',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('cycle', models.PositiveSmallIntegerField()),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('sent', 'Sent'), ('answered', 'Answered'), ('expired', 'No answer'), ('cancelled', 'Not sent')], default='planned', max_length=9)),
                    ('digest', models.CharField(blank=True, max_length=64, null=True, unique=True)),
                    ('send_at', models.DateTimeField()),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ('answered_at', models.DateTimeField(blank=True, null=True)),
                    ('score', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('solved', models.BooleanField(blank=True, null=True)),
                    ('comment', models.TextField(blank=True)),
                    ('agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('case', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='surveys', to='complaints.case')),
                    ('letter', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.letter')),
                ],
            ),
            migrations.CreateModel(
                name='UploadLink',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('made_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('used_at', models.DateTimeField(blank=True, null=True)),
                    ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='upload_links', to='complaints.case')),
                    ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='CalendarDay',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('date', models.DateField(verbose_name='date')),
                    ('kind', models.CharField(choices=[('closed', 'Day off'), ('open', 'Worked')], max_length=6)),
                    ('start_minute', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('end_minute', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('name', models.CharField(blank=True, max_length=80, verbose_name='name')),
                    ('source', models.CharField(choices=[('manual', 'Entered'), ('import', 'Public holidays')], default='manual', max_length=6)),
                    ('calendar', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='complaints.businesscalendar')),
                ],
                options={
                    'constraints': [models.UniqueConstraint(condition=models.Q(('kind', 'closed')), fields=('calendar', 'date'), name='closed_once'), models.CheckConstraint(condition=models.Q(models.Q(('end_minute__isnull', True), ('kind', 'closed'), ('start_minute__isnull', True)), models.Q(('end_minute__lte', 1440), ('kind', 'open'), ('start_minute__isnull', False), ('start_minute__lt', models.F('end_minute'))), _connector='OR'), name='day_closed_or_with_hours'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('kind', 'open')), expressions=[(models.F('calendar'), '='), (models.F('date'), '='), (complaints.models.calendars.Minutes(), '&&')], name='worked_hours_apart')],
                },
            ),
            migrations.CreateModel(
                name='CalendarShift',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('weekday', models.PositiveSmallIntegerField(help_text='1 = Monday … 7 = Sunday', verbose_name='weekday')),
                    ('start_minute', models.PositiveSmallIntegerField(verbose_name='from')),
                    ('end_minute', models.PositiveSmallIntegerField(verbose_name='until')),
                    ('calendar', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='shifts', to='complaints.businesscalendar')),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('weekday__range', (1, 7))), name='shift_on_a_weekday'), models.CheckConstraint(condition=models.Q(('end_minute__lte', 1440), ('start_minute__lt', models.F('end_minute'))), name='shift_within_a_day'), django.contrib.postgres.constraints.ExclusionConstraint(expressions=[(models.F('calendar'), '='), (models.F('weekday'), '='), (complaints.models.calendars.Minutes(), '&&')], name='shifts_apart')],
                },
            ),
            migrations.CreateModel(
                name='CalendarYear',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('year', models.PositiveSmallIntegerField()),
                    ('confirmed_at', models.DateTimeField()),
                    ('calendar', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='years', to='complaints.businesscalendar')),
                    ('confirmed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'constraints': [models.UniqueConstraint(fields=('calendar', 'year'), name='year_confirmed_once')],
                },
            ),
            migrations.CreateModel(
                name='CallerMark',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reason', models.CharField(max_length=200)),
                    ('until', models.DateField()),
                    ('state', models.CharField(choices=[('proposed', 'Waits for the head of the desk'), ('approved', 'Approved'), ('removed', 'Removed')], default='proposed', max_length=8)),
                    ('marked_at', models.DateTimeField()),
                    ('marked_on', models.DateField()),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('decided_because', models.CharField(blank=True, max_length=200)),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='caller_marks', to='customers.customer')),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('marked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(fields=['state', 'until'], name='caller_mark_waits')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('until__gte', models.F('marked_on'))), name='caller_mark_ends_after_it_begins'), models.CheckConstraint(condition=models.Q(models.Q(('decided_by__isnull', True), ('state', 'proposed')), models.Q(models.Q(('state', 'proposed'), _negated=True), ('decided_by__isnull', False)), _connector='OR'), name='caller_mark_says_who_decided')],
                },
            ),
            migrations.AddIndex(
                model_name='attachment',
                index=models.Index(condition=models.Q(('removed_at__isnull', True)), fields=['added_at'], name='attachment_to_forget'),
            ),
            migrations.AddConstraint(
                model_name='attachment',
                constraint=models.UniqueConstraint(condition=models.Q(('removed_at__isnull', True)), fields=('case', 'digest'), name='attachment_once'),
            ),
            migrations.AddConstraint(
                model_name='attachment',
                constraint=models.UniqueConstraint(condition=models.Q(('call_key', ''), _negated=True), fields=('call_key', 'added_by', 'digest'), name='attachment_once_a_call'),
            ),
            migrations.AddConstraint(
                model_name='attachment',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('call_key', ''), ('case__isnull', False)), models.Q(('added_by__isnull', False), ('case__isnull', True), models.Q(('call_key', ''), _negated=True)), _connector='OR'), name='attachment_of_a_case_or_a_call'),
            ),
            migrations.AddIndex(
                model_name='caseevent',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='event_at'),
            ),
            migrations.AddConstraint(
                model_name='caseevent',
                constraint=models.UniqueConstraint(fields=('case', 'seq'), name='event_once'),
            ),
            migrations.AddConstraint(
                model_name='caseevent',
                constraint=models.UniqueConstraint(condition=models.Q(('request_key', ''), _negated=True), fields=('case', 'request_key'), name='event_once_per_request'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='caseevent',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d33eab9445461344335a2655089f50ed345eb020', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_82a14', table='complaints_caseevent', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='casemessage',
                index=models.Index(fields=['case', 'sent_at', 'id'], name='message_by_case'),
            ),
            migrations.AddConstraint(
                model_name='casemessage',
                constraint=models.CheckConstraint(condition=models.Q(('counts_as_response', False), models.Q(('author__isnull', False), ('direction', 'out')), _connector='OR'), name='only_a_person_answers'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='casemessage',
                trigger=pgtrigger.compiler.Trigger(name='message_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='5c9049b0eaa6b29d2803dc236327beb213091729', operation='DELETE', pgid='pgtrigger_message_never_deleted_3fad9', table='complaints_casemessage', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='casemail',
                index=models.Index(condition=models.Q(('state__in', ['waiting', 'sent'])), fields=['id'], name='case_mail_open'),
            ),
            migrations.AddConstraint(
                model_name='casemail',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('sent_at__isnull', False), ('state__in', ['sent', 'delivered', 'bounced'])), models.Q(models.Q(('state__in', ['sent', 'delivered', 'bounced']), _negated=True), ('sent_at__isnull', True)), _connector='OR'), name='sent_mail_says_when'),
            ),
            migrations.AddIndex(
                model_name='caseorder',
                index=models.Index(fields=['number'], name='case_order_number'),
            ),
            migrations.AddConstraint(
                model_name='caseorder',
                constraint=models.UniqueConstraint(fields=('case', 'number'), name='case_order_once'),
            ),
            migrations.AddConstraint(
                model_name='draft',
                constraint=models.UniqueConstraint(fields=('case', 'author'), name='one_draft_per_author'),
            ),
            migrations.AddConstraint(
                model_name='clockalert',
                constraint=models.UniqueConstraint(fields=('clock', 'step'), name='step_taken_once'),
            ),
            migrations.AddIndex(
                model_name='handover',
                index=models.Index(condition=models.Q(('status__in', ['pending', 'accepted'])), fields=['to_department', 'due_at'], name='handover_open'),
            ),
            migrations.AddIndex(
                model_name='handover',
                index=models.Index(condition=models.Q(('escalated_at__isnull', True), ('status__in', ['pending', 'accepted'])), fields=['due_at'], name='handover_to_escalate'),
            ),
            migrations.AddConstraint(
                model_name='handover',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status__in', ['pending', 'accepted'])), models.Q(models.Q(('status__in', ['pending', 'accepted']), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='ended_handover_says_when'),
            ),
            migrations.AddConstraint(
                model_name='pause',
                constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('clock', '='), ('period', '&&')], name='pauses_apart'),
            ),
            migrations.AddConstraint(
                model_name='queue',
                constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('is_default',), name='one_default_queue'),
            ),
            migrations.AddConstraint(
                model_name='queue',
                constraint=models.UniqueConstraint(condition=models.Q(('is_vip', True)), fields=('is_vip',), name='one_vip_queue'),
            ),
            migrations.AddConstraint(
                model_name='category',
                constraint=models.CheckConstraint(condition=models.Q(('default_severity__range', (1, 4))), name='category_severity_known'),
            ),
            migrations.AddConstraint(
                model_name='queuemember',
                constraint=models.UniqueConstraint(fields=('queue', 'user'), name='member_once'),
            ),
            migrations.AddConstraint(
                model_name='queuemember',
                constraint=models.CheckConstraint(condition=models.Q(('capacity__gt', 0)), name='member_has_capacity'),
            ),
            migrations.AddIndex(
                model_name='remedy',
                index=models.Index(fields=['customer', 'proposed_at'], name='remedy_by_customer'),
            ),
            migrations.AddIndex(
                model_name='remedy',
                index=models.Index(condition=models.Q(('status__in', ['proposed', 'approved', 'failed'])), fields=['promised_at'], name='remedy_promised'),
            ),
            migrations.AddConstraint(
                model_name='remedy',
                constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='remedy_not_negative'),
            ),
            migrations.AddConstraint(
                model_name='remedy',
                constraint=models.CheckConstraint(condition=models.Q(('needs_approval', False), ('status__in', ['proposed', 'rejected']), models.Q(('decided_by__isnull', False), models.Q(models.Q(('decided_by', models.F('proposed_by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR')), _connector='OR'), name='remedy_by_two_persons'),
            ),
            migrations.AddConstraint(
                model_name='remedy',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['issued', 'revoked']), _negated=True), ('issued_at__isnull', False), _connector='OR'), name='given_remedy_says_when'),
            ),
            migrations.AddConstraint(
                model_name='correctiveaction',
                constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['open', 'done'])), fields=('root_cause', 'product_ref'), name='one_running_action'),
            ),
            migrations.AddIndex(
                model_name='serviceprompt',
                index=models.Index(condition=models.Q(('status', 'armed')), fields=['customer', 'trigger'], name='prompt_armed'),
            ),
            migrations.AddConstraint(
                model_name='promptdelivery',
                constraint=models.UniqueConstraint(fields=('prompt', 'context_ref'), name='prompt_once_per_context'),
            ),
            migrations.AddIndex(
                model_name='silentsign',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['-found_on'], name='sign_open'),
            ),
            migrations.AddConstraint(
                model_name='silentsign',
                constraint=models.UniqueConstraint(fields=('customer', 'sign', 'ref'), name='sign_once'),
            ),
            migrations.AddConstraint(
                model_name='slapolicy',
                constraint=models.CheckConstraint(condition=models.Q(('status', 'draft'), ('effective__isnull', False), _connector='OR'), name='published_policy_has_a_time'),
            ),
            migrations.AddConstraint(
                model_name='slapolicy',
                constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('status', 'published')), expressions=[('effective', '&&')], name='one_policy_at_a_time'),
            ),
            migrations.AddConstraint(
                model_name='escalationstep',
                constraint=models.UniqueConstraint(fields=('policy', 'metric', 'at_percent'), name='step_once'),
            ),
            migrations.AddConstraint(
                model_name='escalationstep',
                constraint=models.CheckConstraint(condition=models.Q(('at_percent__gt', 0)), name='step_after_the_start'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(condition=models.Q(('status__in', ('new', 'in_progress', 'waiting_customer', 'waiting_internal'))), fields=['queue', 'priority', 'next_due_at', 'id'], name='case_by_queue'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(condition=models.Q(('status__in', ('new', 'in_progress', 'waiting_customer', 'waiting_internal'))), fields=['owner', 'priority', 'next_due_at', 'id'], name='case_by_owner'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(condition=models.Q(('status', 'resolved')), fields=['close_at'], name='case_to_close'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(fields=['customer', '-opened_at'], name='case_by_customer'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(fields=['category', 'opened_at'], name='case_by_category'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(fields=['root_cause', 'resolved_at'], name='case_by_root_cause'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=models.Index(condition=models.Q(('product_ref', ''), _negated=True), fields=['product_ref', 'opened_at'], name='case_by_product'),
            ),
            migrations.AddIndex(
                model_name='case',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['opened_at'], name='case_opened'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.UniqueConstraint(condition=models.Q(('client_key', ''), _negated=True), fields=('client_key',), name='case_once_per_key'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.UniqueConstraint(condition=models.Q(('source_ref', ''), _negated=True), fields=('source', 'source_ref'), name='case_once_per_source'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(('severity__range', (1, 4))), name='case_severity_known'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(('priority__range', (1, 4))), name='case_priority_known'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('merged_into__isnull', False), ('status', 'merged')), models.Q(models.Q(('status', 'merged'), _negated=True), ('merged_into__isnull', True)), _connector='OR'), name='case_merged_says_into_what'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(('merged_into__isnull', True), models.Q(('merged_into', models.F('id')), _negated=True), _connector='OR'), name='case_not_into_itself'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['resolved', 'closed']), _negated=True), models.Q(('resolved_at__isnull', False), models.Q(('outcome', ''), _negated=True), models.Q(('resolution', ''), _negated=True)), _connector='OR'), name='case_solved_says_how'),
            ),
            migrations.AddConstraint(
                model_name='case',
                constraint=models.CheckConstraint(condition=models.Q(('received_at__lte', models.F('opened_at'))), name='case_received_before_opened'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='case',
                trigger=pgtrigger.compiler.Trigger(name='status_by_the_table', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{new:in_progress,new:waiting_customer,new:waiting_internal,in_progress:waiting_customer,in_progress:waiting_internal,waiting_customer:in_progress,waiting_customer:waiting_internal,waiting_internal:in_progress,waiting_internal:waiting_customer,new:resolved,new:merged,new:withdrawn,new:invalid,in_progress:resolved,in_progress:merged,in_progress:withdrawn,in_progress:invalid,waiting_customer:resolved,waiting_customer:merged,waiting_customer:withdrawn,waiting_customer:invalid,waiting_internal:resolved,waiting_internal:merged,waiting_internal:withdrawn,waiting_internal:invalid,resolved:in_progress,resolved:closed,closed:in_progress,withdrawn:in_progress}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='cc1d896e43bdbda30d1040c353c56bf580026e0a', operation='UPDATE', pgid='pgtrigger_status_by_the_table_2d0ac', table='complaints_case', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='case',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='db76f2fab2c3ebf5a5b9c600c46ae21b01e57449', operation='DELETE', pgid='pgtrigger_never_deleted_0190d', table='complaints_case', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='slatarget',
                constraint=models.UniqueConstraint(fields=('policy', 'customer_class', 'severity', 'metric'), name='target_once', nulls_distinct=False),
            ),
            migrations.AddConstraint(
                model_name='slatarget',
                constraint=models.CheckConstraint(condition=models.Q(('minutes__gt', 0)), name='target_takes_time'),
            ),
            migrations.AddIndex(
                model_name='clock',
                index=models.Index(condition=models.Q(('look_at__isnull', False), ('state', 'running')), fields=['look_at'], name='clock_to_look_at'),
            ),
            migrations.AddIndex(
                model_name='clock',
                index=models.Index(condition=models.Q(('state', 'running')), fields=['due_at'], name='clock_due'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.UniqueConstraint(fields=('case', 'metric', 'cycle', 'generation'), name='clock_once'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.UniqueConstraint(condition=models.Q(('state__in', ('running', 'paused'))), fields=('case', 'metric'), name='one_live_clock'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', True), ('state', 'paused')), models.Q(('due_at__isnull', False), ('state', 'running')), ('state__in', ['met', 'missed', 'cancelled']), _connector='OR'), name='paused_clock_is_not_due'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ('running', 'paused')), ('stopped_at__isnull', True)), models.Q(models.Q(('state__in', ('running', 'paused')), _negated=True), ('stopped_at__isnull', False)), _connector='OR'), name='stopped_clock_says_when'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('metric', 'first_response'), _negated=True), models.Q(('state', 'paused'), _negated=True), _connector='OR'), name='first_response_never_pauses'),
            ),
            migrations.AddConstraint(
                model_name='clock',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'missed'), _negated=True), ('breached_at__isnull', False), _connector='OR'), name='missed_says_when'),
            ),
            migrations.AddIndex(
                model_name='survey',
                index=models.Index(condition=models.Q(('state', 'planned')), fields=['send_at'], name='survey_to_send'),
            ),
            migrations.AddIndex(
                model_name='survey',
                index=models.Index(condition=models.Q(('state', 'sent')), fields=['expires_at'], name='survey_to_expire'),
            ),
            migrations.AddConstraint(
                model_name='survey',
                constraint=models.UniqueConstraint(fields=('case', 'cycle'), name='survey_once_per_cycle'),
            ),
            migrations.AddConstraint(
                model_name='survey',
                constraint=models.CheckConstraint(condition=models.Q(('score__isnull', True), ('score__range', (1, 5)), _connector='OR'), name='survey_score_one_to_five'),
            ),
            migrations.AddConstraint(
                model_name='survey',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'answered'), _negated=True), models.Q(('answered_at__isnull', False), ('score__isnull', False)), _connector='OR'), name='answered_survey_has_a_score'),
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
                               AND starts_with(tablename, 'complaints_') AND right(indexname, 5) = '_like' LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
