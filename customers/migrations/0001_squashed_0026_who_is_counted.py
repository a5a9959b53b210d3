"""All that the first 25 migrations come to: a new database gets it in one step instead of theirs."""

import core.lib.money
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.serializers.json
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
import uuid
from django.conf import settings
from django.db import migrations, models

from core.lib.database.at_once import AtOnce, RunDeferred


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('customers', '0001_initial'),
        ('customers', '0002_todo_tier'),
        ('customers', '0003_order_arrivals'),
        ('customers', '0004_import_progress'),
        ('customers', '0005_merged_customers'),
        ('customers', '0007_todo_due_at'),
        ('customers', '0008_orders_that_wait'),
        ('customers', '0009_sealed_imports'),
        ('customers', '0010_careful_imports'),
        ('customers', '0011_import_profiles'),
        ('customers', '0012_the_record_can_be_written'),
        ('customers', '0013_privacy'),
        ('customers', '0014_refused_lines_in_the_file'),
        ('customers', '0015_import_kinds'),
        ('customers', '0016_kind_of_field_a_number'),
        ('customers', '0017_book_moves_and_erasure'),
        ('customers', '0018_told_by_an_import'),
        ('customers', '0019_indexes_that_are_used'),
        ('customers', '0020_promises_and_stakes'),
        ('customers', '0021_promises_of_before'),
        ('customers', '0022_letters_and_consent'),
        ('customers', '0023_copies_for_lists'),
        ('customers', '0024_a_days_work'),
        ('customers', '0025_value_range'),
        ('customers', '0026_who_is_counted'),
    ]

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='ContactPoint',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('phone', 'Phone'), ('email', 'E-mail'), ('address', 'Address')], max_length=10)),
                    ('mask', models.CharField(max_length=120)),
                    ('encrypted', models.BinaryField()),
                    ('blind_index', models.BinaryField(max_length=16)),
                    ('tail_index', models.BinaryField(blank=True, max_length=16, null=True)),
                    ('added_at', models.DateTimeField(blank=True, null=True)),
                    ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                    ('is_preferred', models.BooleanField(db_default=False, default=False)),
                    ('retired', models.CharField(blank=True, choices=[('wrong', 'Wrong'), ('old', 'No longer theirs')], db_default='', default='', max_length=5)),
                    ('retired_at', models.DateTimeField(blank=True, null=True)),
                    ('import_run', models.BigIntegerField(blank=True, null=True)),
                ],
            ),
            migrations.CreateModel(
                name='Category',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80, unique=True)),
                ],
            ),
            migrations.CreateModel(
                name='Customer',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.CharField(max_length=20, unique=True, verbose_name='customer number')),
                    ('name', models.CharField(max_length=120, verbose_name='name')),
                    ('name_pinyin', models.CharField(blank=True, max_length=240)),
                    ('name_grams', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=8), default=list, size=None)),
                    ('region', models.CharField(blank=True, max_length=60, verbose_name='province')),
                    ('city', models.CharField(blank=True, max_length=60, verbose_name='city')),
                    ('registered_on', models.DateField(verbose_name='registered on')),
                    ('birth_year', models.SmallIntegerField(blank=True, null=True, verbose_name='year of birth')),
                    ('birth_month', models.SmallIntegerField(blank=True, null=True, verbose_name='month of birth')),
                    ('birth_day', models.SmallIntegerField(blank=True, null=True, verbose_name='day of birth')),
                    ('birthday_is_lunar', models.BooleanField(default=False, verbose_name='lunar birthday')),
                    ('interests', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None, verbose_name='interests')),
                    ('mindset', models.CharField(choices=[('unknown', 'Not known'), ('discount', 'Discount-minded'), ('status', 'Status-minded')], default='unknown', max_length=10, verbose_name='mindset')),
                    ('preferred_channel', models.CharField(choices=[('unknown', 'Not known'), ('phone', 'Phone'), ('sms', 'Text message'), ('email', 'E-mail'), ('wechat', 'WeChat')], default='unknown', max_length=10, verbose_name='preferred channel')),
                    ('is_reseller', models.BooleanField(default=False, verbose_name='buys to resell')),
                    ('influencers', models.TextField(blank=True, db_default='', default='', help_text='Family, colleagues, friends, and what these like', verbose_name='who influences what they buy')),
                    ('notes', models.TextField(blank=True, verbose_name='notes')),
                    ('custom', models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict, help_text="Answers to the mall's own fields, by their key")),
                    ('manager_since', models.DateField(blank=True, null=True, verbose_name='manager since')),
                    ('next_contact_on', models.DateField(blank=True, null=True, verbose_name='next contact')),
                    ('erased_at', models.DateTimeField(blank=True, editable=False, null=True)),
                    ('manager', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='book', to=settings.AUTH_USER_MODEL, verbose_name='manager')),
                    ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='merged', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='DirtyMark',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('customer_id', models.BigIntegerField()),
                    ('marked_at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='Import',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('file_name', models.CharField(max_length=200)),
                    ('size', models.BigIntegerField(default=0, help_text='Bytes of the file')),
                    ('forgotten_at', models.DateTimeField(blank=True, help_text='When the file itself was deleted', null=True)),
                    ('encoding', models.CharField(max_length=20)),
                    ('source', models.CharField(max_length=40)),
                    ('choices', models.JSONField(default=dict)),
                    ('findings', models.JSONField(default=dict)),
                    ('state', models.CharField(choices=[('uploaded', 'Waiting for columns'), ('waiting', 'Waiting for a worker'), ('running', 'Running'), ('checked', 'Checked, not yet imported'), ('done', 'Done'), ('failed', 'Stopped'), ('cancelled', 'Cancelled'), ('undone', 'Undone')], default='uploaded', max_length=10)),
                    ('counts', models.JSONField(default=dict)),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('task', models.CharField(blank=True, choices=[('check', 'Check every row'), ('run', 'Import'), ('undo', 'Undo')], max_length=10)),
                    ('language', models.CharField(blank=True, help_text='Of whoever asked: a worker writes reasons in it', max_length=10)),
                    ('step', models.CharField(blank=True, choices=[('reading', 'Reading rows'), ('people', 'Finding customers'), ('orders', 'Comparing and storing orders'), ('record', 'Comparing and storing'), ('figures', 'Working out figures'), ('undoing', 'Taking orders back')], max_length=10)),
                    ('percent', models.PositiveSmallIntegerField(default=0)),
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('heartbeat_at', models.DateTimeField(blank=True, null=True)),
                    ('error', models.TextField(blank=True)),
                    ('is_cancel_asked', models.BooleanField(default=False)),
                    ('planned', models.JSONField(default=dict)),
                    ('accepted', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), blank=True, default=list, size=None)),
                    ('undo_until', models.DateTimeField(blank=True, null=True)),
                    ('undone', models.JSONField(default=dict)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Order',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(max_length=40)),
                    ('external_id', models.CharField(max_length=80)),
                    ('version', models.BigIntegerField()),
                    ('file_changes', models.PositiveIntegerField(db_default=0, default=0)),
                    ('import_run', models.BigIntegerField(blank=True, null=True)),
                    ('modified_at', models.DateTimeField(blank=True, null=True)),
                    ('status', models.CharField(choices=[('pending', 'Not paid'), ('paid', 'Paid'), ('cancelled', 'Cancelled'), ('held', 'To be confirmed')], max_length=10)),
                    ('ordered_at', models.DateTimeField()),
                    ('ordered_on', models.DateField(help_text='Mall-local day of ordered_at')),
                    ('paid', core.lib.money.MoneyField()),
                    ('cost', core.lib.money.MoneyField()),
                    ('profit', core.lib.money.MoneyField()),
                    ('category_mask', models.BigIntegerField(default=0)),
                    ('fully_refunded_on', models.DateField(blank=True, null=True)),
                    ('received_at', models.DateTimeField()),
                    ('is_test', models.BooleanField(db_default=False, default=False)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='BadPoint',
                fields=[
                    ('point', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='bad', serialize=False, to='customers.contactpoint')),
                    ('since', models.DateTimeField()),
                    ('code', models.CharField(blank=True, max_length=60)),
                ],
            ),
            migrations.CreateModel(
                name='ConsentWording',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.SlugField(db_index=False, max_length=40)),
                    ('n', models.PositiveSmallIntegerField()),
                    ('language', models.CharField(max_length=10)),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('wechat', 'WeChat'), ('phone', 'Call'), ('post', 'Post'), ('shop', 'Shop chat')], max_length=8)),
                    ('purpose', models.CharField(choices=[('service', 'Answers and orders'), ('care', 'Greetings'), ('survey', 'Surveys'), ('marketing', 'Offers')], max_length=10)),
                    ('text', models.TextField()),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='ReachLimit',
                fields=[
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='reach_limit', serialize=False, to='customers.customer')),
                    ('restricted_at', models.DateTimeField(blank=True, null=True)),
                    ('restricted_why', models.CharField(blank=True, max_length=200)),
                    ('no_profiling_at', models.DateTimeField(blank=True, null=True)),
                ],
            ),
            migrations.CreateModel(
                name='Standing',
                fields=[
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='standing', serialize=False, to='customers.customer')),
                    ('customer_class', models.SmallIntegerField(choices=[(-1, 'Prospect'), (0, 'Random'), (1, 'Active'), (2, 'Big')], default=-1)),
                    ('matrix_type', models.SmallIntegerField(choices=[(0, 'Not valued yet'), (1, 'I'), (2, 'II'), (3, 'III'), (4, 'IV')], default=0)),
                    ('value', core.lib.money.MoneyField(default=0)),
                    ('value_low', core.lib.money.MoneyField(blank=True, null=True)),
                    ('value_high', core.lib.money.MoneyField(blank=True, null=True)),
                    ('potential', core.lib.money.MoneyField(default=0)),
                    ('usual_days', models.FloatField(default=0)),
                    ('limit_days', models.FloatField(default=0)),
                    ('last_on', models.DateField(blank=True, null=True)),
                    ('valued_on', models.DateField(blank=True, help_text='As-of day of the night that wrote the figures', null=True)),
                    ('inputs', models.BigIntegerField(default=0, help_text='Digest of the summary the figures were made from')),
                    ('first_on', models.DateField(blank=True, null=True)),
                    ('purchase_days', models.IntegerField(db_default=0, default=0)),
                    ('order_count', models.IntegerField(db_default=0, default=0)),
                    ('paid_sum', core.lib.money.MoneyField(db_default=models.Value(0, models.BigIntegerField()), default=0)),
                    ('paid_90', core.lib.money.MoneyField(db_default=models.Value(0, models.BigIntegerField()), default=0)),
                    ('paid_365', core.lib.money.MoneyField(db_default=models.Value(0, models.BigIntegerField()), default=0)),
                    ('days_365', models.IntegerField(db_default=0, default=0)),
                    ('region', models.CharField(blank=True, db_default='', default='', max_length=60)),
                    ('city', models.CharField(blank=True, db_default='', default='', max_length=60)),
                    ('registered_on', models.DateField(blank=True, null=True)),
                    ('birthday', models.SmallIntegerField(blank=True, help_text='Month × 100 + day; + 2000 when lunar', null=True)),
                    ('next_contact_on', models.DateField(blank=True, null=True)),
                ],
            ),
            migrations.CreateModel(
                name='Summary',
                fields=[
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='summary', serialize=False, to='customers.customer')),
                    ('purchase_days', models.IntegerField()),
                    ('order_count', models.IntegerField()),
                    ('first_on', models.DateField()),
                    ('last_on', models.DateField()),
                    ('log_gap_sum', models.BigIntegerField()),
                    ('log_gap_square_sum', models.BigIntegerField()),
                    ('paid_sum', core.lib.money.MoneyField()),
                    ('profit_sum', core.lib.money.MoneyField(help_text='Of purchase days, net of refunds')),
                    ('profit_square_sum', models.FloatField(help_text='Of purchase days, minor units squared')),
                    ('decayed_profit', models.FloatField(help_text='Minor units, each day halved every half-life, seen from last_on')),
                    ('category_mask', models.BigIntegerField()),
                ],
            ),
            migrations.AddField(
                model_name='contactpoint',
                name='customer',
                field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contact_points', to='customers.customer'),
            ),
            migrations.CreateModel(
                name='Contact',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('channel', models.CharField(choices=[('phone', 'Phone'), ('visit', 'Visit'), ('wechat', 'WeChat'), ('email', 'E-mail'), ('sms', 'Text message')], max_length=10, verbose_name='channel')),
                    ('direction', models.CharField(choices=[('out', 'We contacted them'), ('in', 'They contacted us')], default='out', max_length=3, verbose_name='direction')),
                    ('outcome', models.CharField(choices=[('reached', 'Reached'), ('no_answer', 'No answer'), ('call_back', 'Wants a call back'), ('promised', 'Something was promised')], max_length=10, verbose_name='outcome')),
                    ('mood', models.CharField(choices=[('good', 'Good'), ('neutral', 'Neutral'), ('bad', 'Bad')], default='neutral', max_length=7, verbose_name='mood')),
                    ('note', models.TextField(blank=True, verbose_name='note')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='ConsentEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('wechat', 'WeChat'), ('phone', 'Call'), ('post', 'Post'), ('shop', 'Shop chat')], max_length=8)),
                    ('purpose', models.CharField(choices=[('service', 'Answers and orders'), ('care', 'Greetings'), ('survey', 'Surveys'), ('marketing', 'Offers')], max_length=10)),
                    ('state', models.CharField(choices=[('asked', 'Asked, no answer yet'), ('granted', 'Agreed'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], max_length=9)),
                    ('source', models.CharField(choices=[('shop', 'In the shop'), ('rest', 'By a system of the mall'), ('staff', 'Told to a colleague'), ('import', 'From a file'), ('page', "On the page of the customer's own choices"), ('one_click', 'By the unsubscribe button of the mail program'), ('sms_reply', 'By a reply to a text message'), ('double', 'By the confirm button of a mail'), ('merge', 'Two records became one'), ('spam', 'Reported a letter as unwanted'), ('privacy', 'By a privacy request')], max_length=9)),
                    ('mask', models.CharField(blank=True, max_length=120)),
                    ('evidence', models.JSONField(default=dict)),
                    ('said_at', models.DateTimeField()),
                    ('stored_at', models.DateTimeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('wording', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.consentwording')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='consent_entries', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='Consent',
                fields=[
                    ('pk', models.CompositePrimaryKey('customer_id', 'channel', 'purpose', blank=True, editable=False, primary_key=True, serialize=False)),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('wechat', 'WeChat'), ('phone', 'Call'), ('post', 'Post'), ('shop', 'Shop chat')], max_length=8)),
                    ('purpose', models.CharField(choices=[('service', 'Answers and orders'), ('care', 'Greetings'), ('survey', 'Surveys'), ('marketing', 'Offers')], max_length=10)),
                    ('state', models.CharField(choices=[('asked', 'Asked, no answer yet'), ('granted', 'Agreed'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], max_length=9)),
                    ('since', models.DateTimeField()),
                    ('entry', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.consententry')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='consents', to='customers.customer')),
                ],
                options={
                    'db_table': 'customers_consentstate',
                },
            ),
            migrations.CreateModel(
                name='CustomerChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('door', models.CharField(choices=[('page', 'On a page'), ('api', 'By a system of the mall'), ('file', 'From a file')], max_length=4)),
                    ('field', models.CharField(max_length=60)),
                    ('before', models.TextField(blank=True)),
                    ('after', models.TextField(blank=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='record_changes', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='CustomField',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.SlugField(max_length=40, unique=True, verbose_name='key')),
                    ('name', models.CharField(max_length=60, unique=True, verbose_name='name')),
                    ('kind', models.CharField(choices=[('text', 'Text'), ('number', 'A number'), ('date', 'Date'), ('choice', 'Choice')], max_length=6, verbose_name='kind')),
                    ('choices', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, size=None, verbose_name='choices')),
                    ('position', models.PositiveSmallIntegerField(default=100, verbose_name='place')),
                    ('active', models.BooleanField(default=True, verbose_name='in use')),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('kind', 'choice'), _negated=True), ('choices__len__gte', 1), _connector='OR'), name='choice_field_has_choices')],
                },
            ),
            migrations.CreateModel(
                name='ExternalIdentity',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(max_length=40)),
                    ('external_id', models.CharField(max_length=80)),
                    ('import_run', models.BigIntegerField(blank=True, null=True)),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='identities', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='GuestOrder',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(max_length=40)),
                    ('external_id', models.CharField(max_length=80)),
                    ('version', models.BigIntegerField()),
                    ('status', models.CharField(choices=[('pending', 'Not paid'), ('paid', 'Paid'), ('cancelled', 'Cancelled'), ('held', 'To be confirmed')], max_length=10)),
                    ('fact', models.JSONField()),
                    ('paid', core.lib.money.MoneyField()),
                    ('ordered_at', models.DateTimeField()),
                    ('received_at', models.DateTimeField()),
                    ('why', models.CharField(choices=[('nobody', 'No customer was named'), ('unusable', 'The phone or e-mail cannot be used'), ('ambiguous', 'Several customers share the phone or e-mail')], max_length=10)),
                ],
                options={
                    'indexes': [models.Index(fields=['-ordered_at', '-id'], name='guest_orders_newest'), models.Index(fields=['external_id'], name='guest_orders_by_number')],
                    'constraints': [models.UniqueConstraint(fields=('source', 'external_id'), name='one_guest_order_per_identity'), models.CheckConstraint(condition=models.Q(('paid__gte', 0)), name='guest_order_paid_not_negative')],
                },
            ),
            migrations.CreateModel(
                name='ImportPlan',
                fields=[
                    ('run', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='plan', serialize=False, to='customers.import')),
                    ('seen', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(null=True), size=None)),
                ],
            ),
            migrations.CreateModel(
                name='ImportChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('order_id', models.BigIntegerField()),
                    ('before', models.JSONField()),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='ImportChunk',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('number', models.PositiveIntegerField()),
                    ('sealed', models.BinaryField()),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='ImportNote',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('line_number', models.IntegerField()),
                    ('column', models.CharField(blank=True, max_length=80)),
                    ('code', models.CharField(max_length=20)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='ImportPart',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('order_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                    ('customer_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='ImportProfile',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80, unique=True)),
                    ('source', models.CharField(blank=True, max_length=40)),
                    ('kind', models.CharField(default='orders', max_length=12)),
                    ('choices', models.JSONField()),
                    ('columns', models.JSONField(default=list, help_text='Names of all columns of the file that it is of')),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='ImportQuestion',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('line_number', models.IntegerField()),
                    ('external_id', models.CharField(db_index=True, max_length=80)),
                    ('asks', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('customer', 'Another customer'), ('day', 'Another day'), ('lines', 'Fewer or other lines'), ('amount', 'Another amount'), ('reopened', 'Cancelled, now paid'), ('shop', 'Told by the shop itself'), ('answered', 'Changed by a yes before'), ('unusual', 'A thousand times the usual amount'), ('future', 'In the future'), ('long_ago', 'Before 1990'), ('changed', 'Changed since the check'), ('typed', 'Told by a person here')], max_length=10), size=None)),
                    ('before', models.JSONField()),
                    ('after', models.JSONField()),
                    ('answer', models.CharField(blank=True, choices=[('', 'Waits for an answer'), ('yes', 'Yes'), ('no', 'No'), ('done', 'Done')], default='', max_length=4)),
                    ('answered_at', models.DateTimeField(blank=True, null=True)),
                    ('applied_at', models.DateTimeField(blank=True, null=True)),
                    ('answered_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL)),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='questions', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='ImportRecord',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('record_id', models.BigIntegerField()),
                    ('is_new', models.BooleanField()),
                    ('before', models.JSONField(default=dict)),
                    ('after', models.JSONField(default=dict)),
                    ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='records', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='Letter',
                fields=[
                    ('attempts', models.PositiveSmallIntegerField(default=0)),
                    ('claimed_until', models.DateTimeField(blank=True, null=True)),
                    ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                    ('channel', models.CharField(choices=[('email', 'E-mail'), ('sms', 'Text message'), ('wechat', 'WeChat'), ('phone', 'Call'), ('post', 'Post'), ('shop', 'Shop chat')], max_length=8)),
                    ('purpose', models.CharField(choices=[('service', 'Answers and orders'), ('care', 'Greetings'), ('survey', 'Surveys'), ('marketing', 'Offers')], max_length=10)),
                    ('occasion', models.CharField(help_text='What it is about: case:57', max_length=60)),
                    ('period', models.CharField(help_text='Which of several about it: message:12', max_length=60)),
                    ('once_key', models.CharField(max_length=160, unique=True)),
                    ('language', models.CharField(blank=True, max_length=10)),
                    ('sealed', models.BinaryField(help_text='Subject, words and thread, encrypted; none once they are gone', null=True)),
                    ('reply_token', models.CharField(help_text="In the address of the customer's own choices", max_length=32, unique=True)),
                    ('own_id', models.CharField(db_index=True, help_text='Message-ID, by which a repetition is known', max_length=200)),
                    ('by_hand', models.BooleanField(default=False, help_text='A colleague sends it and says so')),
                    ('by_rule', models.BooleanField(default=False, help_text='Who gets it was worked out from what they bought')),
                    ('state', models.CharField(choices=[('planned', 'Planned'), ('waiting', 'Waiting'), ('handing', 'On its way out'), ('handed', 'Sent'), ('delivered', 'Delivered'), ('bounced', 'Did not arrive'), ('refused', 'Not accepted'), ('unknown', 'Perhaps sent'), ('blocked', 'Not allowed'), ('withdrawn', 'Withdrawn'), ('expired', 'Too late'), ('stopped', 'Stopped')], default='waiting', max_length=9)),
                    ('reason', models.CharField(blank=True, help_text='Code: why it waits or did not go out', max_length=40)),
                    ('priority', models.SmallIntegerField(default=50, help_text='The smaller the sooner')),
                    ('written_at', models.DateTimeField()),
                    ('valid_from', models.DateTimeField()),
                    ('valid_until', models.DateTimeField()),
                    ('next_at', models.DateTimeField(help_text='When it is looked at next')),
                    ('handed_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_at', models.DateTimeField(blank=True, help_text='When its end was known, whatever that is', null=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='letters', to='customers.customer')),
                    ('point', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.contactpoint')),
                ],
            ),
            migrations.CreateModel(
                name='LetterEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('claimed', 'Taken in hand'), ('handed', 'Sent'), ('by_hand', 'Sent by a colleague'), ('failed', 'Attempt failed'), ('receipt', 'Receipt'), ('held', 'Waits'), ('ended', 'Did not go out')], max_length=8)),
                    ('at', models.DateTimeField()),
                    ('code', models.CharField(blank=True, max_length=60)),
                    ('key', models.CharField(max_length=160, unique=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('letter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='customers.letter')),
                ],
            ),
            migrations.CreateModel(
                name='Lookup',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('on', models.DateField()),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='customers.customer')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Merge',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('reason', models.CharField(max_length=200)),
                    ('kept', models.JSONField(default=dict, encoder=django.core.serializers.json.DjangoJSONEncoder, help_text="Ids of the loser's rows by model, and fields of both before")),
                    ('undone_at', models.DateTimeField(blank=True, null=True)),
                    ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('loser', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                    ('undone_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('winner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='NotTheSame',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('first', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                    ('second', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='Opened',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('on', models.DateField()),
                    ('first_at', models.DateTimeField()),
                    ('last_at', models.DateTimeField()),
                    ('times', models.PositiveIntegerField(default=1)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='opened', to='customers.customer')),
                    ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='UnusualOrder',
                fields=[
                    ('order', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='unusual', serialize=False, to='customers.order')),
                    ('usual', core.lib.money.MoneyField(help_text='What an order of the shop came to when this one arrived')),
                    ('asked_at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('open', 'To be looked at'), ('right', 'It is right'), ('kept_out', 'Kept out of the figures')], default='open', max_length=10)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                ],
            ),
            migrations.CreateModel(
                name='PossibleDuplicate',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reasons', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), size=None)),
                    ('score', models.SmallIntegerField()),
                    ('found_on', models.DateField()),
                    ('first', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                    ('second', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='PrivacyRequest',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('see', 'See what is stored'), ('correct', 'Have it corrected'), ('erase', 'Have it erased'), ('restrict', 'Have its use restricted'), ('object', 'No more advertising')], max_length=10, verbose_name='what is asked')),
                    ('asked_on', models.DateField(verbose_name='asked on')),
                    ('due_on', models.DateField(verbose_name='due on')),
                    ('note', models.CharField(blank=True, max_length=500, verbose_name='note')),
                    ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('refused', 'Refused')], default='open', max_length=10)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('outcome', models.CharField(blank=True, max_length=500, verbose_name='what was done')),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='privacy_requests', to='customers.customer')),
                    ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('registered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Erasure',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('proposed_at', models.DateTimeField()),
                    ('reason', models.CharField(max_length=200)),
                    ('state', models.CharField(choices=[('waiting', 'Waiting for a second person'), ('done', 'Erased'), ('refused', 'Turned down'), ('withdrawn', 'Taken back')], default='waiting', max_length=9)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('note', models.CharField(blank=True, max_length=200)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('counts', models.JSONField(default=dict)),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='customers.privacyrequest')),
                ],
            ),
            migrations.CreateModel(
                name='Product',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(max_length=40)),
                    ('external_id', models.CharField(max_length=80)),
                    ('name', models.CharField(max_length=200)),
                    ('price', core.lib.money.MoneyField(blank=True, null=True)),
                    ('cost', core.lib.money.MoneyField(blank=True, null=True)),
                    ('picture', models.URLField(blank=True, db_default='', default='', max_length=400)),
                    ('by_hand', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=10), blank=True, db_default=[], default=list, size=None)),
                    ('category', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to='customers.category')),
                ],
            ),
            migrations.CreateModel(
                name='OrderLine',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField()),
                    ('amount', core.lib.money.MoneyField()),
                    ('order', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='customers.order')),
                    ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='customers.product')),
                ],
            ),
            migrations.CreateModel(
                name='Bought',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('first_on', models.DateField()),
                    ('last_on', models.DateField()),
                    ('days', models.IntegerField()),
                    ('paid', core.lib.money.MoneyField()),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='bought', to='customers.customer')),
                    ('product', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='customers.product')),
                ],
            ),
            migrations.CreateModel(
                name='Promise',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('words', models.CharField(max_length=200)),
                    ('made_at', models.DateTimeField()),
                    ('due_at', models.DateTimeField()),
                    ('grain', models.CharField(choices=[('hour', 'To the hour'), ('day', 'On the day')], max_length=4)),
                    ('first_due_at', models.DateTimeField()),
                    ('counts_at', models.DateTimeField()),
                    ('source', models.CharField(choices=[('talk', 'Contact'), ('complaint', 'Complaint'), ('remedy', 'Remedy'), ('shop', 'Shop'), ('other', 'Other')], max_length=9)),
                    ('source_id', models.BigIntegerField()),
                    ('ordinal', models.PositiveSmallIntegerField(default=0)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('kept', 'Kept'), ('late', 'Kept late'), ('released', 'Released'), ('void', 'No longer needed')], default='open', max_length=8)),
                    ('done_at', models.DateTimeField(blank=True, null=True)),
                    ('how', models.CharField(blank=True, max_length=200)),
                    ('moves', models.PositiveSmallIntegerField(default=0)),
                    ('agreed_with_customer', models.BooleanField(default=False)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='promises', to='customers.customer')),
                    ('done_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('made_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='promises', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='PromiseEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('made', 'Promised'), ('moved', 'Promise moved'), ('handed', 'Promise handed over'), ('kept', 'Promise kept'), ('late', 'Promise kept late'), ('released', 'Promise released'), ('void', 'Promise no longer needed'), ('reopened', 'Promise open again')], max_length=8)),
                    ('at', models.DateTimeField()),
                    ('before', models.DateTimeField(blank=True, null=True)),
                    ('after', models.DateTimeField(blank=True, null=True)),
                    ('reason', models.CharField(blank=True, max_length=200)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('owner_before', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('promise', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='customers.promise')),
                ],
            ),
            migrations.CreateModel(
                name='Refund',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('external_id', models.CharField(max_length=80)),
                    ('purchased_on', models.DateField()),
                    ('refunded_at', models.DateTimeField()),
                    ('refunded_on', models.DateField()),
                    ('amount', core.lib.money.MoneyField()),
                    ('profit_effect', core.lib.money.MoneyField()),
                    ('reason', models.CharField(blank=True, db_default='', default='', max_length=200)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='customers.customer')),
                    ('order', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='refunds', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='RejectedRow',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('line_number', models.IntegerField()),
                    ('column', models.CharField(blank=True, max_length=80)),
                    ('reason', models.CharField(max_length=300)),
                    ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='rejected', to='customers.import')),
                ],
            ),
            migrations.CreateModel(
                name='RiskRules',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('shares', models.JSONField(help_text='Reason: share of the value, 0 to 1, as text')),
                    ('starts_at', models.DateTimeField()),
                    ('reason', models.CharField(max_length=300)),
                    ('at', models.DateTimeField()),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='SendPolicy',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('opens', models.PositiveSmallIntegerField(default=9)),
                    ('closes', models.PositiveSmallIntegerField(default=20)),
                    ('a_day', models.PositiveSmallIntegerField(default=1)),
                    ('in_7_days', models.PositiveSmallIntegerField(default=2)),
                    ('in_30_days', models.PositiveSmallIntegerField(default=6)),
                    ('survey_days', models.PositiveSmallIntegerField(default=90)),
                    ('asks_by_letter', models.BooleanField(default=True)),
                    ('reason', models.CharField(max_length=200)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='SummaryState',
                fields=[
                    ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('as_of', models.DateField()),
                    ('half_life_days', models.FloatField()),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_summary_state')],
                },
            ),
            migrations.CreateModel(
                name='Todo',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('reason', models.CharField(choices=[('alert', 'Quiet customer'), ('promise', 'Promise'), ('contact', 'Planned contact'), ('tier', 'Level at risk'), ('credit', 'Payment overdue')], max_length=10)),
                    ('text', models.JSONField(default=dict, help_text='What the one-line reason is made of')),
                    ('due_on', models.DateField()),
                    ('due_at', models.DateTimeField(blank=True, help_text='The moment, where more than the day was promised', null=True)),
                    ('at_stake', core.lib.money.MoneyField(default=0)),
                    ('stake_parts', models.JSONField(default=dict, help_text='Risk, value and rule version of the money at stake')),
                    ('dedupe_key', models.CharField(max_length=120, unique=True)),
                    ('alert_id', models.BigIntegerField(blank=True, null=True)),
                    ('state', models.CharField(choices=[('open', 'Open'), ('done', 'Done'), ('dropped', 'No longer needed')], default='open', max_length=8)),
                    ('snoozed_until', models.DateField(blank=True, null=True)),
                    ('snooze_reason', models.CharField(blank=True, max_length=200)),
                    ('opened_at', models.DateTimeField()),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('closed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='todos_closed', to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='todos', to='customers.customer')),
                    ('owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='todos', to=settings.AUTH_USER_MODEL)),
                    ('promise', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='todo', to='customers.promise')),
                ],
            ),
            migrations.CreateModel(
                name='BookMove',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('reason', models.CharField(max_length=200)),
                    ('customers', models.JSONField(default=list)),
                    ('tasks', models.JSONField(default=list)),
                    ('undone_at', models.DateTimeField(blank=True, null=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('giver', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('undone_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'indexes': [models.Index(fields=['-at'], name='book_move_at')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('undone_at__isnull', True), ('undone_at__gte', models.F('at')), _connector='OR'), name='book_move_undone_after')],
                },
            ),
            migrations.AddConstraint(
                model_name='consentwording',
                constraint=models.UniqueConstraint(fields=('code', 'language', 'n'), name='consent_wording_once'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consentwording',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a8e146096d21e4b4984f26f2b91f7acee9fffa24', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b5b2b', table='customers_consentwording', when='BEFORE')),
            ),
            migrations.AddField(
                model_name='standing',
                name='manager',
                field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddIndex(
                model_name='customer',
                index=django.contrib.postgres.indexes.GinIndex(fields=['name_grams'], name='customer_name_grams'),
            ),
            migrations.AddIndex(
                model_name='customer',
                index=models.Index(condition=models.Q(('region', ''), _negated=True), fields=['region'], name='customer_region'),
            ),
            migrations.AddIndex(
                model_name='customer',
                index=models.Index(condition=models.Q(('erased_at__isnull', False)), fields=['id'], name='customer_erased'),
            ),
            migrations.AddConstraint(
                model_name='customer',
                constraint=models.CheckConstraint(condition=models.Q(('merged_into', models.F('id')), _negated=True), name='merged_into_another'),
            ),
            migrations.AddConstraint(
                model_name='customer',
                constraint=models.CheckConstraint(condition=models.Q(('manager__isnull', True), ('manager_since__isnull', False), _connector='OR'), name='manager_has_a_since'),
            ),
            migrations.AddConstraint(
                model_name='customer',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('birth_day__isnull', True), ('birth_month__isnull', True), ('birth_year__isnull', True)), models.Q(('birth_day__range', (1, 31)), ('birth_month__range', (1, 12))), _connector='OR'), name='birthday_has_month_and_day'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='customer',
                trigger=pgtrigger.compiler.Trigger(name='copied_to_standing', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."birth_day" IS DISTINCT FROM (NEW."birth_day") OR OLD."birth_month" IS DISTINCT FROM (NEW."birth_month") OR OLD."birthday_is_lunar" IS DISTINCT FROM (NEW."birthday_is_lunar") OR OLD."city" IS DISTINCT FROM (NEW."city") OR OLD."next_contact_on" IS DISTINCT FROM (NEW."next_contact_on") OR OLD."region" IS DISTINCT FROM (NEW."region") OR OLD."registered_on" IS DISTINCT FROM (NEW."registered_on"))', func='UPDATE customers_standing SET region = NEW.region, city = NEW.city, registered_on = NEW.registered_on, birthday = NEW.birth_month * 100 + NEW.birth_day + CASE WHEN NEW.birthday_is_lunar THEN 2000 ELSE 0 END, next_contact_on = NEW.next_contact_on WHERE customer_id = NEW.id; RETURN NULL;', hash='9f4ad78c1cac038a68aa47b81b17859961633cd5', operation='UPDATE OF "region", "city", "registered_on", "birth_month", "birth_day", "birthday_is_lunar", "next_contact_on"', pgid='pgtrigger_copied_to_standing_cc0fa', table='customers_customer', when='AFTER')),
            ),
            migrations.AddIndex(
                model_name='contactpoint',
                index=models.Index(fields=['kind', 'blind_index'], name='contact_point_whole'),
            ),
            migrations.AddIndex(
                model_name='contactpoint',
                index=models.Index(condition=models.Q(('tail_index__isnull', False)), fields=['tail_index'], name='contact_point_tail'),
            ),
            migrations.AddIndex(
                model_name='contactpoint',
                index=models.Index(condition=models.Q(('import_run__isnull', False)), fields=['import_run'], name='contact_point_told'),
            ),
            migrations.AddConstraint(
                model_name='contactpoint',
                constraint=models.UniqueConstraint(fields=('customer', 'kind', 'blind_index'), name='contact_point_once'),
            ),
            migrations.AddConstraint(
                model_name='contactpoint',
                constraint=models.UniqueConstraint(condition=models.Q(('is_preferred', True)), fields=('customer', 'kind'), name='one_preferred_contact_point'),
            ),
            migrations.AddConstraint(
                model_name='contactpoint',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('retired', ''), ('retired_at__isnull', True)), models.Q(models.Q(('retired', ''), _negated=True), ('is_preferred', False), ('retired_at__isnull', False)), _connector='OR'), name='retired_contact_point_is_not_preferred'),
            ),
            migrations.AddIndex(
                model_name='contact',
                index=models.Index(fields=['customer', '-at'], name='contact_by_customer'),
            ),
            migrations.AddIndex(
                model_name='consententry',
                index=models.Index(fields=['customer', '-said_at'], name='consent_history'),
            ),
            migrations.AddConstraint(
                model_name='consententry',
                constraint=models.CheckConstraint(condition=models.Q(('said_at__lte', models.F('stored_at'))), name='consent_said_before_stored'),
            ),
            migrations.AddConstraint(
                model_name='consententry',
                constraint=models.CheckConstraint(condition=models.Q(('purpose', 'service'), _negated=True), name='service_needs_no_consent'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consententry',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ab9ab2837042ec8770fb9f5ee365b8a67a9ae755', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_5ee9e', table='customers_consententry', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='consententry',
                trigger=pgtrigger.compiler.Trigger(name='state_follows', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n    INSERT INTO customers_consentstate AS held (customer_id, channel, purpose, state, since, entry_id)\n    VALUES (NEW.customer_id, NEW.channel, NEW.purpose, NEW.state, NEW.said_at, NEW.id)\n        ON CONFLICT (customer_id, channel, purpose)\n        DO UPDATE SET state = EXCLUDED.state, since = EXCLUDED.since, entry_id = EXCLUDED.entry_id\n     WHERE EXCLUDED.since > held.since\n        OR EXCLUDED.since = held.since\n           AND (EXCLUDED.state IN ('refused', 'withdrawn') OR held.state NOT IN ('refused', 'withdrawn'));\n    RETURN NULL;\n", hash='f006e20dff7bbf12d842f891ece88b4d907651c5', operation='INSERT', pgid='pgtrigger_state_follows_6df15', table='customers_consententry', when='AFTER')),
            ),
            migrations.AddIndex(
                model_name='customerchange',
                index=models.Index(fields=['customer', '-at'], name='change_by_customer'),
            ),
            migrations.AddIndex(
                model_name='externalidentity',
                index=models.Index(condition=models.Q(('import_run__isnull', False)), fields=['import_run'], name='identity_told'),
            ),
            migrations.AddConstraint(
                model_name='externalidentity',
                constraint=models.UniqueConstraint(fields=('source', 'external_id'), name='one_customer_per_identity'),
            ),
            migrations.AddIndex(
                model_name='import',
                index=models.Index(condition=models.Q(('state__in', ['waiting', 'running'])), fields=['id'], name='unfinished_imports'),
            ),
            migrations.AddConstraint(
                model_name='import',
                constraint=models.CheckConstraint(condition=models.Q(('percent__lte', 100)), name='import_percent_is_one'),
            ),
            migrations.AddConstraint(
                model_name='import',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'waiting'), _negated=True), models.Q(('task', ''), _negated=True), _connector='OR'), name='waiting_import_has_a_task'),
            ),
            migrations.AddConstraint(
                model_name='importchange',
                constraint=models.UniqueConstraint(fields=('run', 'order_id'), name='one_change_per_order'),
            ),
            migrations.AddConstraint(
                model_name='importchunk',
                constraint=models.UniqueConstraint(fields=('run', 'number'), name='import_chunk_once'),
            ),
            migrations.AddConstraint(
                model_name='importprofile',
                constraint=models.UniqueConstraint(condition=models.Q(('source', ''), _negated=True), fields=('source', 'kind'), name='one_import_profile_per_source'),
            ),
            migrations.AddConstraint(
                model_name='importquestion',
                constraint=models.UniqueConstraint(fields=('run', 'external_id'), name='one_question_per_order'),
            ),
            migrations.AddConstraint(
                model_name='importquestion',
                constraint=models.CheckConstraint(condition=models.Q(('answer', ''), ('answered_at__isnull', False), _connector='OR'), name='answer_has_a_time'),
            ),
            migrations.AddConstraint(
                model_name='importquestion',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', 'done'), _negated=True), ('applied_at__isnull', False), _connector='OR'), name='done_answer_was_applied'),
            ),
            migrations.AddConstraint(
                model_name='importrecord',
                constraint=models.UniqueConstraint(fields=('run', 'record_id'), name='one_import_record_per_row'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(condition=models.Q(('by_hand', False), ('state', 'waiting')), fields=['priority', 'valid_from', 'id'], name='letter_due'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(condition=models.Q(('state', 'handing')), fields=['claimed_until'], name='letter_handing'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(fields=['customer', 'handed_at'], name='letter_of_customer'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(fields=['-written_at'], name='letter_by_day'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(condition=models.Q(('state__in', ['planned', 'waiting'])), fields=['valid_from'], name='letter_open'),
            ),
            migrations.AddIndex(
                model_name='letter',
                index=models.Index(fields=['occasion'], name='letter_occasion'),
            ),
            migrations.AddConstraint(
                model_name='letter',
                constraint=models.CheckConstraint(condition=models.Q(('valid_until__gt', models.F('valid_from'))), name='letter_has_a_term'),
            ),
            migrations.AddConstraint(
                model_name='letter',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('handed_at__isnull', False), ('state__in', ['handed', 'delivered', 'bounced'])), models.Q(('state__in', ['handed', 'delivered', 'bounced']), _negated=True), _connector='OR'), name='letter_handed_has_a_moment'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='letter',
                trigger=pgtrigger.compiler.Trigger(name='states', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{planned:waiting,planned:blocked,planned:withdrawn,planned:expired,planned:stopped,waiting:blocked,waiting:withdrawn,waiting:expired,waiting:stopped,waiting:handing,waiting:handed,handing:waiting,handing:handed,handing:refused,handing:unknown,handed:delivered,handed:bounced,handed:refused,unknown:handed,unknown:delivered,unknown:bounced,unknown:refused}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='cbe34cd0b13d630aa4bf1f6e9055ed68780395a2', operation='UPDATE', pgid='pgtrigger_states_7f5c4', table='customers_letter', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='letter',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='70f285f64fb8b5787bbfc15bf998b35e464e0f7c', operation='DELETE', pgid='pgtrigger_never_deleted_2dc7c', table='customers_letter', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='letterevent',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='ddb11fc702e07aa4029e6775e55c7c31c50bdfed', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_63f69', table='customers_letterevent', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='lookup',
                constraint=models.UniqueConstraint(fields=('user', 'customer', 'on'), name='one_lookup_a_day'),
            ),
            migrations.AddConstraint(
                model_name='merge',
                constraint=models.UniqueConstraint(condition=models.Q(('undone_at__isnull', True)), fields=('loser',), name='merged_once'),
            ),
            migrations.AddConstraint(
                model_name='notthesame',
                constraint=models.UniqueConstraint(fields=('first', 'second'), name='not_the_same_once'),
            ),
            migrations.AddConstraint(
                model_name='notthesame',
                constraint=models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='not_the_same_in_order'),
            ),
            migrations.AddIndex(
                model_name='opened',
                index=models.Index(fields=['on', 'user'], name='opened_by_day'),
            ),
            migrations.AddConstraint(
                model_name='opened',
                constraint=models.UniqueConstraint(fields=('customer', 'user', 'on'), name='opened_once_a_day'),
            ),
            migrations.AddField(
                model_name='unusualorder',
                name='decided_by',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddIndex(
                model_name='order',
                index=models.Index(condition=models.Q(('status', 'paid')), fields=['customer', 'ordered_on'], include=('paid', 'profit', 'category_mask', 'fully_refunded_on'), name='order_purchases'),
            ),
            migrations.AddIndex(
                model_name='order',
                index=models.Index(fields=['customer', '-ordered_at'], name='order_by_customer'),
            ),
            migrations.AddIndex(
                model_name='order',
                index=models.Index(fields=['-ordered_at', '-id'], name='order_newest'),
            ),
            migrations.AddIndex(
                model_name='order',
                index=models.Index(fields=['external_id'], name='order_number'),
            ),
            migrations.AddIndex(
                model_name='order',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['ordered_on'], name='order_days'),
            ),
            migrations.AddIndex(
                model_name='order',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['received_at'], name='order_arrivals'),
            ),
            migrations.AddConstraint(
                model_name='order',
                constraint=models.UniqueConstraint(fields=('source', 'external_id'), name='one_order_per_identity'),
            ),
            migrations.AddConstraint(
                model_name='order',
                constraint=models.CheckConstraint(condition=models.Q(('paid__gte', 0)), name='order_paid_not_negative'),
            ),
            migrations.AddConstraint(
                model_name='order',
                constraint=models.CheckConstraint(condition=models.Q(('profit', django.db.models.expressions.CombinedExpression(models.F('paid'), '-', models.F('cost')))), name='order_profit_is_paid_less_cost'),
            ),
            migrations.AddConstraint(
                model_name='order',
                constraint=models.CheckConstraint(condition=models.Q(('version__gte', 0), models.Q(('file_changes__gt', 0), ('version', -1)), _connector='OR'), name='order_has_a_version_or_a_file'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='order',
                trigger=pgtrigger.compiler.Trigger(name='mark_inserted', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT DISTINCT customer_id FROM touched_rows) AS touched; RETURN NULL;', hash='331e82826e4aa85ae24dd8ab9680ebdedf976c18', level='STATEMENT', operation='INSERT', pgid='pgtrigger_mark_inserted_1c1c4', referencing='REFERENCING NEW TABLE AS touched_rows ', table='customers_order', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='order',
                trigger=pgtrigger.compiler.Trigger(name='mark_updated', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT customer_id FROM touched_rows_old UNION SELECT customer_id FROM touched_rows_new) AS touched; RETURN NULL;', hash='b64db3232233b6cc0f15d2764bfde256fc96f4a7', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_mark_updated_f2522', referencing='REFERENCING OLD TABLE AS touched_rows_old  NEW TABLE AS touched_rows_new ', table='customers_order', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='order',
                trigger=pgtrigger.compiler.Trigger(name='mark_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT DISTINCT customer_id FROM touched_rows) AS touched; RETURN NULL;', hash='890fb8dcb9c3ba85248a2a2399cba9a530f0a77a', level='STATEMENT', operation='DELETE', pgid='pgtrigger_mark_deleted_2b2a7', referencing='REFERENCING OLD TABLE AS touched_rows ', table='customers_order', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='order',
                trigger=pgtrigger.compiler.Trigger(name='a_test_stays_cancelled', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."is_test")', func="NEW.status := 'cancelled'; RETURN NEW;", hash='0bb8db3f2abd8c29dc2bd9149bbc43427e74cf3d', operation='UPDATE', pgid='pgtrigger_a_test_stays_cancelled_1d8f8', table='customers_order', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='possibleduplicate',
                index=models.Index(fields=['-score', 'id'], name='possible_duplicate_order'),
            ),
            migrations.AddConstraint(
                model_name='possibleduplicate',
                constraint=models.UniqueConstraint(fields=('first', 'second'), name='possible_duplicate_once'),
            ),
            migrations.AddConstraint(
                model_name='possibleduplicate',
                constraint=models.CheckConstraint(condition=models.Q(('first__lt', models.F('second'))), name='possible_duplicate_in_order'),
            ),
            migrations.AddIndex(
                model_name='privacyrequest',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['due_on', 'id'], name='privacy_due'),
            ),
            migrations.AddConstraint(
                model_name='privacyrequest',
                constraint=models.CheckConstraint(condition=models.Q(('due_on__gte', models.F('asked_on'))), name='privacy_due_after_asked'),
            ),
            migrations.AddConstraint(
                model_name='privacyrequest',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='privacy_ended_has_a_moment'),
            ),
            migrations.AddConstraint(
                model_name='privacyrequest',
                constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('customer', 'kind'), name='privacy_asked_once'),
            ),
            migrations.AddConstraint(
                model_name='erasure',
                constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('request',), name='one_open_erasure'),
            ),
            migrations.AddConstraint(
                model_name='erasure',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='erasure_decided'),
            ),
            migrations.AddConstraint(
                model_name='erasure',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'done'), _negated=True), models.Q(('decided_by', models.F('proposed_by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='erasure_needs_two_people'),
            ),
            migrations.AddConstraint(
                model_name='product',
                constraint=models.UniqueConstraint(fields=('source', 'external_id'), name='one_product_per_identity'),
            ),
            migrations.AddConstraint(
                model_name='product',
                constraint=models.CheckConstraint(condition=models.Q(('picture', ''), ('picture__startswith', 'https://'), _connector='OR'), name='product_picture_is_https'),
            ),
            migrations.AddIndex(
                model_name='bought',
                index=models.Index(fields=['customer', 'product'], name='bought_by_customer'),
            ),
            migrations.AddConstraint(
                model_name='bought',
                constraint=models.UniqueConstraint(fields=('product', 'customer'), include=('last_on', 'days', 'paid'), name='bought_once'),
            ),
            migrations.AddIndex(
                model_name='promise',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['owner', 'due_at'], name='promise_open'),
            ),
            migrations.AddIndex(
                model_name='promise',
                index=models.Index(fields=['customer', '-made_at'], name='promise_by_customer'),
            ),
            migrations.AddIndex(
                model_name='promise',
                index=models.Index(fields=['first_due_at'], name='promise_by_first_hour'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.UniqueConstraint(fields=('source', 'source_id', 'ordinal'), name='one_promise_of_a_source'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'kept'), _negated=True), ('done_at__lte', models.F('counts_at')), _connector='OR'), name='promise_kept_in_time'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'late'), _negated=True), ('done_at__gt', models.F('counts_at')), _connector='OR'), name='promise_late_after_its_hour'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('done_at__isnull', False)), _connector='OR'), name='promise_ended_says_when'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['released', 'void']), _negated=True), models.Q(('how', ''), _negated=True), _connector='OR'), name='promise_let_go_says_why'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='promise_has_words'),
            ),
            migrations.AddConstraint(
                model_name='promise',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('counts_at', models.F('first_due_at')), ('due_at', models.F('first_due_at')), ('moves', 0)), ('moves__gt', 0), _connector='OR'), name='promise_moved_is_counted'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='promiseevent',
                trigger=pgtrigger.compiler.Trigger(name='never_rewritten', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='b8b07a8b0047545c03a8d527728e3cba83b32237', operation='UPDATE', pgid='pgtrigger_never_rewritten_bf6e6', table='customers_promiseevent', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='refund',
                index=models.Index(fields=['customer', 'refunded_on'], name='refund_by_customer'),
            ),
            migrations.AddIndex(
                model_name='refund',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['refunded_on'], name='refund_days'),
            ),
            migrations.AddConstraint(
                model_name='refund',
                constraint=models.UniqueConstraint(fields=('order', 'external_id'), name='one_refund_per_identity'),
            ),
            migrations.AddConstraint(
                model_name='refund',
                constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='refund_is_positive'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='refund',
                trigger=pgtrigger.compiler.Trigger(name='mark_inserted', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT DISTINCT customer_id FROM touched_rows) AS touched; RETURN NULL;', hash='76a74708b927b77d5f894e20d46ef99fe6c115f9', level='STATEMENT', operation='INSERT', pgid='pgtrigger_mark_inserted_01bff', referencing='REFERENCING NEW TABLE AS touched_rows ', table='customers_refund', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='refund',
                trigger=pgtrigger.compiler.Trigger(name='mark_updated', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT customer_id FROM touched_rows_old UNION SELECT customer_id FROM touched_rows_new) AS touched; RETURN NULL;', hash='09bb4a7e499330c6e6159869e3e95498d31f483c', level='STATEMENT', operation='UPDATE', pgid='pgtrigger_mark_updated_df809', referencing='REFERENCING OLD TABLE AS touched_rows_old  NEW TABLE AS touched_rows_new ', table='customers_refund', when='AFTER')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='refund',
                trigger=pgtrigger.compiler.Trigger(name='mark_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO customers_dirtymark (customer_id, marked_at) SELECT customer_id, now() FROM (SELECT DISTINCT customer_id FROM touched_rows) AS touched; RETURN NULL;', hash='a12acfd0a3fb8771db8781b8a013c3cafda012a3', level='STATEMENT', operation='DELETE', pgid='pgtrigger_mark_deleted_96125', referencing='REFERENCING OLD TABLE AS touched_rows ', table='customers_refund', when='AFTER')),
            ),
            migrations.AddConstraint(
                model_name='riskrules',
                constraint=models.CheckConstraint(condition=models.Q(('version__gt', 1)), name='first_risks_are_code'),
            ),
            migrations.AddConstraint(
                model_name='sendpolicy',
                constraint=models.CheckConstraint(condition=models.Q(('closes__lte', 21), ('opens__gte', 8), ('opens__lt', models.F('closes'))), name='sends_by_day'),
            ),
            migrations.AddConstraint(
                model_name='sendpolicy',
                constraint=models.CheckConstraint(condition=models.Q(('a_day__gte', 1), ('in_30_days__gte', models.F('in_7_days')), ('in_7_days__gte', 1), ('survey_days__gte', 1)), name='send_caps_make_sense'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='sendpolicy',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d354c5b72228212112a741c8c6cd06618d6629d8', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_9bc01', table='customers_sendpolicy', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='todo',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['owner', '-at_stake'], name='todo_open'),
            ),
            migrations.AddIndex(
                model_name='todo',
                index=models.Index(condition=models.Q(('state', 'open')), fields=['customer'], name='todo_by_customer'),
            ),
            migrations.AddIndex(
                model_name='standing',
                index=models.Index(fields=['-value', 'customer'], name='standing_value'),
            ),
            migrations.AddIndex(
                model_name='standing',
                index=models.Index(fields=['customer_class', '-value', 'customer'], name='standing_class'),
            ),
            migrations.AddIndex(
                model_name='standing',
                index=models.Index(fields=['manager', '-value', 'customer'], name='standing_manager'),
            ),
            migrations.AddIndex(
                model_name='standing',
                index=models.Index(fields=['matrix_type', '-value', 'customer'], name='standing_type'),
            ),
            migrations.AddIndex(
                model_name='standing',
                index=models.Index(condition=models.Q(('last_on__isnull', False)), fields=['last_on', 'customer'], name='standing_absent'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='standing',
                trigger=pgtrigger.compiler.Trigger(name='copied_from_record', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE c customers_customer%ROWTYPE;', func='SELECT * INTO c FROM customers_customer WHERE id = NEW.customer_id; IF FOUND THEN NEW.region := c.region; NEW.city := c.city; NEW.registered_on := c.registered_on; NEW.birthday := c.birth_month * 100 + c.birth_day + CASE WHEN c.birthday_is_lunar THEN 2000 ELSE 0 END; NEW.next_contact_on := c.next_contact_on; END IF; RETURN NEW;', hash='468c4bb6e2370fa8a579b7e032159e4bdc0dff6b', operation='INSERT', pgid='pgtrigger_copied_from_record_0ca5f', table='customers_standing', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='unusualorder',
                index=models.Index(condition=models.Q(('state', 'right'), _negated=True), fields=['-asked_at'], name='unusual_orders_open'),
            ),
            migrations.AddConstraint(
                model_name='unusualorder',
                constraint=models.CheckConstraint(condition=models.Q(('state', 'open'), models.Q(('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='unusual_order_decided_by_somebody'),
            ),
        ]),
        RunDeferred(),
        # A fixed fiftieth of all, by the hash that segmentation.segments.measure draws its sample with.
        migrations.RunSQL(
            "CREATE INDEX standing_sample ON customers_standing (customer_id)"
            " WHERE mod(hashint8(customer_id) & 2147483647, 1000) < 20",
            "DROP INDEX standing_sample",
        ),
        # Django makes a second index of each unique text, for “begins with”, which nobody asks of these.
        migrations.RunSQL(
            """
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
                               AND starts_with(tablename, 'customers_') AND right(indexname, 5) = '_like'
                               AND NOT tablename = ANY('{customers_letter,customers_letterevent}') LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
