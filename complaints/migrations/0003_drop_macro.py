from django.db import migrations


class Migration(migrations.Migration):
    """Nothing ever wrote or read a macro: ready words are `ReplyTemplate`."""

    dependencies = [
        ("complaints", "0002_mail_and_approvals"),
    ]

    operations = [
        migrations.DeleteModel(name="Macro"),
    ]
