"""What staff type on the pages of coupons, draws, credit and clubs."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from core.accounts.models import User
from core.lib.conditions.fields import Context
from core.lib.conditions.tree import All, Leaf, Node
from core.lib.periods import mall_midnight
from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from crm.desk.loyalty.campaigns import coupon_page, draw_page
from crm.desk.today import today
from crm.flows.catalogue import CUSTOMERS
from customers import queries
from customers.models import Category, Customer, Standing
from loyalty.campaigns import draws
from loyalty.campaigns.draws import PrizeFact
from loyalty.models import ClubEvent, CouponCampaign, CreditAccount, Lottery, LotteryPrize
from loyalty.models.credit import LONGEST_TERM
from loyalty.tiers import membership

DATE = DateInput()
PRIZE_ROWS = 8


class MoneyInput(forms.DecimalField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **({"min_value": Decimal(0)} | kwargs))


def choices_of(form: forms.Form, name: str, choices: list[tuple[Any, Any]]) -> None:
    """The form's field of that name offers these."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)  # noqa: S101
    field.choices = choices


def level_choices() -> list[tuple[str, Any]]:
    """(code, name) of the levels above the first, and of all of them together."""
    rules = membership.applied()
    levels = rules.levels[1:] if rules else []
    return [("", gettext_lazy("Every level")), *((level["code"], level["name"]) for level in levels)]


def level_name(code: str) -> str:
    return str(dict(level_choices()).get(code, code)) if code else ""


