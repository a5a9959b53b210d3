"""What a page does when somebody saves a form or presses a button: one call of one verb, and a word about how it went."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, QueryDict
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils.datastructures import MultiValueDict

from core.accounts import idempotency
from core.accounts.models import User
from core.accounts.permissions import may
from core.lib import sealing
from core.lib.errors import DomainError

Thanks = str | Callable[[Any], str]
View = Callable[..., HttpResponse]
T = TypeVar("T")
# The words of a form that was refused: where they wait, under which key, how many at most, and which never.
REFUSED, WORDS, MOST_WORDS = "refused", b"refused words", 50_000
SECRETS = ("password", "code")


class Outcome(NamedTuple):
    """A verb was carried out, and returned this."""

    result: Any


def carried_out(
    form: forms.BaseForm, verb: Callable[[dict[str, Any]], Any], *, beside: Mapping[str, str] | None = None
) -> Outcome | None:
    """What `verb` made of the form's cleaned data; None when the form is not valid or the verb refused.

    A refusal stands above the form, or beside the field that `beside` names for its code. The form keeps what was
    typed; one that has had its effect before (`idempotency.once`) is refused until it is sent again. Anything that is
    no refusal is a bug and goes up untouched.
    """
    if not form.is_valid():
        return None
    try:
        return Outcome(once(form.data, lambda: verb(form.cleaned_data)))
    except DomainError as refusal:
        if isinstance(refusal, idempotency.SentBefore):
            meant_again(form)
        form.add_error((beside or {}).get(refusal.code), str(refusal))
        return None


def once(data: Mapping[str, Any], verb: Callable[[], T]) -> T:
    """What the verb returns; raises SentBefore when the form that was sent has had its effect (`idempotency.once`)."""
    content = idempotency.content_of(data) if isinstance(data, QueryDict) else ""
    return idempotency.once(str(data.get("once", "")), verb, content=content)


def submit(
    request: HttpRequest,
    form: forms.BaseForm,
    verb: Callable[[dict[str, Any]], Any],
    thanks: Thanks,
    *,
    beside: Mapping[str, str] | None = None,
) -> bool:
    """Whether the form was valid and `verb` was carried out with its cleaned data; then `thanks` is shown.

    `thanks` is a sentence, or makes one of what the verb returned; an empty one is not shown. See `carried_out`.
    """
    outcome = carried_out(form, verb, beside=beside)
    if outcome is None:
        return False
    say(request, thanks, outcome.result)
    return True


def first_error(form: forms.BaseForm) -> str:
    """What is wrong with a form, in one sentence: for one that is not shown again, or stands below what is seen."""
    return next((str(error) for errors in form.errors.values() for error in errors), "")


def meant_again(form: forms.BaseForm) -> None:
    """The form, sent once more, is another one to the verb as well: keys that it carries itself are new."""
    keys = [form.add_prefix(name) for name, field in form.fields.items() if isinstance(field, forms.UUIDField)]
    if keys:
        data = MultiValueDict(form.data)
        for key in keys:
            data[key] = str(uuid4())
        form.data = data


def press(request: HttpRequest, verb: Callable[[], Any], thanks: Thanks) -> bool:
    """The same for a button that asks nothing, or a word or two: a refusal is shown as a message."""
    try:
        result = once(request.POST, verb)
    except DomainError as refusal:
        messages.error(request, str(refusal))
        return False
    say(request, thanks, result)
    return True


def say(request: HttpRequest, thanks: Thanks, result: Any) -> None:
    """The thanks stand on the next page; an empty one is not shown."""
    if text := thanks if isinstance(thanks, str) else thanks(result):
        messages.success(request, text)


def where_it_stood(request: HttpRequest, *pages: str) -> str:
    """The page, with its filters, on which the button stood, where it is one of these; else the first of them."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host() or came_from.path not in pages:
        return pages[0]
    return urlunsplit(("", "", came_from.path, came_from.query, ""))


def led_back(view: View) -> View:
    """The view; but whoever opens by hand an address that takes only a POST is led to the page it stands on."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if response.status_code != 405 or request.method not in ("GET", "HEAD"):
            return response
        way_back = redirect(page_above(request.path, cast(User, request.user)))
        way_back["Allow"] = response["Allow"]
        return way_back

    return answer


def remembered(view: View) -> View:
    """The view; the key of a form that it stored is on record, so that a browser keeps no draft of it.

    A form has been stored when its answer leads on to a page without a word of refusal. Where it was refused, what was
    typed into it goes along to that page (`refused_words`).
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        if request.method == "POST" and response.status_code == 302:
            if _is_refused(request):
                _keep_words(request)
            else:
                idempotency.note(request.POST.get("once", ""), content=idempotency.content_of(request.POST))
        return response

    return answer


def _is_refused(request: HttpRequest) -> bool:
    queued = getattr(request, "_messages", None)
    return queued is not None and any(message.level >= messages.ERROR for message in queued._queued_messages)


def _keep_words(request: HttpRequest) -> None:
    """Sealed, in the session of whoever wrote them, until the next page is shown; never a password or a code."""
    typed = {
        name: values
        for name, values in request.POST.lists()
        if name not in idempotency.UNTYPED and not any(secret in name for secret in SECRETS)
    }
    told = json.dumps({"address": request.path, "words": typed})
    if len(told) <= MOST_WORDS:
        sealed = sealing.encrypt(told.encode(), use=WORDS, about=str(request.user.pk).encode())
        request.session[REFUSED] = b64encode(sealed).decode()


def refused_words(request: HttpRequest) -> dict[str, Any] | None:
    """What was typed into the form that was refused just before, once: its `address`, and the `words` by field."""
    sealed = request.session.pop(REFUSED, None)
    if sealed is None:
        return None
    try:
        told = sealing.decrypt(b64decode(sealed), use=WORDS, about=str(request.user.pk).encode())
    except InvalidTag:
        return None
    words: dict[str, Any] = json.loads(told)
    return words


def legible(view: View) -> View:
    """The view; but a text with a NUL, which nobody types and the database does not store, is a bad request."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        texts = (text for sent in (request.GET, request.POST) for _name, values in sent.lists() for text in values)
        if any("\x00" in str(text) for text in texts):
            return HttpResponseBadRequest()
        return view(request, *args, **kwargs)

    return answer


def page_above(path: str, user: User) -> str:
    """The nearest address above this one that there is for this person: /alerts/7/ for /alerts/7/decide/."""
    while path != "/":
        path = path.rstrip("/").rpartition("/")[0] + "/"
        try:
            permission = getattr(resolve(path).func, "permission", None)
        except Resolver404:
            continue
        if permission is None or may(user, permission):
            return path
    return path
