"""All that the first 15 migrations come to: a new database gets it in one step instead of theirs."""

import core.lib.money
import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from decimal import Decimal
from django.conf import settings
from django.contrib.postgres.operations import BtreeGistExtension
from django.db import migrations, models

from core.lib.database.at_once import AtOnce, RunDeferred


class Migration(migrations.Migration):

    initial = True
    replaces = [
        ('loyalty', '0001_tiers'),
        ('loyalty', '0002_points'),
        ('loyalty', '0003_campaigns'),
        ('loyalty', '0004_occasions'),
        ('loyalty', '0005_earn_limits'),
        ('loyalty', '0006_tier_draft_key'),
        ('loyalty', '0007_order_keys'),
        ('loyalty', '0008_fill_order_keys'),
        ('loyalty', '0009_draws_to_hand_over'),
        ('loyalty', '0010_alone_because'),
        ('loyalty', '0011_levels_taken_back'),
        ('loyalty', '0012_points_of_file_changes'),
        ('loyalty', '0013_indexes_that_are_used'),
        ('loyalty', '0014_rule_changes'),
        ('loyalty', '0015_coupon_terms'),
    ]

    dependencies = [
        ('customers', '0001_squashed_0026_who_is_counted'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        BtreeGistExtension(),
        AtOnce([
            migrations.CreateModel(
                name='Club',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80, unique=True)),
                    ('about', models.CharField(blank=True, max_length=300)),
                    ('min_level', models.CharField(blank=True, max_length=20)),
                    ('closed_on', models.DateField(blank=True, null=True)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='ClubEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('meeting', 'Meeting'), ('content', 'Reading or video')], max_length=8)),
                    ('name', models.CharField(max_length=80)),
                    ('place', models.CharField(blank=True, help_text='Where it is, or the address of what is sent', max_length=200)),
                    ('on', models.DateField()),
                    ('seats', models.PositiveIntegerField(blank=True, null=True)),
                    ('taken', models.PositiveIntegerField(default=0, editable=False)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('club', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='loyalty.club')),
                ],
            ),
            migrations.CreateModel(
                name='ClubMember',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('joined_on', models.DateField()),
                    ('left_on', models.DateField(blank=True, null=True)),
                    ('club', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='loyalty.club')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='clubs', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='ClubVisit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('came', models.BooleanField(null=True)),
                    ('at', models.DateTimeField()),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='club_visits', to='customers.customer')),
                    ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='visits', to='loyalty.clubevent')),
                ],
            ),
            migrations.CreateModel(
                name='CouponCampaign',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=30, unique=True)),
                    ('name', models.CharField(max_length=80)),
                    ('kind', models.CharField(choices=[('amount', 'Amount off'), ('percent', 'Percent off'), ('shipping', 'Free shipping'), ('gift', 'Gift')], max_length=10)),
                    ('amount', core.lib.money.MoneyField(default=Decimal('0.00'), help_text='What comes off the order, what is paid of the shipping at most, or the stated price of the gift')),
                    ('percent', models.PositiveSmallIntegerField(default=0)),
                    ('gift', models.CharField(blank=True, max_length=80)),
                    ('most_off', core.lib.money.MoneyField(blank=True, null=True)),
                    ('min_spend', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('categories', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=80), blank=True, default=list, size=None)),
                    ('stack_group', models.CharField(blank=True, max_length=30)),
                    ('needs_code', models.BooleanField(default=True)),
                    ('total_limit', models.PositiveIntegerField()),
                    ('per_customer_limit', models.PositiveIntegerField(default=1)),
                    ('budget', core.lib.money.MoneyField(blank=True, null=True)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField(help_text='First instant at which it no longer holds')),
                    ('valid_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('status', models.CharField(choices=[('draft', 'Draft'), ('running', 'Running'), ('paused', 'Paused'), ('ended', 'Ended')], default='draft', max_length=8)),
                    ('at', models.DateTimeField()),
                    ('used', models.PositiveIntegerField(default=0, editable=False)),
                    ('budget_used', core.lib.money.MoneyField(default=Decimal('0.00'), editable=False)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='CampaignUsage',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('used', models.PositiveIntegerField(default=0)),
                    ('most', models.PositiveIntegerField()),
                    ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.customer')),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='usage', to='loyalty.couponcampaign')),
                ],
            ),
            migrations.CreateModel(
                name='CouponIssue',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('client_key', models.CharField(max_length=64)),
                    ('group', models.JSONField(default=dict, help_text='What the customers had in common')),
                    ('bearer', models.BooleanField(default=False)),
                    ('count', models.PositiveIntegerField()),
                    ('cost', core.lib.money.MoneyField(default=Decimal('0.00'), help_text='What telling the customers cost')),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='issues', to='loyalty.couponcampaign')),
                ],
            ),
            migrations.CreateModel(
                name='Coupon',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(help_text='Normalised: capitals and digits without blanks', max_length=24, unique=True)),
                    ('status', models.CharField(choices=[('issued', 'Issued'), ('reserved', 'Reserved'), ('redeemed', 'Redeemed'), ('expired', 'Expired'), ('revoked', 'Revoked')], default='issued', max_length=8)),
                    ('issued_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField(help_text='First instant at which it no longer holds')),
                    ('customer', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='coupons', to='customers.customer')),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='coupons', to='loyalty.couponcampaign')),
                    ('issue', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='coupons', to='loyalty.couponissue')),
                ],
            ),
            migrations.CreateModel(
                name='CouponRedemption',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('order_ref', models.CharField(help_text='source:external_id, as the shop names it at the checkout', max_length=121)),
                    ('stack_group', models.CharField(blank=True, max_length=30)),
                    ('goods', core.lib.money.MoneyField(help_text="The order's lines before the discount")),
                    ('discount', core.lib.money.MoneyField()),
                    ('worth', core.lib.money.MoneyField()),
                    ('content', models.CharField(help_text='Digest of the order it was worked out for', max_length=64)),
                    ('status', models.CharField(choices=[('reserved', 'Reserved'), ('redeemed', 'Redeemed'), ('released', 'Released'), ('rolled_back', 'Rolled back')], default='reserved', max_length=12)),
                    ('keeps_slot', models.BooleanField(default=False)),
                    ('reserved_at', models.DateTimeField()),
                    ('reserved_until', models.DateTimeField()),
                    ('redeemed_at', models.DateTimeField(null=True)),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('reason', models.CharField(blank=True, max_length=200)),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='loyalty.couponcampaign')),
                    ('coupon', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='loyalty.coupon')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='coupon_redemptions', to='customers.customer')),
                    ('order', models.ForeignKey(blank=True, help_text='Once it has arrived', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='CouponLineShare',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('line_ref', models.CharField(max_length=80)),
                    ('net', core.lib.money.MoneyField(help_text='The line before the discount')),
                    ('amount', core.lib.money.MoneyField()),
                    ('redemption', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='shares', to='loyalty.couponredemption')),
                ],
            ),
            migrations.CreateModel(
                name='CouponTerms',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField()),
                    ('content', models.JSONField()),
                    ('starts_at', models.DateTimeField(blank=True, null=True)),
                    ('reason', models.CharField(blank=True, max_length=300)),
                    ('at', models.DateTimeField()),
                    ('begun_at', models.DateTimeField(blank=True, null=True)),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('takes_back', models.BooleanField(default=False)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('campaign', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='versions', to='loyalty.couponcampaign')),
                ],
            ),
            migrations.CreateModel(
                name='CreditAccount',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('credit_limit', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('term_days', models.PositiveSmallIntegerField(default=30)),
                    ('exposure', core.lib.money.MoneyField(default=Decimal('0.00'), editable=False)),
                    ('authorised', core.lib.money.MoneyField(default=Decimal('0.00'), editable=False)),
                    ('status', models.CharField(choices=[('open', 'Credit is open'), ('hold', 'No new charges'), ('closed', 'Closed')], default='open', max_length=6)),
                    ('status_reason', models.CharField(blank=True, max_length=200)),
                    ('opened_at', models.DateTimeField()),
                    ('last_seq', models.PositiveIntegerField(default=0, editable=False)),
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='credit', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='CreditAuthorisation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('order_ref', models.CharField(help_text='source:external_id, as the shop names it at the checkout', max_length=121)),
                    ('amount', core.lib.money.MoneyField()),
                    ('captured', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('returned', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('status', models.CharField(choices=[('authorised', 'Reserved'), ('captured', 'Charged'), ('voided', 'Given back'), ('expired', 'Ran out')], default='authorised', max_length=10)),
                    ('idem_key', models.CharField(max_length=120)),
                    ('at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(null=True)),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='authorisations', to='loyalty.creditaccount')),
                    ('order', models.ForeignKey(blank=True, help_text='Once it has arrived', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='CreditEntry',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seq', models.PositiveIntegerField()),
                    ('kind', models.CharField(choices=[('charge', 'Charge'), ('payment', 'Payment'), ('refund', 'Refund'), ('adjust', 'Correction')], max_length=8)),
                    ('amount', core.lib.money.MoneyField()),
                    ('order_ref', models.CharField(blank=True, max_length=121)),
                    ('due_on', models.DateField(blank=True, help_text='Last day on which it is paid in time', null=True)),
                    ('idem_key', models.CharField(max_length=160)),
                    ('at', models.DateTimeField()),
                    ('reason', models.CharField(blank=True, max_length=200)),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='entries', to='loyalty.creditaccount')),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='CreditLimitChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('limit_before', core.lib.money.MoneyField()),
                    ('limit_after', core.lib.money.MoneyField()),
                    ('term_before', models.PositiveSmallIntegerField()),
                    ('term_after', models.PositiveSmallIntegerField()),
                    ('reason', models.CharField(max_length=200)),
                    ('status', models.CharField(choices=[('proposed', 'Waiting for a second person'), ('approved', 'In force'), ('declined', 'Turned down'), ('withdrawn', 'Taken back')], default='proposed', max_length=10)),
                    ('within_own_limit', models.BooleanField(help_text="The proposer's role may decide as much alone")),
                    ('proposed_at', models.DateTimeField()),
                    ('decided_at', models.DateTimeField(null=True)),
                    ('note', models.CharField(blank=True, max_length=200)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='limit_changes', to='loyalty.creditaccount')),
                    ('decided_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='Lottery',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('code', models.CharField(max_length=30, unique=True)),
                    ('name', models.CharField(max_length=80)),
                    ('rules', models.TextField(blank=True, max_length=4000)),
                    ('entry', models.CharField(choices=[('order', 'One ticket for each paid order'), ('daily', 'One free draw a day'), ('points', 'Tickets for points')], default='order', max_length=8)),
                    ('min_order', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('points_cost', models.PositiveIntegerField(default=0)),
                    ('min_level', models.CharField(blank=True, max_length=20)),
                    ('draws_per_day', models.PositiveSmallIntegerField(default=10)),
                    ('wins_per_customer', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('claim_days', models.PositiveSmallIntegerField(default=30)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField(help_text='First instant at which nobody draws any more')),
                    ('status', models.CharField(choices=[('draft', 'Draft'), ('published', 'Published'), ('ended', 'Ended')], default='draft', max_length=10)),
                    ('at', models.DateTimeField()),
                    ('published_at', models.DateTimeField(blank=True, null=True)),
                    ('algorithm', models.CharField(blank=True, max_length=60)),
                    ('commitment', models.CharField(blank=True, max_length=64)),
                    ('secret', models.BinaryField(blank=True, help_text='Encrypted', null=True)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('by', models.ForeignKey(help_text='Who wrote the last word', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('published_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='LotteryPrize',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('rank', models.PositiveSmallIntegerField()),
                    ('name', models.CharField(max_length=80)),
                    ('kind', models.CharField(choices=[('goods', 'Goods'), ('coupon', 'Coupon'), ('points', 'Points'), ('thanks', 'Thanks for taking part')], max_length=8)),
                    ('value', core.lib.money.MoneyField(default=Decimal('0.00'))),
                    ('points', models.PositiveIntegerField(default=0)),
                    ('ppm', models.PositiveIntegerField()),
                    ('total', models.PositiveIntegerField(blank=True, null=True)),
                    ('awarded', models.PositiveIntegerField(default=0, editable=False)),
                    ('coupons', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.couponcampaign')),
                    ('lottery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='prizes', to='loyalty.lottery')),
                ],
            ),
            migrations.CreateModel(
                name='LotteryTicket',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(choices=[('order', 'Paid order'), ('daily', 'Free draw of the day'), ('points', 'Points'), ('gift', 'Given by us')], max_length=8)),
                    ('source_ref', models.CharField(max_length=121)),
                    ('n', models.PositiveSmallIntegerField(default=1)),
                    ('status', models.CharField(choices=[('issued', 'Not used'), ('used', 'Used'), ('void', 'Void')], default='issued', max_length=6)),
                    ('issued_at', models.DateTimeField()),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lottery_tickets', to='customers.customer')),
                    ('lottery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tickets', to='loyalty.lottery')),
                    ('order', models.ForeignKey(blank=True, help_text='Whose ticket it is', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='Draw',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('idem_key', models.CharField(max_length=120)),
                    ('message', models.CharField(help_text='What the secret was applied to', max_length=160)),
                    ('roll', models.PositiveIntegerField()),
                    ('reason', models.CharField(choices=[('odds', 'As drawn'), ('sold_out', 'That prize was gone'), ('limit', 'Won as often as one may')], default='odds', max_length=8)),
                    ('drawn_at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('nothing', 'Nothing won'), ('won', 'To be claimed'), ('claimed', 'To be sent'), ('fulfilled', 'Sent or handed over'), ('forfeited', 'Not claimed in time')], max_length=9)),
                    ('claim_by', models.DateTimeField(null=True)),
                    ('settled_at', models.DateTimeField(null=True)),
                    ('reference', models.CharField(blank=True, max_length=80)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='customers.customer')),
                    ('settled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('lottery', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='loyalty.lottery')),
                    ('prize', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='draws', to='loyalty.lotteryprize')),
                    ('rolled', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.lotteryprize')),
                    ('ticket', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='draw', to='loyalty.lotteryticket')),
                ],
            ),
            migrations.CreateModel(
                name='Membership',
                fields=[
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='membership', serialize=False, to='customers.customer')),
                    ('rank', models.SmallIntegerField()),
                    ('since', models.DateField(help_text='First day with this level')),
                    ('review_on', models.DateField(blank=True, null=True)),
                    ('grace_until', models.DateField(blank=True, null=True)),
                    ('earned_from', models.DateField(blank=True, null=True)),
                    ('earned_to', models.DateField(blank=True, null=True)),
                    ('earned_bar', models.BigIntegerField(default=0)),
                    ('seq', models.IntegerField(help_text='Number of the last line of its history')),
                ],
                options={
                    'indexes': [models.Index(fields=['rank', 'customer'], name='membership_by_rank'), models.Index(condition=models.Q(('review_on__isnull', False)), fields=['review_on'], name='membership_review')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('rank__gte', 0)), name='membership_rank_not_negative'), models.CheckConstraint(condition=models.Q(('rank__gt', 0), models.Q(('grace_until__isnull', True), ('review_on__isnull', True)), _connector='OR'), name='lowest_level_is_not_reviewed'), models.CheckConstraint(condition=models.Q(('grace_until__isnull', True), ('review_on__isnull', False), _connector='OR'), name='grace_follows_a_review')],
                },
            ),
            migrations.CreateModel(
                name='PartnerBenefit',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('partner', models.CharField(max_length=80)),
                    ('gives', models.CharField(max_length=200)),
                    ('min_level', models.CharField(blank=True, max_length=20)),
                    ('starts_on', models.DateField()),
                    ('ends_on', models.DateField(blank=True, null=True)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='PointAccount',
                fields=[
                    ('customer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='points', serialize=False, to='customers.customer')),
                    ('state', models.CharField(choices=[('active', 'In use'), ('frozen', 'Frozen: earns, but cannot redeem'), ('merged', 'Merged into another account')], default='active', max_length=8)),
                    ('pending', models.BigIntegerField(default=0)),
                    ('available', models.BigIntegerField(default=0)),
                    ('held', models.BigIntegerField(default=0)),
                    ('debt', models.BigIntegerField(default=0)),
                    ('earned', models.BigIntegerField(default=0, help_text='Everything ever issued')),
                    ('last_seq', models.BigIntegerField(default=0)),
                    ('settled_at', models.DateTimeField()),
                    ('merged_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointaccount')),
                ],
            ),
            migrations.CreateModel(
                name='PointAdjustment',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('points', models.BigIntegerField(help_text='Negative takes points away')),
                    ('reason', models.CharField(max_length=300)),
                    ('at', models.DateTimeField()),
                    ('state', models.CharField(choices=[('waiting', 'Waits for a second person'), ('done', 'Done'), ('refused', 'Turned down'), ('back', 'Taken back by who asked')], default='waiting', max_length=8)),
                    ('decided_at', models.DateTimeField(blank=True, null=True)),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('client_key', models.CharField(max_length=80)),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adjustments', to='loyalty.pointaccount')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='PointHold',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('purpose', models.CharField(choices=[('order', 'Order'), ('reward', 'Reward'), ('draw', 'Draw')], max_length=8)),
                    ('ref', models.CharField(max_length=80)),
                    ('points', models.BigIntegerField()),
                    ('state', models.CharField(choices=[('active', 'Points set aside'), ('captured', 'Points redeemed'), ('released', 'Given back'), ('lapsed', 'Ran out')], default='active', max_length=8)),
                    ('created_at', models.DateTimeField()),
                    ('expires_at', models.DateTimeField()),
                    ('extended', models.BooleanField(default=False)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='loyalty.pointaccount')),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='PointLot',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('source', models.CharField(choices=[('order', 'Purchase'), ('goodwill', 'Goodwill'), ('adjustment', 'Adjustment'), ('reward', 'Reward'), ('prize', 'Prize'), ('referral', 'Referral'), ('returned', 'Given back after their expiry')], max_length=10)),
                    ('original', models.BigIntegerField()),
                    ('pending', models.BigIntegerField(default=0)),
                    ('available', models.BigIntegerField(default=0)),
                    ('held', models.BigIntegerField(default=0)),
                    ('earned_at', models.DateTimeField()),
                    ('available_from', models.DateTimeField()),
                    ('expires_at', models.DateTimeField(blank=True, null=True)),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='lots', to='loyalty.pointaccount')),
                    ('order', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='HoldAllocation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('points', models.BigIntegerField()),
                    ('returned', models.BigIntegerField(default=0)),
                    ('hold', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='loyalty.pointhold')),
                    ('lot', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointlot')),
                ],
            ),
            migrations.CreateModel(
                name='PointRules',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField(blank=True, null=True)),
                    ('rate', models.DecimalField(decimal_places=4, max_digits=8, verbose_name='points per yuan')),
                    ('least_order', models.DecimalField(decimal_places=2, default=0, max_digits=10, verbose_name='orders below so many yuan earn nothing')),
                    ('most_per_order', models.PositiveIntegerField(blank=True, null=True, verbose_name='points per order at most')),
                    ('most_per_day', models.PositiveIntegerField(blank=True, null=True, verbose_name='points per customer and day at most')),
                    ('excluded_categories', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), blank=True, default=list, size=None)),
                    ('bonus_from', models.DecimalField(blank=True, decimal_places=2, max_digits=10, null=True, verbose_name='a single order from so many yuan on')),
                    ('bonus_points', models.PositiveIntegerField(default=0, verbose_name='earns so many points more')),
                    ('referrer_points', models.PositiveIntegerField(default=0, verbose_name='points for who brings a friend')),
                    ('referred_points', models.PositiveIntegerField(default=0, verbose_name='points for the friend')),
                    ('referral_least', models.DecimalField(decimal_places=2, default=0, max_digits=10, verbose_name='once the friend has bought for so many yuan')),
                    ('pending_days', models.PositiveSmallIntegerField(default=15, verbose_name='days until points can be used')),
                    ('life_months', models.PositiveSmallIntegerField(blank=True, default=12, null=True, verbose_name='months points live')),
                    ('life_ends', models.CharField(choices=[('day', 'that day'), ('month', 'the end of that month'), ('quarter', 'the end of that quarter'), ('year', 'the end of that year')], default='month', max_length=8, verbose_name='and expire on')),
                    ('shortfall', models.CharField(choices=[('debt', 'are owed: the next points repay them'), ('forgiven', 'are forgiven, and the line says so')], default='debt', max_length=8, verbose_name='points of a refunded order that are spent already')),
                    ('hold_minutes', models.PositiveIntegerField(default=30, verbose_name='minutes a redemption may take')),
                    ('grace_days', models.PositiveSmallIntegerField(default=30, verbose_name='days for points that come back after their expiry')),
                    ('yuan_per_point', models.DecimalField(decimal_places=4, default='0.01', max_digits=8, verbose_name='what a point costs the mall, in yuan')),
                    ('notice_days', models.PositiveSmallIntegerField(default=1, verbose_name='days before a change of these rules is known')),
                    ('reason', models.CharField(max_length=300, verbose_name='why')),
                    ('at', models.DateTimeField()),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='OrderPoints',
                fields=[
                    ('order', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='points', serialize=False, to='customers.order')),
                    ('multiplier', models.DecimalField(decimal_places=2, max_digits=6)),
                    ('most', models.BigIntegerField(help_text='What the cap of its day left for it; empty: no cap', null=True)),
                    ('granted', models.BigIntegerField(default=0, help_text="Equals the sum of the order's deltas in the ledger")),
                    ('order_version', models.BigIntegerField()),
                    ('order_file_changes', models.IntegerField(db_default=0, default=0)),
                    ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointaccount')),
                    ('rules', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointrules')),
                ],
            ),
            migrations.CreateModel(
                name='PointState',
                fields=[
                    ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('orders_until', models.DateTimeField()),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='one_point_state')],
                },
            ),
            migrations.CreateModel(
                name='PointTxn',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seq', models.BigIntegerField()),
                    ('kind', models.CharField(choices=[('earn', 'Purchase'), ('release', 'Can be used now'), ('hold', 'Points set aside'), ('unhold', 'Points no longer set aside'), ('capture', 'Points redeemed'), ('return', 'Redemption taken back'), ('expire', 'Expired'), ('grant', 'Points given'), ('take', 'Points taken'), ('merge', 'Accounts merged')], max_length=8)),
                    ('key', models.CharField(blank=True, max_length=120)),
                    ('points', models.BigIntegerField(default=0, help_text='What was asked for, where a request says how many')),
                    ('order_delta', models.BigIntegerField(default=0)),
                    ('forgiven', models.BigIntegerField(default=0, help_text='Of a refund: neither taken back nor owed')),
                    ('reason', models.CharField(blank=True, max_length=300)),
                    ('change', models.BigIntegerField(help_text='Of the points that can be used')),
                    ('balance', models.BigIntegerField(help_text='Points that can be used afterwards')),
                    ('at', models.DateTimeField()),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='txns', to='loyalty.pointaccount')),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('hold', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointhold')),
                    ('order', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='customers.order')),
                ],
            ),
            migrations.CreateModel(
                name='Posting',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('bucket', models.SmallIntegerField(choices=[(1, 'issued'), (2, 'not yet usable'), (3, 'usable'), (4, 'set aside'), (5, 'redeemed'), (6, 'expired'), (7, 'taken back'), (8, 'debt'), (9, 'owed to the mall')])),
                    ('points', models.BigIntegerField()),
                    ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.pointaccount')),
                    ('lot', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='loyalty.pointlot')),
                    ('txn', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='postings', to='loyalty.pointtxn')),
                ],
            ),
            migrations.CreateModel(
                name='Referral',
                fields=[
                    ('referred', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='referral', serialize=False, to='customers.customer')),
                    ('at', models.DateTimeField()),
                    ('rewarded_at', models.DateTimeField(blank=True, null=True)),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('referrer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='referrals', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='Reward',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=80, verbose_name='name')),
                    ('description', models.CharField(blank=True, max_length=300, verbose_name='description')),
                    ('points', models.PositiveIntegerField(verbose_name='points')),
                    ('stock', models.PositiveIntegerField(blank=True, null=True, verbose_name='in stock')),
                    ('active', models.BooleanField(default=True, verbose_name='offered')),
                ],
                options={
                    'constraints': [models.CheckConstraint(condition=models.Q(('points__gt', 0)), name='reward_costs_something')],
                },
            ),
            migrations.CreateModel(
                name='Redemption',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('quantity', models.PositiveIntegerField(default=1)),
                    ('state', models.CharField(choices=[('reserved', 'Waits to be handed over'), ('done', 'Reward handed over'), ('cancelled', 'Not taken'), ('returned', 'Taken back')], default='reserved', max_length=9)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('hold', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='redemption', to='loyalty.pointhold')),
                    ('reward', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='redemptions', to='loyalty.reward')),
                ],
            ),
            migrations.CreateModel(
                name='TierOverride',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('level', models.CharField(max_length=20)),
                    ('rank', models.SmallIntegerField(help_text='Of the level when promised, should its code cease to exist')),
                    ('starts_on', models.DateField()),
                    ('ends_on', models.DateField(help_text='First day on which it no longer holds')),
                    ('reason', models.CharField(max_length=300)),
                    ('at', models.DateTimeField()),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tier_overrides', to='customers.customer')),
                ],
            ),
            migrations.CreateModel(
                name='TierRules',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('version', models.PositiveIntegerField(unique=True)),
                    ('content', models.JSONField()),
                    ('starts_on', models.DateField()),
                    ('ends_on', models.DateField(blank=True, null=True)),
                    ('reason', models.CharField(max_length=300)),
                    ('notice', models.TextField(blank=True)),
                    ('published_at', models.DateTimeField()),
                    ('alone_because', models.CharField(blank=True, max_length=200)),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('withdrawn_because', models.CharField(blank=True, max_length=300)),
                    ('drafted_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('published_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('rolls_back', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.tierrules')),
                    ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
            ),
            migrations.CreateModel(
                name='TierDraft',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('content', models.JSONField()),
                    ('starts_on', models.DateField(verbose_name='in force from')),
                    ('reason', models.CharField(blank=True, max_length=300, verbose_name='why the rules change')),
                    ('notice', models.TextField(blank=True, max_length=500, verbose_name='what the members concerned are told')),
                    ('state', models.CharField(choices=[('open', 'Being written'), ('published', 'Published'), ('dropped', 'Dropped')], default='open', max_length=10)),
                    ('at', models.DateTimeField()),
                    ('client_key', models.CharField(blank=True, help_text='The request that asked for it, should it be repeated', max_length=80)),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tier_drafts', to=settings.AUTH_USER_MODEL)),
                    ('rolls_back', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.tierrules')),
                ],
            ),
            migrations.CreateModel(
                name='TierChange',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('seq', models.IntegerField()),
                    ('on', models.DateField(help_text='The night that counted it')),
                    ('at', models.DateTimeField()),
                    ('reason', models.SmallIntegerField(choices=[(1, 'Reached by purchases'), (2, 'Renewed at the review'), (3, 'Fell short at the review: days of grace'), (4, 'Fell short'), (5, 'New rules'), (6, 'The purchase behind it was taken back'), (7, 'Two records became one')])),
                    ('rank_before', models.SmallIntegerField()),
                    ('rank_after', models.SmallIntegerField()),
                    ('level_before', models.CharField(max_length=20)),
                    ('level_after', models.CharField(max_length=20)),
                    ('since', models.DateField()),
                    ('review_on', models.DateField(null=True)),
                    ('grace_until', models.DateField(null=True)),
                    ('amount', models.BigIntegerField(help_text='What counted that night, in minor units or orders')),
                    ('before', models.JSONField(default=dict, help_text='The row of Membership that this line replaced')),
                    ('customer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tier_changes', to='customers.customer')),
                    ('rules', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, to='loyalty.tierrules')),
                ],
            ),
            migrations.CreateModel(
                name='TierSimulation',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('digest', models.CharField(max_length=64)),
                    ('computed_on', models.DateField()),
                    ('at', models.DateTimeField()),
                    ('figures', models.JSONField()),
                    ('moves', models.BinaryField(help_text='Compressed: customer, rank before, rank after of everybody who moves')),
                    ('based_on', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty.tierrules')),
                    ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('draft', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='simulations', to='loyalty.tierdraft')),
                ],
            ),
            migrations.AddField(
                model_name='tierrules',
                name='simulation',
                field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='published', to='loyalty.tiersimulation'),
            ),
            migrations.CreateModel(
                name='TierState',
                fields=[
                    ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                    ('evaluated_on', models.DateField()),
                    ('rules', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='loyalty.tierrules')),
                ],
            ),
            migrations.CreateModel(
                name='VisitStep',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('visits', models.PositiveSmallIntegerField(unique=True, verbose_name='purchase days in a year')),
                    ('points', models.PositiveIntegerField(verbose_name='points')),
                ],
                options={
                    'ordering': ['visits'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('points__gt', 0), ('visits__gt', 0)), name='visit_step_is_positive')],
                },
            ),
            migrations.AddConstraint(
                model_name='clubevent',
                constraint=models.CheckConstraint(condition=models.Q(('seats__isnull', True), ('taken__lte', models.F('seats')), _connector='OR'), name='event_has_seats'),
            ),
            migrations.AddConstraint(
                model_name='clubevent',
                constraint=models.CheckConstraint(condition=models.Q(('kind', 'meeting'), ('seats__isnull', True), _connector='OR'), name='content_has_no_seats'),
            ),
            migrations.AddIndex(
                model_name='clubmember',
                index=models.Index(fields=['customer'], name='club_member_by_customer'),
            ),
            migrations.AddConstraint(
                model_name='clubmember',
                constraint=models.UniqueConstraint(condition=models.Q(('left_on__isnull', True)), fields=('club', 'customer'), name='one_membership_of_a_club'),
            ),
            migrations.AddConstraint(
                model_name='clubmember',
                constraint=models.CheckConstraint(condition=models.Q(('left_on__isnull', True), ('left_on__gte', models.F('joined_on')), _connector='OR'), name='left_after_joining'),
            ),
            migrations.AddConstraint(
                model_name='clubvisit',
                constraint=models.UniqueConstraint(fields=('event', 'customer'), name='one_seat_per_member'),
            ),
            migrations.AddIndex(
                model_name='couponcampaign',
                index=models.Index(fields=['-starts_at'], name='coupon_campaign_newest'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(('used__lte', models.F('total_limit'))), name='coupon_used_within_limit'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(('budget_used__gte', 0), models.Q(('budget__isnull', True), ('budget_used__lte', models.F('budget')), _connector='OR')), name='coupon_budget_kept'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='coupon_campaign_ends'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(('per_customer_limit__gt', 0)), name='coupon_limit_per_customer'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount', 0), ('kind', 'percent'), ('percent__gt', 0), ('percent__lte', 100)), models.Q(('amount__gt', 0), ('kind', 'gift'), ('percent', 0), models.Q(('gift', ''), _negated=True)), models.Q(('amount__gt', 0), ('kind__in', ('amount', 'shipping')), ('percent', 0)), _connector='OR'), name='coupon_gives_one_thing'),
            ),
            migrations.AddConstraint(
                model_name='couponcampaign',
                constraint=models.CheckConstraint(condition=models.Q(('min_spend__gte', 0), models.Q(('most_off__isnull', True), ('most_off__gt', 0), _connector='OR')), name='coupon_bounds_not_negative'),
            ),
            migrations.AddConstraint(
                model_name='campaignusage',
                constraint=models.UniqueConstraint(fields=('campaign', 'customer'), name='one_usage_per_customer'),
            ),
            migrations.AddConstraint(
                model_name='campaignusage',
                constraint=models.CheckConstraint(condition=models.Q(('used__lte', models.F('most'))), name='usage_within_limit'),
            ),
            migrations.AddConstraint(
                model_name='couponissue',
                constraint=models.UniqueConstraint(fields=('campaign', 'client_key'), name='one_coupon_issue_per_key'),
            ),
            migrations.AddIndex(
                model_name='coupon',
                index=models.Index(fields=['campaign', 'status'], name='coupon_by_campaign'),
            ),
            migrations.AddIndex(
                model_name='coupon',
                index=models.Index(fields=['customer', '-expires_at'], name='coupon_by_customer'),
            ),
            migrations.AddIndex(
                model_name='coupon',
                index=models.Index(condition=models.Q(('status', 'issued')), fields=['expires_at'], name='coupon_expiry'),
            ),
            migrations.AddConstraint(
                model_name='coupon',
                constraint=models.UniqueConstraint(condition=models.Q(('customer__isnull', False)), fields=('issue', 'customer'), name='one_coupon_per_customer_and_issue'),
            ),
            migrations.AddIndex(
                model_name='couponredemption',
                index=models.Index(condition=models.Q(('status', 'reserved')), fields=['reserved_until'], name='redemption_runs_out'),
            ),
            migrations.AddIndex(
                model_name='couponredemption',
                index=models.Index(fields=['order_ref'], name='redemption_by_order'),
            ),
            migrations.AddIndex(
                model_name='couponredemption',
                index=models.Index(fields=['campaign', '-reserved_at'], name='redemption_by_campaign'),
            ),
            migrations.AddIndex(
                model_name='couponredemption',
                index=models.Index(fields=['customer', '-reserved_at'], name='redemption_by_customer'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.UniqueConstraint(condition=models.Q(('status__in', ('reserved', 'redeemed'))), fields=('campaign', 'order_ref'), name='one_live_redemption_per_order'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.UniqueConstraint(condition=models.Q(('status__in', ('reserved', 'redeemed'))), fields=('coupon',), name='one_live_redemption_per_coupon'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.UniqueConstraint(condition=models.Q(('status__in', ('reserved', 'redeemed'))), fields=('order_ref', 'stack_group'), name='coupons_of_a_group_do_not_combine'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.CheckConstraint(condition=models.Q(('worth__gt', 0), models.Q(('discount', 0), ('discount', models.F('worth')), _connector='OR')), name='redemption_gives_something'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.CheckConstraint(condition=models.Q(('keeps_slot', False), ('status', 'rolled_back'), _connector='OR'), name='slot_kept_only_after_roll_back'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('status__in', ('reserved', 'redeemed'))), models.Q(('ended_at__isnull', False), ('status__in', ('released', 'rolled_back'))), _connector='OR'), name='redemption_ends_once'),
            ),
            migrations.AddConstraint(
                model_name='couponredemption',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('redeemed_at__isnull', True), ('status__in', ('reserved', 'released'))), models.Q(('redeemed_at__isnull', False), ('status__in', ('redeemed', 'rolled_back'))), _connector='OR'), name='redemption_has_its_moment'),
            ),
            migrations.AddConstraint(
                model_name='couponlineshare',
                constraint=models.UniqueConstraint(fields=('redemption', 'line_ref'), name='one_share_per_line'),
            ),
            migrations.AddConstraint(
                model_name='couponlineshare',
                constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('amount__lte', models.F('net'))), name='share_within_its_line'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='couponlineshare',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a4172fb41a8a1cf9158b966515d5e35f10f94ff8', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_50706', table='loyalty_couponlineshare', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='couponterms',
                index=models.Index(condition=models.Q(('begun_at', None), ('withdrawn_at', None)), fields=['starts_at'], name='coupon_terms_to_begin'),
            ),
            migrations.AddConstraint(
                model_name='couponterms',
                constraint=models.UniqueConstraint(fields=('campaign', 'version'), name='one_version_of_coupon_terms'),
            ),
            migrations.AddConstraint(
                model_name='couponterms',
                constraint=models.CheckConstraint(condition=models.Q(('begun_at__isnull', True), ('withdrawn_at__isnull', True), _connector='OR'), name='begun_terms_are_not_withdrawn'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='couponterms',
                trigger=pgtrigger.compiler.Trigger(name='says_what_it_said', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."campaign_id" IS DISTINCT FROM (NEW."campaign_id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."content" IS DISTINCT FROM (NEW."content") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='aaba456602466e3540df1f613f23a4f21331869a', operation='UPDATE', pgid='pgtrigger_says_what_it_said_18efc', table='loyalty_couponterms', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='creditaccount',
                constraint=models.CheckConstraint(condition=models.Q(('authorised__gte', 0), ('credit_limit__gte', 0), ('exposure__gte', 0)), name='credit_not_negative'),
            ),
            migrations.AddConstraint(
                model_name='creditaccount',
                constraint=models.CheckConstraint(condition=models.Q(('term_days__gte', 1), ('term_days__lte', 180)), name='credit_term'),
            ),
            migrations.AddConstraint(
                model_name='creditaccount',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'closed'), _negated=True), models.Q(('authorised', 0), ('exposure', 0)), _connector='OR'), name='credit_closed_when_settled'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='creditaccount',
                trigger=pgtrigger.compiler.Trigger(name='limit_kept', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF NEW.exposure + NEW.authorised > OLD.exposure + OLD.authorised AND NEW.exposure + NEW.authorised > NEW.credit_limit THEN RAISE EXCEPTION 'beyond the credit limit'; END IF; RETURN NEW;", hash='f040827c905f385e514b8cc9dc7f6733845123a4', operation='UPDATE', pgid='pgtrigger_limit_kept_b97d1', table='loyalty_creditaccount', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='creditauthorisation',
                index=models.Index(fields=['order_ref'], name='authorisation_by_order'),
            ),
            migrations.AddIndex(
                model_name='creditauthorisation',
                index=models.Index(condition=models.Q(('status', 'authorised')), fields=['expires_at'], name='authorisation_runs_out'),
            ),
            migrations.AddConstraint(
                model_name='creditauthorisation',
                constraint=models.UniqueConstraint(fields=('account', 'idem_key'), name='one_authorisation_per_key'),
            ),
            migrations.AddConstraint(
                model_name='creditauthorisation',
                constraint=models.UniqueConstraint(condition=models.Q(('status__in', ('authorised', 'captured'))), fields=('account', 'order_ref'), name='one_live_authorisation_per_order'),
            ),
            migrations.AddConstraint(
                model_name='creditauthorisation',
                constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('captured__gte', 0), ('captured__lte', models.F('amount')), ('returned__gte', 0), ('returned__lte', models.F('captured'))), name='authorisation_amounts'),
            ),
            migrations.AddConstraint(
                model_name='creditauthorisation',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('captured__gt', 0), ('status', 'captured')), models.Q(models.Q(('status', 'captured'), _negated=True), ('captured', 0)), _connector='OR'), name='captured_when_charged'),
            ),
            migrations.AddIndex(
                model_name='creditentry',
                index=models.Index(fields=['account', 'due_on'], name='credit_entry_due'),
            ),
            migrations.AddConstraint(
                model_name='creditentry',
                constraint=models.UniqueConstraint(fields=('account', 'seq'), name='credit_entries_have_an_order'),
            ),
            migrations.AddConstraint(
                model_name='creditentry',
                constraint=models.UniqueConstraint(fields=('account', 'idem_key'), name='one_credit_entry_per_key'),
            ),
            migrations.AddConstraint(
                model_name='creditentry',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('due_on__isnull', False), ('kind', 'charge')), models.Q(('amount__lt', 0), ('kind__in', ('payment', 'refund'))), models.Q(('kind', 'adjust'), models.Q(('amount', 0), _negated=True)), _connector='OR'), name='credit_entry_sign'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='creditentry',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='d2b7c42f88cf46e6f7abd40a1f617d0f3f208585', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_78d1f', table='loyalty_creditentry', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='creditlimitchange',
                index=models.Index(fields=['account', '-proposed_at'], name='limit_change_newest'),
            ),
            migrations.AddConstraint(
                model_name='creditlimitchange',
                constraint=models.UniqueConstraint(condition=models.Q(('status', 'proposed')), fields=('account',), name='one_open_limit_change'),
            ),
            migrations.AddConstraint(
                model_name='creditlimitchange',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'approved'), _negated=True), ('within_own_limit', True), models.Q(('decided_by', models.F('proposed_by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='limit_needs_two_people'),
            ),
            migrations.AddConstraint(
                model_name='creditlimitchange',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('status', 'proposed')), models.Q(models.Q(('status', 'proposed'), _negated=True), ('decided_at__isnull', False), ('decided_by__isnull', False)), _connector='OR'), name='limit_change_decided'),
            ),
            migrations.AddIndex(
                model_name='lottery',
                index=models.Index(fields=['-starts_at'], name='lottery_newest'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='lottery_ends'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('published_at__isnull', True), ('status', 'draft')), models.Q(('published_at__isnull', False), ('secret__isnull', False), ('status__in', ('published', 'ended')), models.Q(('commitment', ''), _negated=True)), _connector='OR'), name='lottery_published_with_commitment'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(('published_by__isnull', True), models.Q(('published_by', models.F('by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='lottery_needs_two_people'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('status', 'ended')), models.Q(models.Q(('status', 'ended'), _negated=True), ('ended_at__isnull', True)), _connector='OR'), name='lottery_end_has_a_moment'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('entry', 'points'), ('points_cost__gt', 0)), models.Q(models.Q(('entry', 'points'), _negated=True), ('points_cost', 0)), _connector='OR'), name='lottery_points_cost'),
            ),
            migrations.AddConstraint(
                model_name='lottery',
                constraint=models.CheckConstraint(condition=models.Q(('draws_per_day__gt', 0)), name='lottery_draws_per_day'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lottery',
                trigger=pgtrigger.compiler.Trigger(name='frozen_once_published', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."published_at" IS NOT NULL)', func="IF (NEW.code IS DISTINCT FROM OLD.code OR NEW.name IS DISTINCT FROM OLD.name OR NEW.rules IS DISTINCT FROM OLD.rules OR NEW.entry IS DISTINCT FROM OLD.entry OR NEW.min_order IS DISTINCT FROM OLD.min_order OR NEW.points_cost IS DISTINCT FROM OLD.points_cost OR NEW.min_level IS DISTINCT FROM OLD.min_level OR NEW.draws_per_day IS DISTINCT FROM OLD.draws_per_day OR NEW.wins_per_customer IS DISTINCT FROM OLD.wins_per_customer OR NEW.claim_days IS DISTINCT FROM OLD.claim_days OR NEW.starts_at IS DISTINCT FROM OLD.starts_at OR NEW.by_id IS DISTINCT FROM OLD.by_id OR NEW.published_at IS DISTINCT FROM OLD.published_at OR NEW.published_by_id IS DISTINCT FROM OLD.published_by_id OR NEW.algorithm IS DISTINCT FROM OLD.algorithm OR NEW.commitment IS DISTINCT FROM OLD.commitment OR NEW.secret IS DISTINCT FROM OLD.secret OR NEW.ends_at < OLD.ends_at) OR OLD.status = 'ended' AND NEW.status <> 'ended' OR NEW.status = 'draft' THEN RAISE EXCEPTION 'a published draw is frozen'; END IF; RETURN NEW;", hash='881cc390de7057728ed0cecf69a457ff1c2b2429', operation='UPDATE', pgid='pgtrigger_frozen_once_published_63396', table='loyalty_lottery', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lottery',
                trigger=pgtrigger.compiler.Trigger(name='kept_once_published', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."published_at" IS NOT NULL)', func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='acdd3698adbcb7c619a2ee4a9f9aca558be7e321', operation='DELETE', pgid='pgtrigger_kept_once_published_b8ea7', table='loyalty_lottery', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.UniqueConstraint(fields=('lottery', 'rank'), name='one_prize_per_rank'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.UniqueConstraint(condition=models.Q(('kind', 'thanks')), fields=('lottery',), name='one_thanks_per_lottery'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(('value__gte', 0), ('value__lte', Decimal('50000.00'))), name='prize_at_most_50000'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(('ppm__lte', 1000000)), name='prize_at_most_certain'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'thanks'), ('total__isnull', True), ('value', 0)), models.Q(models.Q(('kind', 'thanks'), _negated=True), ('total__gt', 0)), _connector='OR'), name='prize_has_pieces'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(('total__isnull', True), ('awarded__lte', models.F('total')), _connector='OR'), name='prize_awarded_within_stock'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'points'), ('points__gt', 0)), models.Q(models.Q(('kind', 'points'), _negated=True), ('points', 0)), _connector='OR'), name='prize_of_points'),
            ),
            migrations.AddConstraint(
                model_name='lotteryprize',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('coupons__isnull', False), ('kind', 'coupon')), models.Q(models.Q(('kind', 'coupon'), _negated=True), ('coupons__isnull', True)), _connector='OR'), name='prize_of_coupons'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lotteryprize',
                trigger=pgtrigger.compiler.Trigger(name='frozen_once_published', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF (SELECT published_at FROM loyalty_lottery WHERE id = OLD.lottery_id) IS NOT NULL AND (NEW.lottery_id IS DISTINCT FROM OLD.lottery_id OR NEW.rank IS DISTINCT FROM OLD.rank OR NEW.name IS DISTINCT FROM OLD.name OR NEW.kind IS DISTINCT FROM OLD.kind OR NEW.value IS DISTINCT FROM OLD.value OR NEW.points IS DISTINCT FROM OLD.points OR NEW.coupons_id IS DISTINCT FROM OLD.coupons_id OR NEW.ppm IS DISTINCT FROM OLD.ppm OR NEW.total < OLD.total) THEN RAISE EXCEPTION 'prizes and odds of a published draw are frozen'; END IF; RETURN NEW;", hash='d4ef726dc5e0ac20a3a1544d514a90e6f21b19e4', operation='UPDATE', pgid='pgtrigger_frozen_once_published_16c3d', table='loyalty_lotteryprize', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='lotteryprize',
                trigger=pgtrigger.compiler.Trigger(name='none_added_or_removed', sql=pgtrigger.compiler.UpsertTriggerSql(func="IF TG_OP = 'DELETE' AND (SELECT published_at FROM loyalty_lottery WHERE id = OLD.lottery_id) IS NOT NULL OR TG_OP = 'INSERT' AND (SELECT published_at FROM loyalty_lottery WHERE id = NEW.lottery_id) IS NOT NULL THEN RAISE EXCEPTION 'prizes of a published draw are frozen'; END IF; IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;", hash='0a0eafbf9d95b2732d1abd61b7cb33eb75302b4a', operation='INSERT OR DELETE', pgid='pgtrigger_none_added_or_removed_47b68', table='loyalty_lotteryprize', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='lotteryticket',
                index=models.Index(fields=['customer', 'lottery', 'status'], name='ticket_by_customer'),
            ),
            migrations.AddIndex(
                model_name='lotteryticket',
                index=models.Index(condition=models.Q(('status', 'issued')), fields=['source_ref'], name='ticket_unused'),
            ),
            migrations.AddConstraint(
                model_name='lotteryticket',
                constraint=models.UniqueConstraint(fields=('lottery', 'source', 'source_ref', 'n'), name='one_ticket_per_source'),
            ),
            migrations.AddIndex(
                model_name='draw',
                index=models.Index(fields=['customer', '-drawn_at'], name='draw_by_customer'),
            ),
            migrations.AddIndex(
                model_name='draw',
                index=models.Index(fields=['prize', '-drawn_at'], name='draw_by_prize'),
            ),
            migrations.AddIndex(
                model_name='draw',
                index=models.Index(condition=models.Q(('state', 'won')), fields=['claim_by'], name='draw_to_claim'),
            ),
            migrations.AddIndex(
                model_name='draw',
                index=models.Index(condition=models.Q(('state', 'claimed')), fields=['customer'], name='draw_to_hand_over'),
            ),
            migrations.AddConstraint(
                model_name='draw',
                constraint=models.UniqueConstraint(fields=('lottery', 'idem_key'), name='one_draw_per_key'),
            ),
            migrations.AddConstraint(
                model_name='draw',
                constraint=models.CheckConstraint(condition=models.Q(('roll__lt', 1000000)), name='roll_below_a_million'),
            ),
            migrations.AddConstraint(
                model_name='draw',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('prize', models.F('rolled')), ('reason', 'odds')), models.Q(('reason', 'odds'), _negated=True), _connector='OR'), name='draw_gives_what_it_rolled'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='draw',
                trigger=pgtrigger.compiler.Trigger(name='never_redrawn', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."lottery_id" IS DISTINCT FROM (NEW."lottery_id") OR OLD."ticket_id" IS DISTINCT FROM (NEW."ticket_id") OR OLD."idem_key" IS DISTINCT FROM (NEW."idem_key") OR OLD."message" IS DISTINCT FROM (NEW."message") OR OLD."roll" IS DISTINCT FROM (NEW."roll") OR OLD."rolled_id" IS DISTINCT FROM (NEW."rolled_id") OR OLD."prize_id" IS DISTINCT FROM (NEW."prize_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."drawn_at" IS DISTINCT FROM (NEW."drawn_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='9e47348c22b6395764956bf526361634cefd7e40', operation='UPDATE', pgid='pgtrigger_never_redrawn_001f0', table='loyalty_draw', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='draw',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='9feabb84ac7bcfff44de76fac5ec358d326ba1a2', operation='DELETE', pgid='pgtrigger_never_deleted_2a46a', table='loyalty_draw', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='partnerbenefit',
                constraint=models.CheckConstraint(condition=models.Q(('ends_on__isnull', True), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='partner_benefit_ends'),
            ),
            migrations.AddConstraint(
                model_name='pointaccount',
                constraint=models.CheckConstraint(condition=models.Q(('available__gte', 0), ('debt__gte', 0), ('earned__gte', 0), ('held__gte', 0), ('pending__gte', 0)), name='points_never_negative'),
            ),
            migrations.AddConstraint(
                model_name='pointaccount',
                constraint=models.CheckConstraint(condition=models.Q(('debt', 0), ('available', 0), _connector='OR'), name='debt_is_repaid_first'),
            ),
            migrations.AddConstraint(
                model_name='pointaccount',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('available', 0), ('debt', 0), ('held', 0), ('merged_into__isnull', False), ('pending', 0), ('state', 'merged')), models.Q(models.Q(('state', 'merged'), _negated=True), ('merged_into__isnull', True)), _connector='OR'), name='merged_account_is_empty'),
            ),
            migrations.AddIndex(
                model_name='pointadjustment',
                index=models.Index(condition=models.Q(('state', 'waiting')), fields=['at'], name='adjustment_waiting'),
            ),
            migrations.AddConstraint(
                model_name='pointadjustment',
                constraint=models.UniqueConstraint(fields=('client_key',), name='adjustment_once'),
            ),
            migrations.AddConstraint(
                model_name='pointadjustment',
                constraint=models.CheckConstraint(condition=models.Q(('points', 0), _negated=True), name='adjustment_moves_something'),
            ),
            migrations.AddConstraint(
                model_name='pointadjustment',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('state', 'waiting')), models.Q(('state', 'waiting'), _negated=True), _connector='OR'), name='waiting_is_undecided'),
            ),
            migrations.AddConstraint(
                model_name='pointadjustment',
                constraint=models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(('decided_by', models.F('by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='adjustment_needs_two_people'),
            ),
            migrations.AddIndex(
                model_name='pointhold',
                index=models.Index(condition=models.Q(('state', 'active')), fields=['expires_at'], name='hold_to_lapse'),
            ),
            migrations.AddConstraint(
                model_name='pointhold',
                constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['active', 'captured'])), fields=('purpose', 'ref'), name='one_hold_per_purpose'),
            ),
            migrations.AddConstraint(
                model_name='pointhold',
                constraint=models.CheckConstraint(condition=models.Q(('points__gt', 0)), name='hold_holds_something'),
            ),
            migrations.AddConstraint(
                model_name='pointhold',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('state', 'active')), models.Q(models.Q(('state', 'active'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='ended_hold_says_when'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='pointhold',
                trigger=pgtrigger.compiler.Trigger(name='ends_once', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."state", \':\', NEW."state") = ANY(\'{active:captured,active:released,active:lapsed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."state" IS DISTINCT FROM NEW."state") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "state" from "%" to "%" on table %\', OLD."state", NEW."state", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='25d1382a2bacc32405421b50979599fe9ab84cfb', operation='UPDATE', pgid='pgtrigger_ends_once_3e739', table='loyalty_pointhold', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='pointhold',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='a98341cbbdf305467d41b3f4edb4b249e86165ff', operation='DELETE', pgid='pgtrigger_never_deleted_c689f', table='loyalty_pointhold', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='pointlot',
                index=models.Index(condition=models.Q(('pending__gt', 0), ('available__gt', 0), ('held__gt', 0), _connector='OR'), fields=['account'], name='lot_open'),
            ),
            migrations.AddIndex(
                model_name='pointlot',
                index=models.Index(condition=models.Q(('available__gt', 0)), fields=['expires_at'], name='lot_to_expire'),
            ),
            migrations.AddIndex(
                model_name='pointlot',
                index=models.Index(condition=models.Q(('pending__gt', 0)), fields=['available_from'], name='lot_to_release'),
            ),
            migrations.AddConstraint(
                model_name='pointlot',
                constraint=models.CheckConstraint(condition=models.Q(('available__gte', 0), ('held__gte', 0), ('original__gt', 0), ('pending__gte', 0), ('original__gte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('pending'), '+', models.F('available')), '+', models.F('held')))), name='lot_within_its_original'),
            ),
            migrations.AddConstraint(
                model_name='holdallocation',
                constraint=models.UniqueConstraint(fields=('hold', 'lot'), name='hold_takes_of_a_lot_once'),
            ),
            migrations.AddConstraint(
                model_name='holdallocation',
                constraint=models.CheckConstraint(condition=models.Q(('points__gt', 0)), name='allocation_is_positive'),
            ),
            migrations.AddConstraint(
                model_name='holdallocation',
                constraint=models.CheckConstraint(condition=models.Q(('returned__gte', 0), ('returned__lte', models.F('points'))), name='returned_within_allocation'),
            ),
            migrations.AddConstraint(
                model_name='pointrules',
                constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('withdrawn_at__isnull', True)), expressions=[(models.Func(models.F('starts_at'), models.F('ends_at'), function='tstzrange'), '&&')], name='point_rules_do_not_overlap'),
            ),
            migrations.AddConstraint(
                model_name='pointrules',
                constraint=models.CheckConstraint(condition=models.Q(('rate__gte', 0)), name='point_rate_not_negative'),
            ),
            migrations.AddConstraint(
                model_name='pointrules',
                constraint=models.CheckConstraint(condition=models.Q(('ends_at__isnull', True), ('ends_at__gt', models.F('starts_at')), _connector='OR'), name='point_rules_end_after_start'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='pointrules',
                trigger=pgtrigger.compiler.Trigger(name='never_edited', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."rate" IS DISTINCT FROM (NEW."rate") OR OLD."least_order" IS DISTINCT FROM (NEW."least_order") OR OLD."most_per_order" IS DISTINCT FROM (NEW."most_per_order") OR OLD."most_per_day" IS DISTINCT FROM (NEW."most_per_day") OR OLD."excluded_categories" IS DISTINCT FROM (NEW."excluded_categories") OR OLD."bonus_from" IS DISTINCT FROM (NEW."bonus_from") OR OLD."bonus_points" IS DISTINCT FROM (NEW."bonus_points") OR OLD."referrer_points" IS DISTINCT FROM (NEW."referrer_points") OR OLD."referred_points" IS DISTINCT FROM (NEW."referred_points") OR OLD."referral_least" IS DISTINCT FROM (NEW."referral_least") OR OLD."pending_days" IS DISTINCT FROM (NEW."pending_days") OR OLD."life_months" IS DISTINCT FROM (NEW."life_months") OR OLD."life_ends" IS DISTINCT FROM (NEW."life_ends") OR OLD."shortfall" IS DISTINCT FROM (NEW."shortfall") OR OLD."hold_minutes" IS DISTINCT FROM (NEW."hold_minutes") OR OLD."grace_days" IS DISTINCT FROM (NEW."grace_days") OR OLD."yuan_per_point" IS DISTINCT FROM (NEW."yuan_per_point") OR OLD."notice_days" IS DISTINCT FROM (NEW."notice_days") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."by_id" IS DISTINCT FROM (NEW."by_id") OR OLD."at" IS DISTINCT FROM (NEW."at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='46873dbac267d69912a13432e2265a9a2f62163a', operation='UPDATE', pgid='pgtrigger_never_edited_0f941', table='loyalty_pointrules', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='pointrules',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='7a5f387183fd5f5f8c0a6323e55ab6f6d4e2b047', operation='DELETE', pgid='pgtrigger_never_deleted_6c664', table='loyalty_pointrules', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='orderpoints',
                constraint=models.CheckConstraint(condition=models.Q(('granted__gte', 0)), name='granted_not_negative'),
            ),
            migrations.AddIndex(
                model_name='pointtxn',
                index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='txn_moments'),
            ),
            migrations.AddConstraint(
                model_name='pointtxn',
                constraint=models.UniqueConstraint(fields=('account', 'seq'), name='txn_numbers_without_gap'),
            ),
            migrations.AddConstraint(
                model_name='pointtxn',
                constraint=models.UniqueConstraint(condition=models.Q(('key', ''), _negated=True), fields=('key',), name='txn_once_per_key'),
            ),
            migrations.AddConstraint(
                model_name='pointtxn',
                constraint=models.CheckConstraint(condition=models.Q(('order_delta', 0), ('order__isnull', False), _connector='OR'), name='delta_belongs_to_an_order'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='pointtxn',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e47b072347df0c5f02e3c95275d616fa7997b4f3', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_07dd8', table='loyalty_pointtxn', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='posting',
                constraint=models.UniqueConstraint(fields=('txn', 'lot', 'bucket'), name='one_posting_per_bucket', nulls_distinct=False),
            ),
            migrations.AddConstraint(
                model_name='posting',
                constraint=models.CheckConstraint(condition=models.Q(('points', 0), _negated=True), name='posting_moves_something'),
            ),
            migrations.AddConstraint(
                model_name='posting',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('bucket__lte', 7), ('lot__isnull', False)), models.Q(('bucket__gte', 8), ('lot__isnull', True)), _connector='OR'), name='bucket_belongs_to_a_lot_or_the_account'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='posting',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='a7cf35e37c381d885392132938bf5e7228178838', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_0a1bb', table='loyalty_posting', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='posting',
                trigger=pgtrigger.compiler.Trigger(name='sums_to_zero', sql=pgtrigger.compiler.UpsertTriggerSql(constraint='CONSTRAINT', func="\n                IF EXISTS (SELECT FROM loyalty_posting WHERE txn_id = NEW.txn_id\n                            GROUP BY lot_id HAVING sum(points) <> 0) THEN\n                    RAISE EXCEPTION 'points of transaction % do not sum to zero', NEW.txn_id\n                        USING ERRCODE = 'check_violation', CONSTRAINT = 'points_sum_to_zero';\n                END IF;\n                RETURN NULL;\n                ", hash='e1b52d1db79fc9ad7871d65354aec92dfd791114', operation='INSERT', pgid='pgtrigger_sums_to_zero_02724', table='loyalty_posting', timing='DEFERRABLE INITIALLY DEFERRED', when='AFTER')),
            ),
            migrations.AddIndex(
                model_name='referral',
                index=models.Index(condition=models.Q(('rewarded_at__isnull', True)), fields=['at'], name='referral_waiting'),
            ),
            migrations.AddConstraint(
                model_name='referral',
                constraint=models.CheckConstraint(condition=models.Q(('referred', models.F('referrer')), _negated=True), name='nobody_brings_themselves'),
            ),
            migrations.AddIndex(
                model_name='redemption',
                index=models.Index(fields=['-at'], name='redemption_newest'),
            ),
            migrations.AddConstraint(
                model_name='redemption',
                constraint=models.CheckConstraint(condition=models.Q(('quantity__gt', 0)), name='redemption_of_something'),
            ),
            migrations.AddIndex(
                model_name='tieroverride',
                index=models.Index(fields=['ends_on'], name='tier_override_end'),
            ),
            migrations.AddConstraint(
                model_name='tieroverride',
                constraint=django.contrib.postgres.constraints.ExclusionConstraint(expressions=[('customer', '='), (models.Func(models.F('starts_on'), models.F('ends_on'), function='daterange'), '&&')], name='one_tier_override_at_a_time'),
            ),
            migrations.AddConstraint(
                model_name='tieroverride',
                constraint=models.CheckConstraint(condition=models.Q(('ends_on__gte', models.F('starts_on'))), name='tier_override_ends'),
            ),
            migrations.AddConstraint(
                model_name='tierdraft',
                constraint=models.UniqueConstraint(condition=models.Q(('client_key', ''), _negated=True), fields=('client_key',), name='one_tier_draft_per_key'),
            ),
            migrations.AddIndex(
                model_name='tierchange',
                index=models.Index(fields=['-on', 'customer'], name='tier_change_by_night'),
            ),
            migrations.AddConstraint(
                model_name='tierchange',
                constraint=models.UniqueConstraint(fields=('customer', 'seq'), name='tier_history_has_an_order'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='tierchange',
                trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='aa51d2e3dcc75b5d6add392a5cb9a7a1b4989b71', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_00d4e', table='loyalty_tierchange', when='BEFORE')),
            ),
            migrations.AddIndex(
                model_name='tiersimulation',
                index=models.Index(fields=['draft', '-id'], name='tier_simulation_newest'),
            ),
            migrations.AddConstraint(
                model_name='tierrules',
                constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('withdrawn_at__isnull', True)), expressions=[(models.Func(models.F('starts_on'), models.F('ends_on'), function='daterange'), '&&')], name='tier_rules_do_not_overlap'),
            ),
            migrations.AddConstraint(
                model_name='tierrules',
                constraint=models.CheckConstraint(condition=models.Q(models.Q(('drafted_by', models.F('published_by')), _negated=True), models.Q(('alone_because', ''), _negated=True), _connector='OR'), name='tier_rules_need_two_people'),
            ),
            migrations.AddConstraint(
                model_name='tierrules',
                constraint=models.CheckConstraint(condition=models.Q(('ends_on__isnull', True), ('ends_on__gt', models.F('starts_on')), _connector='OR'), name='tier_rules_end_after_start'),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='tierrules',
                trigger=pgtrigger.compiler.Trigger(name='never_edited', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."version" IS DISTINCT FROM (NEW."version") OR OLD."content" IS DISTINCT FROM (NEW."content") OR OLD."starts_on" IS DISTINCT FROM (NEW."starts_on") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."notice" IS DISTINCT FROM (NEW."notice") OR OLD."drafted_by_id" IS DISTINCT FROM (NEW."drafted_by_id") OR OLD."published_by_id" IS DISTINCT FROM (NEW."published_by_id") OR OLD."published_at" IS DISTINCT FROM (NEW."published_at") OR OLD."alone_because" IS DISTINCT FROM (NEW."alone_because") OR OLD."simulation_id" IS DISTINCT FROM (NEW."simulation_id") OR OLD."rolls_back_id" IS DISTINCT FROM (NEW."rolls_back_id"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='93ee2158f042cce8cebda265688b0b34ef206f84', operation='UPDATE', pgid='pgtrigger_never_edited_b2950', table='loyalty_tierrules', when='BEFORE')),
            ),
            pgtrigger.migrations.AddTrigger(
                model_name='tierrules',
                trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='4a286c11c5d49261d68300028a0b58378d944339', operation='DELETE', pgid='pgtrigger_never_deleted_87fa5', table='loyalty_tierrules', when='BEFORE')),
            ),
            migrations.AddConstraint(
                model_name='tierstate',
                constraint=models.CheckConstraint(condition=models.Q(('id', 1)), name='one_tier_state'),
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
                               AND starts_with(tablename, 'loyalty_') AND right(indexname, 5) = '_like' LOOP
                    EXECUTE format('DROP INDEX %I', name);
                END LOOP;
            END $$
            """,
            migrations.RunSQL.noop,
        ),
    ]