def first_error(form: forms.Form) -> str:
    """What is wrong with a form that is not shown again."""
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def whole_number(text: str) -> int:
    """The number that was typed; 0 for what is none."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


# Coupons ------------------------------------------------------------------------------------------------------------


class CampaignForm(EditForm, forms.Form):
    """The terms of a coupon campaign; once it has begun only what favours the customers can be typed."""

    code = forms.CharField(
        label=gettext_lazy("Short name"),
        max_length=30,
        help_text=gettext_lazy("For staff and the shop, such as SPRING26"),
    )
    name = forms.CharField(
        label=gettext_lazy("Name of the campaign"), max_length=80, help_text=gettext_lazy("As the customers read it")
    )
    kind = forms.ChoiceField(label=gettext_lazy("What it gives"), choices=CouponCampaign.Kind.choices)
    amount = MoneyInput(
        label=gettext_lazy("Amount"),
        required=False,
        help_text=gettext_lazy("Off the order; for shipping the most that is paid; for a gift its stated price"),
    )
    percent = forms.IntegerField(
        label=gettext_lazy("Percent off"),
        min_value=1,
        max_value=100,
        required=False,
        help_text=gettext_lazy("15 is 15 % off, that is 8.5 折"),
    )
    gift = forms.CharField(label=gettext_lazy("Gift"), max_length=80, required=False)
    min_spend = MoneyInput(
        label=gettext_lazy("From an order of"), required=False, help_text=gettext_lazy("The amount itself is in")
    )
    most_off = MoneyInput(
        label=gettext_lazy("At most off"), required=False, help_text=gettext_lazy("Empty: no ceiling")
    )
    categories = forms.MultipleChoiceField(
        label=gettext_lazy("Only for these categories"),
        required=False,
        help_text=gettext_lazy("None chosen: everything"),
    )
    total_limit = forms.IntegerField(label=gettext_lazy("Redemptions at most"), min_value=1, max_value=10_000_000)
    per_customer_limit = forms.IntegerField(
        label=gettext_lazy("Per customer at most"), min_value=1, max_value=1000, initial=1
    )
    budget = MoneyInput(
        label=gettext_lazy("Budget"), required=False, help_text=gettext_lazy("Empty: only the number limits")
    )
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    last_on = forms.DateField(label=gettext_lazy("Last day"), widget=DATE)
    valid_days = forms.IntegerField(
        label=gettext_lazy("Days a coupon is valid"),
        min_value=1,
        max_value=3650,
        required=False,
        help_text=gettext_lazy("Empty: until the last day"),
    )
    stack_group = forms.CharField(
        label=gettext_lazy("Does not combine within"),
        max_length=30,
        required=False,
        help_text=gettext_lazy("Coupons with the same word here never meet on one order"),
    )
    needs_code = forms.BooleanField(
        label=gettext_lazy("Customers need a coupon with a code"), required=False, initial=True
    )

    def __init__(self, *args: Any, begun: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Category.objects.order_by("name").values_list("name", flat=True)
        choices_of(self, "categories", [(name, name) for name in names])
        if begun:
            for name in set(self.fields) - {"name", "total_limit", "per_customer_limit", "budget", "last_on"}:
                self.fields[name].disabled = True

    def shown(self, row: CouponCampaign) -> dict[str, Any]:
        return coupon_page.initial(row)

    @property
    def terms(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        data.pop("code")
        data["starts_at"] = mall_midnight(data.pop("starts_on"))
        data["ends_at"] = mall_midnight(data.pop("last_on") + timedelta(days=1))
        data["amount"] = data["amount"] or Decimal(0)
        data["percent"] = data["percent"] or 0
        data["min_spend"] = data["min_spend"] or Decimal(0)
        return data


class GroupForm(forms.Form):
    """Whom a hand-out is for, in the words of the customer list."""

    customer_class = forms.ChoiceField(
        label=gettext_lazy("Class"),
        required=False,
        choices=[("", gettext_lazy("Every class")), *((str(value), label) for value, label in Standing.Class.choices)],
    )
    level = forms.ChoiceField(label=gettext_lazy("Level"), required=False)
    absent_days = forms.IntegerField(
        label=gettext_lazy("No purchase for more than (days)"), min_value=0, max_value=9999, required=False
    )
    region = forms.CharField(label=gettext_lazy("Province"), max_length=60, required=False)
    cost = MoneyInput(
        label=gettext_lazy("What telling them costs"),
        required=False,
        help_text=gettext_lazy("Text messages and the like: it is set against what they buy"),
    )
    again = forms.BooleanField(
        label=gettext_lazy("Also those who have an unused coupon of this campaign"), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = membership.applied()
        levels = list(enumerate(rules.levels)) if rules else []
        choices_of(
            self,
            "level",
            [("", gettext_lazy("Every level")), *((str(rank), level["name"]) for rank, level in levels)],
        )

    @property
    def tree(self) -> Node:
        """What the customers have in common, in the language of conditions."""
        data, leaves = self.cleaned_data, []
        if data["customer_class"]:
            name = Standing.Class(int(data["customer_class"])).name.lower()
            leaves.append(Leaf("class", "any", (name,)))
        if region := data["region"].strip():
            leaves.append(Leaf("province", "any", (region,)))
        if data["absent_days"] is not None:
            leaves.append(Leaf("quiet", "gt", (str(data["absent_days"]),)))
        rules = membership.applied()
        if data["level"] and rules:
            leaves.append(Leaf("level", "any", (rules.levels[int(data["level"])]["code"],)))
        return All(tuple(leaves))

    def people(self, user: User) -> QuerySet[Customer]:
        """The customers whom a campaign of this user reaches and who have all of this in common."""
        day = today()
        rows = queries.addressed(user, day).filter(CUSTOMERS.compile(self.tree, Context(day, user.pk)))
        return Customer.objects.filter(pk__in=rows.values("pk"))

    @property
    def group(self) -> dict[str, Any]:
        names = ("customer_class", "level", "absent_days", "region")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name] not in ("", None)}


# Draws --------------------------------------------------------------------------------------------------------------


class LotteryForm(EditForm, forms.Form):
    code = forms.CharField(label=gettext_lazy("Short name"), max_length=30)
    name = forms.CharField(label=gettext_lazy("Name of the draw"), max_length=80)
    entry = forms.ChoiceField(label=gettext_lazy("How one takes part"), choices=Lottery.Entry.choices)
    min_order = MoneyInput(label=gettext_lazy("From an order of"), required=False)
    points_cost = forms.IntegerField(
        label=gettext_lazy("Points for a ticket"), min_value=0, max_value=1_000_000, required=False
    )
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    last_on = forms.DateField(label=gettext_lazy("Last day"), widget=DATE)
    draws_per_day = forms.IntegerField(
        label=gettext_lazy("Draws per customer and day at most"), min_value=1, max_value=1000, initial=10
    )
    wins_per_customer = forms.IntegerField(
        label=gettext_lazy("Prizes per customer at most"), min_value=1, max_value=1000, required=False
    )
    claim_days = forms.IntegerField(label=gettext_lazy("Days to claim a prize"), min_value=1, max_value=365, initial=30)
    rules = forms.CharField(
        label=gettext_lazy("Rules as the customers read them"),
        max_length=4000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy(
            "Who may take part, how, until when, what happens when a prize is gone, how prizes are handed over"
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices_of(self, "min_level", level_choices())

    def shown(self, row: Lottery) -> dict[str, Any]:
        return draw_page.terms(row)

    @property
    def terms(self) -> dict[str, Any]:
        data = dict(self.cleaned_data)
        data.pop("code")
        data["starts_at"] = mall_midnight(data.pop("starts_on"))
        data["ends_at"] = mall_midnight(data.pop("last_on") + timedelta(days=1))
        data["min_order"] = data["min_order"] or Decimal(0)
        data["points_cost"] = data["points_cost"] or 0
        return data


class PrizeForm(forms.Form):
    """One row; a row without a name is no prize. Odds in percent, as they are published."""

    name = forms.CharField(label=gettext_lazy("Prize"), max_length=80, required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=LotteryPrize.Kind.choices)
    percent = forms.DecimalField(
        label=gettext_lazy("Odds in %"), min_value=0, max_value=100, decimal_places=4, required=False
    )
    total = forms.IntegerField(label=gettext_lazy("Pieces"), min_value=1, max_value=10_000_000, required=False)
    value = MoneyInput(label=gettext_lazy("Value of one"), required=False)
    points = forms.IntegerField(label=gettext_lazy("Points"), min_value=0, max_value=10_000_000, required=False)
    coupons = forms.ModelChoiceField(
        label=gettext_lazy("Coupon campaign"),
        required=False,
        empty_label="–",
        queryset=CouponCampaign.objects.filter(needs_code=True)
        .exclude(status=CouponCampaign.Status.ENDED)
        .order_by("code"),
    )

    @property
    def fact(self) -> PrizeFact | None:
        data = self.cleaned_data
        if not data.get("name", "").strip():
            return None
        return PrizeFact(
            name=data["name"],
            kind=data["kind"],
            ppm=int((data["percent"] or Decimal(0)) * 10_000),
            total=data["total"],
            value=data["value"] or Decimal(0),
            points=data["points"] or 0,
            coupons=data["coupons"],
        )


Prizes = forms.formset_factory(PrizeForm, extra=0, min_num=PRIZE_ROWS, max_num=draws.MOST_PRIZES)


class MoreForm(forms.Form):
    """More pieces of a prize of this draw."""

    prize = forms.ModelChoiceField(queryset=LotteryPrize.objects.none())
    pieces = forms.IntegerField(min_value=1, max_value=9_999_999)

    def __init__(self, data: Any, *, lottery: Lottery) -> None:
        super().__init__(data)
        prize = self.fields["prize"]
        assert isinstance(prize, forms.ModelChoiceField)  # noqa: S101
        prize.queryset = lottery.prizes.exclude(kind=LotteryPrize.Kind.THANKS)


class TicketForm(forms.Form):
    customer = forms.CharField(label=gettext_lazy("Customer number"), max_length=20)
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=2, max_length=200)
    key = forms.UUIDField(widget=forms.HiddenInput)


# Credit -------------------------------------------------------------------------------------------------------------


class LimitForm(forms.Form):
    limit = MoneyInput(label=gettext_lazy("Credit limit"))
    term_days = forms.IntegerField(label=gettext_lazy("Days to pay"), min_value=1, max_value=LONGEST_TERM, initial=30)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class BookingForm(forms.Form):
    """A payment, or a correction with its sign."""

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=12, decimal_places=2)
    reason = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)
    client_key = forms.CharField(widget=forms.HiddenInput, max_length=64)


class StatusForm(forms.Form):
    """What becomes of an account; the verb asks for the reason."""

    status = forms.ChoiceField(label=gettext_lazy("State"), choices=CreditAccount.Status.choices)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)


# Clubs --------------------------------------------------------------------------------------------------------------


class LevelForm(forms.Form):
    """A form with a choice of levels. Two of them stand on one page: the ids of their fields differ."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = f"id_{type(self).__name__.lower()}_%s"
        choices_of(self, "min_level", level_choices())


class ClubForm(LevelForm):
    name = forms.CharField(label=gettext_lazy("Name of the club"), max_length=80)
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    about = forms.CharField(label=gettext_lazy("What it is about"), max_length=300, required=False)


class PartnerForm(LevelForm):
    partner = forms.CharField(label=gettext_lazy("Partner"), max_length=80)
    gives = forms.CharField(label=gettext_lazy("What the partner gives"), max_length=200)
    min_level = forms.ChoiceField(label=gettext_lazy("From this level on"), required=False)
    starts_on = forms.DateField(label=gettext_lazy("First day"), widget=DATE)
    ends_on = forms.DateField(label=gettext_lazy("Until before"), widget=DATE, required=False)


class EventForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("What is planned"), max_length=80)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), choices=ClubEvent.Kind.choices)
    on = forms.DateField(label=gettext_lazy("Day"), widget=DATE)
    place = forms.CharField(label=gettext_lazy("Place or link"), max_length=200, required=False)
    seats = forms.IntegerField(label=gettext_lazy("Seats"), min_value=1, max_value=100_000, required=False)
