"""The addresses of a list: the same for each, with the permission of its page."""

from typing import Any

from django.http import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, View, needs
from core.accounts.roles import Permission
from crm.desk.lists import answers, keeping
from crm.desk.lists.definition import ListDef


def routes_of(definition: ListDef, permission: Permission, prefix: str, page: View) -> list[URLPattern]:
    """The page of the list at `prefix`, and everything that is done in it; named as `definition.routes` names them."""

    def route(address: str, what: str, view: View) -> URLPattern:
        return path(f"{prefix}{address}", view, name=definition.routes[what].removeprefix("desk:"))

    def of_the_list(view: View) -> View:
        def answer(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return view(request, definition, *args, **kwargs)

        return answer

    def answered(address: str, what: str, view: View) -> URLPattern:
        return route(address, what, needs(permission)(of_the_list(view)))

    def posted(address: str, what: str, view: View) -> URLPattern:
        return route(address, what, needs(permission)(require_POST(of_the_list(view))))

    return [
        route("", "list", page),
        answered("count/", "count", answers.count),
        answered("condition/", "condition", answers.condition),
        answered("<int:pk>/preview/", "preview", answers.preview),
        answered("views/", "views", keeping.manage),
        posted("columns/", "columns", keeping.columns),
        posted("views/save/", "save", keeping.save),
        posted("views/<slug:key>/pin/", "pin", keeping.pin),
        posted("views/<slug:key>/unpin/", "unpin", keeping.unpin),
        posted("views/<int:pk>/update/", "update", keeping.update),
        posted("views/<int:pk>/share/", "share", keeping.share),
        posted("views/<int:pk>/copy/", "copy", keeping.copy),
        posted("views/<int:pk>/archive/", "archive", keeping.archive),
    ]
