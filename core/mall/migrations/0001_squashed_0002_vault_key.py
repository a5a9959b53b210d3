"""All that the first 2 migrations come to: a new database gets it in one step instead of theirs."""

from django.db import migrations, models

from core.lib.database.at_once import AtOnce


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('mall', '0001_mall'),
        ('mall', '0002_vault_key'),
    ]

    dependencies = [
    ]

    operations = [
        AtOnce([
            migrations.CreateModel(
                name='VaultKey',
                fields=[
                    ('fingerprint', models.CharField(max_length=16, primary_key=True, serialize=False)),
                    ('since', models.DateTimeField()),
                ],
            ),
            migrations.CreateModel(
                name='MallSettings',
                fields=[
                    ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('name', models.CharField(max_length=80, verbose_name='Name of the mall')),
                    ('currency', models.CharField(max_length=3, verbose_name='Currency')),
                    ('time_zone', models.CharField(max_length=60, verbose_name='Time zone')),
                    ('language', models.CharField(max_length=10, verbose_name='Language')),
                    ('phone_region', models.CharField(max_length=2, verbose_name='Country of its phone numbers')),
                    ('set_up_at', models.DateTimeField()),
                    ('changed_at', models.DateTimeField()),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='only_one_mall'), models.CheckConstraint(condition=models.Q(('currency__regex', '^[A-Z]{3}$'), ('phone_region__regex', '^[A-Z]{2}$')), name='mall_codes_are_codes'), models.CheckConstraint(condition=models.Q(models.Q(('name', ''), _negated=True), models.Q(('time_zone', ''), _negated=True)), name='mall_has_a_name')],
                },
            ),
            migrations.CreateModel(
                name='SetupCode',
                fields=[
                    ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('digest', models.CharField(max_length=64)),
                    ('made_at', models.DateTimeField()),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='only_one_setup_code')],
                },
            ),
        ]),
    ]
