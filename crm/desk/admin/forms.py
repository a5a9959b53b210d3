"""What staff type on the pages of imports and webhooks."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from core.outbox.models import WebhookEndpoint
from crm.desk.editing import EditForm
from customers.imports import fields
from customers.models import Import
from loyalty.notices import Kind

FIELDS = (
    ("date", gettext_lazy("Order date")),
    ("paid", gettext_lazy("Paid")),
    ("order_no", gettext_lazy("Order number")),
    ("customer", gettext_lazy("Customer id")),
    ("phone", gettext_lazy("Phone")),
    ("email", gettext_lazy("E-mail")),
    ("name", gettext_lazy("Name")),
    ("region", gettext_lazy("Province")),
    ("city", gettext_lazy("City")),
    ("cost", gettext_lazy("Cost")),
    ("units", gettext_lazy("Quantity")),
    ("status", gettext_lazy("Status")),
    ("version", gettext_lazy("Version")),
    ("category", gettext_lazy("Category")),
    ("product", gettext_lazy("Product")),
    ("line_paid", gettext_lazy("Line amount")),
)


class UploadForm(forms.Form):
    source = forms.SlugField(label=gettext_lazy("Source"), initial="shop", max_length=40)
    file = forms.FileField(
        label=gettext_lazy("CSV file or Excel workbook"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xls,.ods"}),
    )


class MappingForm(forms.Form):
    """Which column of the file is which field of an order."""

    def __init__(self, data: Any = None, *, run: Import, columns: list[str]) -> None:
        super().__init__(data)
        choices = [("", "–"), *((name, name) for name in columns)]
        for field, label in FIELDS:
            self.fields[field] = forms.ChoiceField(
                label=label, choices=choices, required=field in fields.KINDS["orders"].needed, initial=run.mapping.get(field, "")
            )

    @property
    def mapping(self) -> dict[str, str]:
        return {field: name for field, name in self.cleaned_data.items() if name}


class _Events(forms.Form):
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=Kind.choices, widget=forms.CheckboxSelectMultiple
    )


class EventsForm(EditForm, _Events):
    """What an endpoint is told."""

    def shown(self, row: WebhookEndpoint) -> dict[str, list[str]]:
        return {"events": row.events}

    def both(self, name: str, opened: list[str], mine: list[str], now: list[str]) -> list[str]:
        """What was ticked here is added to what it is told now, and what was unticked here is taken away."""
        return [kind for kind in Kind.values if (kind in mine if (kind in mine) != (kind in opened) else kind in now)]


class EndpointForm(_Events):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=400,
        help_text=gettext_lazy("Begins with https://"),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "placeholder": "https://"}),
    )
    field_order = ("url", "events")
