"""How many customers somebody looks after at most: as agreed with them, or as the rules of the books say."""

from django.db import migrations, models


# What everybody had without having been asked is what the rules say from now on.
USUAL = "UPDATE accounts_user SET capacity = NULL WHERE capacity = 300"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0011_leaves'),
    ]

    operations = [
        migrations.AlterField(
            model_name='user',
            name='capacity',
            field=models.PositiveIntegerField(blank=True, help_text='Empty: as the rules of the books say', null=True, verbose_name='customers at most'),
        ),
        migrations.RunSQL(USUAL, migrations.RunSQL.noop),
    ]
