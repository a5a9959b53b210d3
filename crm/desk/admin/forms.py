"""What staff type on the pages of webhooks."""

from django import forms
from django.utils.translation import gettext_lazy

from core.outbox.models import WebhookEndpoint
from crm.desk.editing import EditForm
from crm.flows.notices import EVENTS


class _Events(forms.Form):
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), choices=[*EVENTS.items()], widget=forms.CheckboxSelectMultiple
    )


class EventsForm(EditForm, _Events):
    """What an endpoint is told."""

    def shown(self, row: WebhookEndpoint) -> dict[str, list[str]]:
        return {"events": row.events}

    def both(self, name: str, opened: list[str], mine: list[str], now: list[str]) -> list[str]:
        """What was ticked here is added to what it is told now, and what was unticked here is taken away."""
        return [kind for kind in EVENTS if (kind in mine if (kind in mine) != (kind in opened) else kind in now)]


class EndpointForm(_Events):
    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=400,
        help_text=gettext_lazy("Begins with https://"),
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "placeholder": "https://"}),
    )
    field_order = ("url", "events")
