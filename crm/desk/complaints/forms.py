"""What is asked on the pages of complaints; `setup/forms.py` has what their settings ask."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from complaints import orders
from complaints.cases import remedies
from complaints.models import (
    Case,
    Category,
    CorrectiveAction,
    Department,
    Pause,
    Queue,
    Remedy,
    RemedyLimit,
    RootCause,
    ServicePrompt,
)
from complaints.models.catalogue import Severity
from complaints.models.remedies import RemedyKind
from core.accounts.models import User
from core.accounts.roles import Permission, who_may
from core.lib.errors import Invalid
from core.lib.periods import mall_time, mall_zone
from crm.desk import editing
from crm.desk.date_input import DateInput, DateTimeInput
from crm.desk.editing import EditForm as Opened
from crm.desk.long_select import LongSelect
from loyalty.models import CouponCampaign

LAST = 4_000_000_000
WARNED_FOR = timedelta(days=30)


# Logging ---------------------------------------------------------------------------------------------------------------


class Several(forms.MultipleChoiceField):
    """Any number of texts of one name, whatever was offered."""

    def valid_value(self, value: Any) -> bool:
        return True


class LogForm(forms.Form):
    client_key = forms.UUIDField(widget=forms.HiddenInput)
    customer = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)
    into = forms.IntegerField(required=False, min_value=1)
    phone = forms.CharField(
        label=gettext_lazy("Phone"), required=False, max_length=40, widget=forms.TextInput(attrs={"inputmode": "tel"})
    )
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=120)
    anonymous = forms.BooleanField(widget=forms.HiddenInput, required=False)
    who = forms.CharField(required=False, max_length=40)
    orders = Several(required=False)
    orders_typed = forms.CharField(
        label=gettext_lazy("Another order number"),
        required=False,
        max_length=400,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Several with blanks between them. One that is not known yet is found when it arrives."),
    )
    category = forms.ModelChoiceField(
        queryset=Category.objects.filter(active=True, parent__isnull=False), required=False
    )
    description = forms.CharField(
        label=gettext_lazy("What happened"), required=False, max_length=8000, widget=forms.Textarea(attrs={"rows": 4})
    )
    promise = forms.CharField(required=False, max_length=20)
    again = forms.CharField(required=False, max_length=20)
    said_at = forms.CharField(required=False, max_length=40)
    severity = forms.TypedChoiceField(
        choices=[("", ""), *Severity.choices], coerce=int, empty_value=None, required=False
    )
    remedy = forms.ChoiceField(label=gettext_lazy("What"), required=False)
    remedy_amount = forms.DecimalField(
        label=gettext_lazy("How much"), required=False, min_value=0, max_digits=9, decimal_places=2
    )
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"), choices=Case.Channel.choices, initial=Case.Channel.PHONE, required=False
    )
    remedy_sought = forms.CharField(label=gettext_lazy("What the customer wants"), required=False, max_length=300)
    received_at = forms.DateTimeField(
        label=gettext_lazy("Said earlier, at"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=DateTimeInput(),
    )
    late_reason = forms.CharField(label=gettext_lazy("Why it is logged only now"), required=False, max_length=200)
    answered = forms.CharField(
        label=gettext_lazy("What you answered there and then"),
        required=False,
        max_length=8000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, allowed: list[RemedyLimit] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["remedy"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", _("Nothing for now"))] + [(limit.kind, _offer(limit)) for limit in allowed or []]

    def clean_received_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["received_at"]
        return at.replace(tzinfo=mall_zone()) if at else None

    def clean_said_at(self) -> datetime | None:
        """What no page of ours has sent says nothing."""
        try:
            at = datetime.fromisoformat(self.cleaned_data["said_at"])
        except ValueError:
            return None
        return at if at.tzinfo else None

    def orders_chosen(self) -> list[str] | None:
        """The orders that are ticked; None on a page that opens without a word on them."""
        if not self.is_bound:
            return self.initial.get("orders")
        return list(self.fields["orders"].widget.value_from_datadict(self.data, self.files, "orders") or [])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not data.get("customer") and not data.get("phone") and not data.get("anonymous"):
            self.add_error("phone", _("Fill in the phone of the caller."))
        try:
            data["about"] = orders.numbers([*data.get("orders", []), *orders.typed(data.get("orders_typed", ""))])
        except Invalid as refusal:
            self.add_error("orders_typed", str(refusal))
        if not data.get("into") and not data.get("category") and "category" not in self.errors:
            self.add_error("category", _("Choose what it is about: one digit, then another."))
        return data


def _offer(limit: RemedyLimit) -> str:
    label = str(RemedyKind(limit.kind).label)
    most = f"{limit.at_once:,.0f}"
    return _("%(what)s up to %(most)s") % {"what": label, "most": most} if limit.at_once else label


class MarkForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("What did the caller do?"), max_length=200, widget=forms.Textarea(attrs={"rows": 2})
    )
    until = forms.DateField(label=gettext_lazy("Warn until"), widget=DateInput())


# The list -------------------------------------------------------------------------------------------------------------


class CaseForm(forms.Form):
    """Every form says which state of the case its author saw."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=2**31 - 1)


