"""A user holds several roles. The column of the one role stays for the processes of before, which still read it."""

import django.contrib.postgres.fields
from django.db import migrations, models

import core.accounts.models

# Those there were then.
ROLES = [
    ("administrator", "Administrator"),
    ("team_lead", "Team lead"),
    ("account_manager", "Account manager"),
    ("assistant", "Assistant"),
    ("service_agent", "Service agent"),
    ("service_lead", "Service lead"),
    ("analyst", "Analyst"),
    ("privacy_officer", "Privacy officer"),
    ("client", "API client"),
]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "user",
            "roles",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(choices=ROLES, max_length=20),
                default=core.accounts.models.one_role,
                size=None,
                verbose_name="roles",
            ),
        ),
        migrations.RunSQL(
            "UPDATE accounts_user SET roles = ARRAY[role]",
            "UPDATE accounts_user SET role = roles[1]",
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE accounts_user ALTER COLUMN role SET DEFAULT 'service_agent'",
                    "ALTER TABLE accounts_user ALTER COLUMN role DROP DEFAULT",
                )
            ],
            state_operations=[migrations.RemoveField("user", "role")],
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(("roles__len__gte", 1), ("roles__contained_by", [role for role, _label in ROLES])),
                name="user_has_roles",
            ),
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("roles__contains", ["client"]), _negated=True), ("roles__len", 1), _connector="OR"
                ),
                name="client_is_nobody_else",
            ),
        ),
    ]
