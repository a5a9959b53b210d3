from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty', '0008_fill_order_keys'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='draw',
            index=models.Index(condition=models.Q(('state', 'claimed')), fields=['customer'], name='draw_to_hand_over'),
        ),
    ]
