"""Whoever asks to be away, and a colleague who covers because of it."""


import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


# Who stood in for exactly the days of an absence stood in because of it.
COVERS = """
    UPDATE accounts_delegation d SET absence_id = a.id FROM accounts_absence a
     WHERE a.user_id = d.manager_id AND a.starts_on = d.starts_on AND a.ends_on = d.ends_on
       AND a.id = (SELECT min(b.id) FROM accounts_absence b
                    WHERE b.user_id = a.user_id AND b.starts_on = a.starts_on AND b.ends_on = a.ends_on);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_squashed_0010_department_role'),
    ]

    operations = [
        migrations.AddField(
            model_name='delegation',
            name='absence',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='covers', to='accounts.absence'),
        ),
        migrations.CreateModel(
            name='LeaveRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_on', models.DateField()),
                ('ends_on', models.DateField()),
                ('words', models.CharField(blank=True, max_length=200)),
                ('at', models.DateTimeField()),
                ('state', models.CharField(choices=[('asked', 'Asked for'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='asked', max_length=9)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('why', models.CharField(blank=True, max_length=200)),
                ('absence', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='request', to='accounts.absence')),
                ('cover', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leave_requests', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_on__gte', models.F('starts_on'))), name='leave_in_order'), models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'asked')), models.Q(models.Q(('state', 'asked'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='leave_decided_says_when'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'refused'), _negated=True), models.Q(('why', ''), _negated=True), _connector='OR'), name='leave_refused_says_why')],
            },
        ),
        migrations.RunSQL(COVERS, migrations.RunSQL.noop),
    ]
