"""An edit writes what was edited: on the row as it is now, locked. What others changed meanwhile stays.

class RewardForm(EditForm, forms.ModelForm[Reward]): ...

form = RewardForm(request.POST or None, instance=reward)
if request.method == "POST" and edit(request, form, reward, lambda row, data: verb(row.pk, **data), _("Saved")):
    return redirect(…)
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.forms.models import construct_instance, model_to_dict
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from core.lib.errors import DomainError
from crm.desk.acting import Thanks, say

Row = TypeVar("Row", bound=Model)


class EditForm(forms.BaseForm):
    """A form that carries what each field said when it was opened, in a hidden input beside it."""

    def __getitem__(self, name: str) -> BoundField:
        if name in self.fields:
            self.fields[name].show_hidden_initial = not self.fields[name].disabled
        return super().__getitem__(name)

    def shown(self, row: Any) -> Mapping[str, Any]:
        """What the form would open with for the row as it is; a form that is no ModelForm says it itself."""
        meta = self._meta  # type: ignore[attr-defined]
        return model_to_dict(row, fields=meta.fields)

    def both(self, name: str, opened: Any, mine: Any, now: Any) -> Any:
        """What becomes of a field that was changed here and elsewhere. A ValidationError leaves it to the person."""
        raise ValidationError(
            _("This has been changed meanwhile: it says “%(now)s” now. Save again to put yours in its place."),
            code="changed_meanwhile",
            params={"now": _in_words(self.fields[name], now)},
        )

    def settle(self, row: Any) -> bool:
        """Whether `cleaned_data` is now what the row says, with only what was changed in this form put over it.

        A field changed by both stands with an error that shows what it is now. What was typed stays in the form, and
        sent once more it is stored.
        """
        names = [name for name, field in self.fields.items() if not field.disabled]
        carried = any(self[name].html_initial_name in self.data for name in names)
        for name, now in self.shown(row).items():
            if carried and name in names:
                self._settle(self[name], now)
        return self.is_valid()

    def _settle(self, bound: BoundField, now: Any) -> None:
        field, name = bound.field, bound.name
        text = field.hidden_widget().value_from_datadict(self.data, self.files, bound.html_initial_name)
        try:
            opened = field.to_python(text)
        except ValidationError:  # a choice that is gone
            opened = text
        if not field.has_changed(_tidy(now), _tidy(text)) or not field.has_changed(_tidy(now), _tidy(bound.data)):
            return  # nobody else changed it, or to the very same
        try:
            if field.has_changed(_tidy(opened), _tidy(bound.data)):
                self.cleaned_data[name] = self.both(name, opened, self.cleaned_data[name], now)
            else:
                self.cleaned_data[name] = field.clean(now)
        except ValidationError as error:
            self.add_error(name, error)
            self._reopen(bound, now)

    def _reopen(self, bound: BoundField, now: Any) -> None:
        """The form counts as opened with `now`, which it has shown, and which one press puts into the field."""
        value = bound.field.prepare_value(now)
        values = value if isinstance(value, list | tuple) else ["" if value is None else value]
        data = MultiValueDict(self.data)
        data.setlist(bound.html_initial_name, [str(item) for item in values])
        self.data = data
        bound.theirs = json.dumps([str(item) for item in values])  # type: ignore[attr-defined]  # for the template


def edit(
    request: HttpRequest, form: EditForm, row: Row, verb: Callable[[Row, dict[str, Any]], Any], thanks: Thanks
) -> bool:
    """Whether the form was valid and `verb` was carried out with the locked row and the settled data.

    `thanks` is shown then, unless it is empty. A refusal stands above the form, which keeps what was typed.
    """
    if not form.is_valid():
        return False
    try:
        with transaction.atomic():
            rows = type(row)._default_manager.select_for_update(no_key=True, of=("self",))
            locked = rows.get(pk=row.pk)
            if not form.settle(locked):
                return False
            result = verb(locked, form.cleaned_data)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return False
    say(request, thanks, result)
    return True


def onto(form: forms.ModelForm[Row], row: Row) -> Row:
    """The row with what the settled form says, not stored: for verbs that store a row whole."""
    return construct_instance(form, row, fields=form._meta.fields)


def _tidy(value: Any) -> Any:
    """Browsers write line ends in their own way, and forms cut the space around."""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def _in_words(field: forms.Field, value: Any) -> str:
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if value in (None, "", []):
        return str(_("nothing"))
    values = value if isinstance(value, list | tuple) else [value]
    labels = {str(key): str(label) for key, label in getattr(field, "choices", ())}
    return ", ".join(labels.get(str(field.prepare_value(item)), str(item)) for item in values)
