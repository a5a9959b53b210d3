"""What is asked on the pages of points: redeeming, giving by hand, the rules, the catalogue."""

from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.desk.date_input import DateInput
from crm.desk.editing import EditForm
from customers.models import Category
from loyalty.campaigns import draws
from loyalty.models import Lottery, PointRules, Reward, VisitStep
from loyalty.points import catalogue
from loyalty.points.accounts import MOST_AT_ONCE

# One customer -------------------------------------------------------------------------------------------------------


class RewardChoice(forms.ModelChoiceField[Reward]):
    def label_from_instance(self, obj: Reward) -> str:
        return _("%(reward)s · %(points)d points") % {"reward": obj.name, "points": obj.points}


class RedeemForm(forms.Form):
    """Only what the balance is enough for is offered."""

    key = forms.UUIDField(widget=forms.HiddenInput)
    reward = RewardChoice(label=gettext_lazy("Reward"), queryset=Reward.objects.none(), empty_label=None)
    quantity = forms.IntegerField(label=gettext_lazy("Quantity"), min_value=1, max_value=100, initial=1)

    def __init__(self, *args: Any, available: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reward"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        within = Reward.objects.filter(active=True) if self.is_bound else affordable(available)
        field.queryset = within.order_by("points", "pk")


def affordable(available: int) -> QuerySet[Reward]:
    return Reward.objects.filter(active=True, points__lte=available).exclude(stock=0)


class AdjustForm(forms.Form):
    key = forms.UUIDField(widget=forms.HiddenInput)
    points = forms.IntegerField(
        label=gettext_lazy("Points"),
        min_value=-MOST_AT_ONCE,
        max_value=MOST_AT_ONCE,
        help_text=gettext_lazy("With a minus to take points away"),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), min_length=2, max_length=300)


class TicketForm(forms.Form):
    lottery = forms.ModelChoiceField(queryset=Lottery.objects.none())
    key = forms.UUIDField()

    def __init__(self, *args: Any, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["lottery"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = draws.for_points(at=at)


class ReferrerForm(forms.Form):
    referrer = forms.CharField(label=gettext_lazy("Customer number of the friend"), max_length=20)


# The programme ------------------------------------------------------------------------------------------------------


class CategoryIds(forms.ModelMultipleChoiceField[Category]):
    """Cleaned to the ids, as the rules store them."""

    def clean(self, value: Any) -> Any:
        return [category.pk for category in super().clean(value)]


class RulesForm(EditForm, forms.ModelForm[PointRules]):
    """A new version, made of the one in force and what was changed in it."""

    excluded_categories = CategoryIds(
        label=gettext_lazy("goods that earn nothing"), queryset=Category.objects.order_by("name"), required=False
    )

    starts_on = forms.DateField(
        label=gettext_lazy("In force from"),
        help_text=gettext_lazy("Empty: as soon as the notice that was promised is over"),
        widget=DateInput(),
        required=False,
    )

    class Meta:
        model = PointRules
        fields = (
            "rate",
            "least_order",
            "excluded_categories",
            "most_per_order",
            "most_per_day",
            "bonus_from",
            "bonus_points",
            "referrer_points",
            "referred_points",
            "referral_least",
            "pending_days",
            "life_months",
            "life_ends",
            "shortfall",
            "hold_minutes",
            "grace_days",
            "yuan_per_point",
            "notice_days",
            "reason",
        )

    def shown(self, row: PointRules) -> dict[str, Any]:
        """Each version has a reason of its own."""
        return {name: value for name, value in super().shown(row).items() if name != "reason"}


class RewardForm(EditForm, forms.ModelForm[Reward]):
    """What is added to the stock is a difference: by the form's key it is added once, however often it is sent."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Reward
        fields = ("name", "description", "points", "stock", "active")
        help_texts = {"stock": gettext_lazy("Empty: without end")}

    def both(self, name: str, opened: Any, mine: Any, now: Any) -> Any:
        """Sales count the stock down while somebody writes: as many as were added or taken here are added or taken."""
        if name != "stock" or mine is None or None in (opened, now) or self._was_saved():
            return super().both(name, opened, mine, now)
        left: int = now + mine - opened
        if left < 0:
            raise ValidationError(
                _("Only %(now)d are left: some were taken meanwhile. Enter what is in stock now."),
                code="stock_below_zero",
                params={"now": now},
            )
        return left

    def _was_saved(self) -> bool:
        """A form without a key may have been."""
        key = self.cleaned_data.get("key")
        return key is None or catalogue.known(str(key)) is not None


class StepForm(forms.ModelForm[VisitStep]):
    class Meta:
        model = VisitStep
        fields = ("visits", "points")
