"""What a page does when somebody saves a form or presses a button: one call of one verb, and a word about how it went."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest

from core.lib.errors import DomainError

Thanks = str | Callable[[Any], str]


def submit(request: HttpRequest, form: forms.BaseForm, verb: Callable[[dict[str, Any]], Any], thanks: Thanks) -> bool:
    """Whether the form was valid and `verb` was carried out with its cleaned data; then `thanks` is shown.

    `thanks` is a sentence, or makes one of what the verb returned. A refusal stands above the form, which keeps what
    was typed; anything else is a bug and goes up untouched.
    """
    if not form.is_valid():
        return False
    try:
        result = verb(form.cleaned_data)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
        return False
    messages.success(request, thanks if isinstance(thanks, str) else thanks(result))
    return True


def press(request: HttpRequest, verb: Callable[[], Any], thanks: Thanks) -> bool:
    """The same for a button that asks nothing: a refusal is shown as a message."""
    try:
        result = verb()
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return False
    messages.success(request, thanks if isinstance(thanks, str) else thanks(result))
    return True
