"""What is done with the views of a list: saved, changed, shared, copied, put at hand, taken away; and with its columns."""

from collections.abc import Callable

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.accounts.permissions import StaffRequest, may
from core.accounts.roles import Permission
from core.lib.conditions import tree
from core.lib.errors import DomainError
from core.views import saved
from core.views.models import SavedView
from crm.desk.acting import press, submit
from crm.desk.lists.asking import asked
from crm.desk.lists.definition import ListDef
from crm.desk.today import now


class NameForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name of the view"), max_length=60)


def manage(request: StaffRequest, definition: ListDef) -> HttpResponse:
    """The views of a list: whose they are, who sees them, which are at hand."""
    kept = saved.kept_for(request.user, definition.key)
    context = {
        "list": definition,
        "views": [
            {"view": view, "is_own": view.owner_id == request.user.pk, "key": f"v{view.pk}"} for view in kept.views
        ],
        "system": [{"view": view, "key": view.key} for view in definition.views],
        "pinned": kept.pinned,
        "may_share": may(request.user, Permission.SHARE_VIEWS),
        "visibilities": SavedView.Visibility.choices,
    }
    return render(request, "desk/lists/views.html", context)


def save(request: StaffRequest, definition: ListDef) -> HttpResponse:
    """The list as it stands in the address is kept under a name, and opened."""
    form = NameForm(request.POST)
    made: list[SavedView] = []

    def keep(data: dict[str, str]) -> None:
        made.append(saved.save(request.user, definition.key, data["name"], _look(request, definition), at=now()))

    if submit(request, form, keep, _("Saved. It stands above the list."), beside={"name": "name"}):
        return redirect(f"{reverse(definition.routes['list'])}?view=v{made[0].pk}")
    context = {"list": definition, "form": form, "query": request.GET.urlencode()}
    return render(request, "desk/lists/save.html", context, status=422)


def _of_list(request: StaffRequest, definition: ListDef, pk: int) -> None:
    """Http404 for a view of another list, as for one that is somebody else's."""
    if not saved.visible_to(request.user, definition.key).filter(pk=pk).exists():
        raise Http404


def update(request: StaffRequest, definition: ListDef, pk: int) -> HttpResponse:
    """A view of one's own keeps the list as it stands in the address."""
    _of_list(request, definition, pk)
    seen = request.POST.get("seen", "")
    done = press(request, lambda: saved.update(request.user, pk, _look(request, definition), seen=seen), _("Saved."))
    # What was not kept stays in the address, to be saved under another name.
    query = f"view=v{pk}" if done else request.GET.urlencode()
    return redirect(f"{reverse(definition.routes['list'])}?{query}")


def share(request: StaffRequest, definition: ListDef, pk: int) -> HttpResponse:
    _of_list(request, definition, pk)
    wanted = request.POST.get("visibility", "")
    press(request, lambda: saved.share(request.user, pk, wanted, at=now()), _("Saved."))
    return redirect(definition.routes["views"])


def copy(request: StaffRequest, definition: ListDef, pk: int) -> HttpResponse:
    press(
        request,
        lambda: saved.copy(request.user, definition.key, pk, at=now()),
        _("You have a view of your own that looks like it."),
    )
    return redirect(definition.routes["views"])


def archive(request: StaffRequest, definition: ListDef, pk: int) -> HttpResponse:
    _of_list(request, definition, pk)
    press(request, lambda: saved.archive(request.user, pk, at=now()), _("The view is gone."))
    return redirect(definition.routes["views"])


def pin(request: StaffRequest, definition: ListDef, key: str) -> HttpResponse:
    """A view is put above the list: `v12` for a saved one, else the key of one that comes along."""
    return _moved(request, definition, key, saved.pin)


def unpin(request: StaffRequest, definition: ListDef, key: str) -> HttpResponse:
    """The same, taken from there."""
    return _moved(request, definition, key, saved.unpin)


def _moved(request: StaffRequest, definition: ListDef, key: str, verb: Callable[..., None]) -> HttpResponse:
    number = key[1:] if key.startswith("v") and key[1:].isdecimal() and len(key) < 12 else ""
    view = int(number) if number else None
    system = "" if number else key
    if system and definition.view(system) is None:
        return redirect(definition.routes["views"])
    press(request, lambda: verb(request.user, definition.key, view=view, system=system), "")
    return redirect(definition.routes["views"])


def columns(request: StaffRequest, definition: ListDef) -> HttpResponse:
    """Which columns somebody sees, in the order in which they stand in the form; without any, those that come along."""
    allowed = {column.key for column in definition.columns_for(request.user)}
    keys = [key for key in dict.fromkeys(request.POST.getlist("column")) if key in allowed]
    density = request.POST.get("density", "")
    press(request, lambda: saved.choose_columns(request.user, definition.key, keys, density), "")
    query = request.GET.urlencode()
    return redirect(f"{reverse(definition.routes['list'])}{'?' if query else ''}{query}")


def _look(request: StaffRequest, definition: ListDef) -> saved.Look:
    """Raises DomainError where the list shows nothing: a view would keep everybody instead of what it asked for."""
    known = asked(definition, request.user, request.GET, saved.kept_for(request.user, definition.key), now())
    if known.hidden:
        raise DomainError(known.hidden, code="hidden")
    return saved.Look(tree.dump(known.tree), [column.key for column in known.columns], known.sort)