class ReplyForm(CaseForm):
    body = forms.CharField(label=gettext_lazy("Words"), widget=forms.Textarea(attrs={"rows": 4}), max_length=20000)
    as_note = forms.BooleanField(required=False)
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"),
        choices=Case.Channel.choices,
        required=False,
        widget=forms.Select(attrs={"class": "lk-input"}),
    )
    then_wait = forms.ChoiceField(
        label=gettext_lazy("then wait for"),
        choices=[("", gettext_lazy("nothing")), *Pause.Reason.choices[:-1]],
        required=False,
        widget=forms.Select(attrs={"class": "lk-input"}),
    )
    request_key = forms.UUIDField(widget=forms.HiddenInput, required=False)


class CustomerSaidForm(CaseForm):
    body = forms.CharField(label=gettext_lazy("What the customer said"), widget=forms.Textarea(attrs={"rows": 3}))
    channel = forms.ChoiceField(label=gettext_lazy("Channel"), choices=Case.Channel.choices)


class ReasonForm(CaseForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class WaitForm(CaseForm):
    reason = forms.ChoiceField(label=gettext_lazy("For what?"), choices=Pause.Reason.choices[:-1])


class AssignForm(CaseForm):
    owner = forms.ModelChoiceField(label=gettext_lazy("New owner"), queryset=User.objects.none(), widget=LongSelect)
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = who_may(Permission.WORK_COMPLAINTS).order_by("full_name")


class TransferForm(CaseForm):
    queue = forms.ModelChoiceField(label=gettext_lazy("Queue"), queryset=Queue.objects.order_by("name"))
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class EditForm(Opened, CaseForm):
    title = forms.CharField(label=gettext_lazy("Subject"), max_length=200)
    description = forms.CharField(
        label=gettext_lazy("What happened"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    order_ref = forms.CharField(label=gettext_lazy("Order"), max_length=80, required=False)
    product_ref = forms.CharField(label=gettext_lazy("Product"), max_length=80, required=False)
    remedy_sought = forms.CharField(label=gettext_lazy("What the customer wants"), max_length=300, required=False)
    external_case = forms.CharField(
        label=gettext_lazy("Number with the authority or platform"), max_length=80, required=False
    )

    def clean(self) -> dict[str, Any]:
        """`changed` names what the person changed: what others put meanwhile into the other fields stays."""
        data = super().clean() or {}
        return data | {"changed": [name for name in self.changed_data if name in data and name != "version"]}


class OrdersForm(CaseForm):
    numbers = forms.CharField(
        label=gettext_lazy("Order numbers"),
        required=False,
        max_length=1700,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Several with blanks between them. One that is not known yet is found when it arrives."),
    )

    def clean_numbers(self) -> list[str]:
        try:
            return orders.typed(self.cleaned_data["numbers"])
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal)) from None


class ClassifyForm(CaseForm):
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.filter(active=True, parent__isnull=False).select_related("parent"),
    )
    severity = forms.TypedChoiceField(label=gettext_lazy("Severity"), choices=Severity.choices, coerce=int)


