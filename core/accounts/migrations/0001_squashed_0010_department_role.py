"""All that the first 10 migrations come to: a new database gets it in one step instead of theirs."""

import core.accounts.models
import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from core.accounts.migrations import _audit_by_month
from core.lib.database.at_once import AtOnce, RunDeferred


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('accounts', '0001_initial'),
        ('accounts', '0002_several_roles'),
        ('accounts', '0003_tokens_and_own_account'),
        ('accounts', '0004_staff'),
        ('accounts', '0005_audit_search'),
        ('accounts', '0006_forms_sent_once'),
        ('accounts', '0007_audit_by_month'),
        ('accounts', '0008_what_a_form_said'),
        ('accounts', '0009_indexes_that_are_used'),
        ('accounts', '0010_department_role'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='AuditArchive',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40, unique=True)),
                    ('since', models.DateTimeField(help_text='The first moment of the partition; empty: all before', null=True)),
                    ('until', models.DateTimeField()),
                    ('count', models.BigIntegerField()),
                    ('first_id', models.BigIntegerField()),
                    ('last_id', models.BigIntegerField()),
                    ('file', models.CharField(max_length=80)),
                    ('sha256', models.CharField(max_length=64)),
                    ('at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='AuditEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('action', models.CharField(max_length=60)),
                    ('subject_type', models.CharField(blank=True, max_length=40)),
                    ('subject_id', models.BigIntegerField(blank=True, null=True)),
                    ('detail', models.JSONField(default=dict)),
                ],
            ),
            migrations.CreateModel(
                name='AuditSeal',
                fields=[
                    ('number', models.BigIntegerField(primary_key=True, serialize=False)),
                    ('first_id', models.BigIntegerField()),
                    ('last_id', models.BigIntegerField()),
                    ('count', models.IntegerField()),
                    ('digest', models.CharField(max_length=64)),
                    ('chain', models.CharField(max_length=64)),
                    ('signature', models.CharField(max_length=64)),
                    ('key', models.CharField(help_text='Fingerprint of the vault key', max_length=16)),
                    ('at', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='Delegation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('starts_on', models.DateField()),
                    ('ends_on', models.DateField()),
                ],
            ),
            migrations.CreateModel(
                name='Invitation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('made_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('used_at', models.DateTimeField(blank=True, null=True)),
                ],
            ),
            migrations.CreateModel(
                name='RequiredFactor',
                fields=[
                    ('role', models.CharField(choices=[('administrator', 'Administrator'), ('team_lead', 'Team lead'), ('account_manager', 'Account manager'), ('assistant', 'Assistant'), ('service_agent', 'Service agent'), ('service_lead', 'Service lead'), ('analyst', 'Analyst'), ('privacy_officer', 'Privacy officer'), ('department', 'Department colleague'), ('client', 'API client')], max_length=20, primary_key=True, serialize=False)),
                ],
            ),
            migrations.CreateModel(
                name='SentForm',
                fields=[
                    ('key', models.CharField(max_length=32, primary_key=True, serialize=False)),
                    ('content', models.CharField(blank=True, default='', max_length=32)),
                    ('at', models.DateTimeField(db_index=True)),
                ],
            ),
            migrations.CreateModel(
                name='Team',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80, unique=True, verbose_name='name')),
                ],
            ),
            migrations.CreateModel(
                name='User',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('password', models.CharField(max_length=128, verbose_name='password')),
                    ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                    ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                    ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                    ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                    ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                    ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                    ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                    ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                    ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                    ('full_name', models.CharField(blank=True, max_length=80, verbose_name='full name')),
                    ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('administrator', 'Administrator'), ('team_lead', 'Team lead'), ('account_manager', 'Account manager'), ('assistant', 'Assistant'), ('service_agent', 'Service agent'), ('service_lead', 'Service lead'), ('analyst', 'Analyst'), ('privacy_officer', 'Privacy officer'), ('department', 'Department colleague'), ('client', 'API client')], max_length=20), default=core.accounts.models.one_role, size=None, verbose_name='roles')),
                    ('capacity', models.PositiveIntegerField(default=300, verbose_name='customers at most')),
                    ('stands_in_until', models.DateField(blank=True, editable=False, null=True)),
                    ('language', models.CharField(blank=True, help_text='Empty: as the browser says', max_length=10, verbose_name='language')),
                    ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                    ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ],
                options={
                    'verbose_name': 'user',
                    'verbose_name_plural': 'users',
                    'abstract': False,
                },
                managers=[
                    ('objects', django.contrib.auth.models.UserManager()),
                ],
            ),
            migrations.CreateModel(
                name='Absence',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('starts_on', models.DateField()),
                    ('ends_on', models.DateField()),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='absences', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='ApiToken',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80)),
                    ('prefix', models.CharField(max_length=12)),
                    ('digest', models.CharField(max_length=64, unique=True)),
                    ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=30), size=None)),
                    ('sources', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                    ('created_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ('revoked_at', models.DateTimeField(blank=True, null=True)),
                    ('last_used_at', models.DateTimeField(blank=True, null=True)),
                    ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('replaced_by', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='replaces', to='accounts.apitoken')),
                    ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_tokens', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditarchive',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='0f84f20924b38ea4e8a19681e60ef94b09be8a7a', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e7fb4', table='accounts_auditarchive', when='BEFORE')),
            ),
            migrations.AddField(
                model_name='auditentry',
                name='actor',
                field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddConstraint(
                model_name='auditseal',
                constraint=models.UniqueConstraint(fields=('first_id',), name='audit_sealed_once'),
            ),
            migrations.AddConstraint(
                model_name='auditseal',
                constraint=models.CheckConstraint(condition=models.Q(('last_id__gte', models.F('first_id'))), name='seal_is_a_range'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditseal',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='6a38c436bfdcc5028f7f72764db70fd8307f6626', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_ed234', table='accounts_auditseal', when='BEFORE')),
            ),
            migrations.AddField(
                model_name='delegation',
                name='assistant',
                field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations_held', to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddField(
                model_name='delegation',
                name='manager',
                field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations_given', to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddField(
                model_name='invitation',
                name='made_by',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddField(
                model_name='invitation',
                name='user',
                field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL),
            ),
            migrations.AddField(
                model_name='team',
                name='centre',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='teams', to='accounts.team', verbose_name='centre'),
            ),
            migrations.AddField(
                model_name='user',
                name='team',
                field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='accounts.team'),
            ),
            migrations.AddConstraint(
                model_name='absence',
                constraint=models.CheckConstraint(condition=models.Q(('ends_on__gte', models.F('starts_on'))), name='absence_in_order'),
            ),
            migrations.AddIndex(
                model_name='auditentry',
                index=models.Index(fields=['subject_type', 'subject_id', '-at'], name='audit_subject'),
            ),
            migrations.AddIndex(
                model_name='auditentry',
                index=models.Index(fields=['actor', '-at', '-id'], name='audit_actor'),
            ),
            migrations.AddIndex(
                model_name='auditentry',
                index=models.Index(fields=['action', '-at', '-id'], name='audit_action'),
            ),
            migrations.AddIndex(
                model_name='auditentry',
                index=models.Index(fields=['-at', '-id'], name='audit_newest'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditentry',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f78d7546cae6abefbfed448b788eab0e8a36f6bf', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e6c89', table='accounts_auditentry', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='auditentry',
                trigger=pgtrigger.compiler.Trigger(name='never_emptied', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'the audit trail cannot be emptied';", hash='b9a5f3f9e827e376db70a58c9c94a3dc202198ee', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_emptied_db8fc', table='accounts_auditentry', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='delegation',
                constraint=models.CheckConstraint(condition=models.Q(('ends_on__gte', models.F('starts_on'))), name='delegation_in_order'),
            ),
            migrations.AddConstraint(
                model_name='delegation',
                constraint=models.CheckConstraint(condition=models.Q(('manager', models.F('assistant')), _negated=True), name='delegation_to_another'),
            ),
            migrations.AddConstraint(
                model_name='invitation',
                constraint=models.UniqueConstraint(condition=models.Q(('used_at__isnull', True)), fields=('user',), name='one_open_invitation'),
            ),
            migrations.AddConstraint(
                model_name='team',
                constraint=models.CheckConstraint(condition=models.Q(('centre', models.F('id')), _negated=True), name='no_team_is_its_own_centre'),
            ),
            migrations.AddConstraint(
                model_name='user',
                constraint=models.CheckConstraint(condition=models.Q(('roles__len__gte', 1), ('roles__contained_by', ['administrator', 'team_lead', 'account_manager', 'assistant', 'service_agent', 'service_lead', 'analyst', 'privacy_officer', 'department', 'client'])), name='user_has_roles'),
            ),
            migrations.AddConstraint(
                model_name='user',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('roles__contains', ['client']), _negated=True), ('roles__len', 1), _connector='OR'), name='client_is_nobody_else'),
            ),
        ]),
        RunDeferred(),
        # The column of the one role there was stays for the processes of before, which still read it.
        migrations.RunSQL(
            "ALTER TABLE accounts_user ADD COLUMN role varchar(20) NOT NULL DEFAULT 'service_agent'",
            "ALTER TABLE accounts_user DROP COLUMN role",
        ),
        migrations.RunSQL(_audit_by_month.INTO_MONTHS, _audit_by_month.INTO_ONE),
        # Django makes a second index of each unique text, for “begins with”, which nobody asks of these.
        migrations.RunSQL(
            """
            DO $$
            DECLARE name text;
            BEGIN
                FOR name IN SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()
                               AND starts_with(tablename, 'accounts_') AND right(indexname, 5) = '_like' LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