class PriorityForm(CaseForm):
    to = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), choices=[(n, f"P{n}") for n in (1, 2, 3, 4)], coerce=int
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class ResolveForm(CaseForm):
    outcome = forms.ChoiceField(label=gettext_lazy("How it ended"), choices=Case.Outcome.choices)
    justified = forms.ChoiceField(label=gettext_lazy("Was the complaint justified?"), choices=Case.Justified.choices)
    root_cause = forms.ModelChoiceField(
        label=gettext_lazy("Why it happened"),
        required=False,
        queryset=RootCause.objects.filter(active=True)
        .select_related("department")
        .order_by("department__name", "name"),
    )
    resolution = forms.CharField(label=gettext_lazy("What was done"), widget=forms.Textarea(attrs={"rows": 3}))
    reply = forms.CharField(
        label=gettext_lazy("Tell the customer"), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    survey = forms.BooleanField(label=gettext_lazy("Ask afterwards whether all is well"), required=False, initial=True)


class MergeForm(CaseForm):
    into = forms.ModelChoiceField(label=gettext_lazy("Into"), queryset=Case.objects.none())
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200, required=False)

    def offer(self, cases: QuerySet[Case]) -> None:
        """One of these it can be merged into."""
        field = self.fields["into"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = cases


class AskForm(CaseForm):
    department = forms.ModelChoiceField(
        label=gettext_lazy("Department"), queryset=Department.objects.filter(active=True).order_by("name")
    )
    assignee = forms.ModelChoiceField(
        label=gettext_lazy("By name"),
        required=False,
        widget=LongSelect,
        queryset=User.objects.none(),
        help_text=gettext_lazy("Without a name everybody of the department is asked."),
    )
    question = forms.CharField(
        label=gettext_lazy("Question"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy(
            "They read this, the category and the orders with their goods; not who the customer is."
        ),
    )
    blocking = forms.BooleanField(
        label=gettext_lazy("The case cannot be solved without the answer"), required=False, initial=True
    )
    with_files = forms.BooleanField(
        label=gettext_lazy("They see the photos and files of the case"),
        required=False,
        help_text=gettext_lazy("Look first whether something in them shows who the customer is."),
    )

    def asked_by(self, user: User) -> None:
        """Whom this person can ask: whoever may answer, and not themselves."""
        field = self.fields["assignee"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = who_may(Permission.ANSWER_QUESTIONS).exclude(pk=user.pk).order_by("full_name")


class AnswerForm(forms.Form):
    """What a department says to a question."""

    text = forms.CharField(
        label=gettext_lazy("Answer"), max_length=4000, widget=forms.Textarea(attrs={"rows": 4, "data-draft": ""})
    )


class DeclineForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Why, and who could answer it"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2})
    )


class RowForm(CaseForm):
    row = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class RowTextForm(RowForm):
    text = forms.CharField(label=gettext_lazy("Words"), max_length=4000, widget=forms.Textarea(attrs={"rows": 2}))


class RedactForm(RowForm):
    text = forms.CharField(label=gettext_lazy("Reason"), max_length=200)


class GiveForm(RowForm):
    campaign = forms.ModelChoiceField(
        label=gettext_lazy("Coupon of the campaign"),
        queryset=CouponCampaign.objects.none(),
        required=False,
        empty_label=gettext_lazy("none: it was given elsewhere"),
        help_text=gettext_lazy("The customer has the coupon as soon as you press; its code stands on the case."),
    )
    text = forms.CharField(label=gettext_lazy("Reference"), max_length=120, required=False)

    def for_remedy(self, remedy: Remedy, at: datetime) -> None:
        """Asks what this remedy needs to be known: points book themselves, a coupon can be handed out here."""
        field = self.fields["campaign"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        if remedy.kind == RemedyKind.COUPON:
            field.queryset = remedies.campaigns_for(remedy, at=at)
            field.label_from_instance = _coupon_in_words  # type: ignore[method-assign,assignment]
            self.fields["text"].help_text = _("Only of a coupon that was given elsewhere: its number there.")
        else:
            del self.fields["campaign"]
        if remedies.is_of_the_ledger(remedy, at):
            del self.fields["text"]
        elif remedy.kind not in (*remedies.WORTHLESS, RemedyKind.COUPON):
            self.fields["text"].help_text = _("Its number in the shop’s system: Laoke gives nothing there itself.")


def _coupon_in_words(campaign: CouponCampaign) -> str:
    return f"{campaign.name} ({campaign.code}, {mall_time(campaign.ends_at):%m-%d})"


class RemedyForm(CaseForm):
    kind = forms.ChoiceField(label=gettext_lazy("Remedy"), choices=RemedyKind.choices)
    amount = forms.DecimalField(
        label=gettext_lazy("Amount or points"), min_value=0, max_digits=9, decimal_places=2, required=False
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=200)
    promised_at = forms.DateTimeField(
        label=gettext_lazy("Promised for"),
        required=False,
        input_formats=["%Y-%m-%dT%H:%M"],
        widget=DateTimeInput(),
    )
    request_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def clean_promised_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["promised_at"]
        return at.replace(tzinfo=mall_zone()) if at else None


class PromptForm(CaseForm):
    trigger = forms.ChoiceField(label=gettext_lazy("At"), choices=ServicePrompt.Trigger.choices)
    department = forms.ModelChoiceField(
        label=gettext_lazy("Department"),
        required=False,
        queryset=Department.objects.filter(active=True).order_by("name"),
    )
    text = forms.CharField(label=gettext_lazy("What to watch"), max_length=300)


# Silence, figures, causes ---------------------------------------------------------------------------------------------


class WordsForm(forms.Form):
    words = forms.CharField(label=gettext_lazy("Words"), max_length=200, widget=forms.Textarea(attrs={"rows": 2}))


class ConvertForm(forms.Form):
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.filter(active=True, parent__isnull=False).select_related("parent"),
    )
    words = forms.CharField(
        label=gettext_lazy("What happened"), max_length=8000, widget=forms.Textarea(attrs={"rows": 3})
    )


class PeriodForm(forms.Form):
    since = forms.DateField(label=gettext_lazy("From"), widget=DateInput())
    until = forms.DateField(label=gettext_lazy("Until"), widget=DateInput())


class PlanForm(editing.EditForm, forms.Form):
    title = forms.CharField(label=gettext_lazy("What is to change"), max_length=200)
    owner = forms.ModelChoiceField(
        label=gettext_lazy("Who sees to it"),
        queryset=User.objects.none(),
    )
    due_on = forms.DateField(label=gettext_lazy("Due"), widget=DateInput())
    target_rate = forms.FloatField(label=gettext_lazy("Target: cases per 1,000 orders"), min_value=0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101
        field.queryset = who_may(Permission.WORK_COMPLAINTS).order_by("full_name")

    def shown(self, row: CorrectiveAction) -> dict[str, Any]:
        return {
            "title": row.title,
            "owner": row.owner_id,
            "due_on": row.due_on,
            "target_rate": round(row.target_rate, 2),
        }


# The one question to the customer -------------------------------------------------------------------------------------


SCORES = (
    (5, gettext_lazy("Very content")),
    (4, gettext_lazy("Content")),
    (3, gettext_lazy("So-so")),
    (2, gettext_lazy("Not content")),
    (1, gettext_lazy("Annoyed")),
)


class SurveyForm(forms.Form):
    score = forms.TypedChoiceField(
        choices=SCORES, coerce=int, error_messages={"required": gettext_lazy("Choose one of the five.")}
    )
    solved = forms.TypedChoiceField(
        label=gettext_lazy("Is the matter solved?"),
        choices=[("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
        initial="yes",
    )
    comment = forms.CharField(
        label=gettext_lazy("What could we do better?"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
