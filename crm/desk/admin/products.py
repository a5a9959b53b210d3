"""What the mall sells: products with category, price, cost and picture, and the categories themselves."""

from typing import Any

from csp.decorators import csp_update
from django import forms
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from core.accounts.permissions import StaffRequest, may, needs, sees
from core.accounts.roles import Field, Permission
from crm.desk.acting import submit
from crm.desk.editing import EditForm, edit
from crm.desk.paging import page_of
from crm.desk.takeout.taking import takeable
from crm.desk.today import now
from customers.models import Category, Product
from customers.record import goods

SHOWN = 50
FIELDS = ("name", "category", "price", "cost", "picture")
BESIDE = {
    "name_missing": "name",
    "code_missing": "external_id",
    "code_taken": "external_id",
    "picture_not_https": "picture",
}
# Pictures lie with the shop: on these pages alone they may come from there, and the shop is not told from where.
shows_pictures = csp_update({"img-src": ["https:"]})


class _ProductFields(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"), queryset=Category.objects.order_by("name"), required=False
    )
    price = forms.DecimalField(
        label=gettext_lazy("Price"), min_value=0, max_digits=12, decimal_places=2, required=False
    )
    cost = forms.DecimalField(label=gettext_lazy("Cost"), min_value=0, max_digits=12, decimal_places=2, required=False)
    picture = forms.URLField(
        label=gettext_lazy("Address of a picture"),
        max_length=400,
        required=False,
        assume_scheme="https",
        help_text=gettext_lazy("Begins with https://"),
    )


class ProductForm(EditForm, _ProductFields):
    def shown(self, row: Product) -> dict[str, Any]:
        return {"category": row.category_id, **{name: getattr(row, name) for name in FIELDS if name != "category"}}


class NewProductForm(_ProductFields):
    source = forms.SlugField(label=gettext_lazy("Source"), max_length=40, initial="shop")
    external_id = forms.CharField(
        label=gettext_lazy("Code"), max_length=80, help_text=gettext_lazy("As the orders of this source name it.")
    )
    field_order = ("source", "external_id", "name")


class FilterForm(forms.Form):
    text = forms.CharField(
        label=gettext_lazy("Name or code"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    category = forms.ModelChoiceField(
        label=gettext_lazy("Category"),
        queryset=Category.objects.order_by("name"),
        required=False,
        empty_label=gettext_lazy("Every category"),
    )


class CategoryForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)


class MergeCategoryForm(forms.Form):
    into = forms.ModelChoiceField(label=gettext_lazy("Into"), queryset=Category.objects.order_by("name"))


@shows_pictures
@needs(Permission.VIEW_PRODUCTS)
@takeable("products", people=False)
def products(request: StaffRequest) -> HttpResponse:
    form = FilterForm(request.GET)
    form.is_valid()
    text, category = form.cleaned_data.get("text", ""), form.cleaned_data.get("category")
    rows = goods.products(text=text, category_id=category.pk if category else None)
    page = page_of(request, rows, SHOWN)
    narrowed = bool(text or category or form.errors)
    context = {"form": form, "page": page, "narrowed": narrowed, "sees_cost": _sees_cost(request)}
    return render(request, "desk/admin/products/list.html", context)


@needs(Permission.EDIT_PRODUCTS)
def product_new(request: StaffRequest) -> HttpResponse:
    form = NewProductForm(request.POST or None)

    def create(data: dict[str, Any]) -> Product:
        fields = {name: data[name] for name in FIELDS}
        return goods.create(
            source=data["source"], external_id=data["external_id"], fields=fields, by=request.user, at=now()
        )

    if request.method == "POST" and submit(request, form, create, _("Saved"), beside=BESIDE):
        return redirect("desk:products")
    context = {"form": form}
    return render(request, "desk/admin/products/product.html", context, status=422 if form.errors else 200)


@shows_pictures
@needs(Permission.EDIT_PRODUCTS)
def product(request: StaffRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Product, pk=pk)
    form = ProductForm(request.POST or None)
    if request.method != "POST":
        form.initial = form.shown(row)
    if request.method == "POST" and edit(
        request, form, row, lambda row, data: goods.change(row, data, by=request.user, at=now()), _("Saved")
    ):
        return redirect("desk:products")
    context = {"form": form, "product": row}
    return render(request, "desk/admin/products/product.html", context, status=422 if form.errors else 200)


@needs(Permission.EDIT_PRODUCTS)
@takeable("categories", people=False)
def categories(request: StaffRequest) -> HttpResponse:
    context = {"rows": list(goods.categories())}
    return render(request, "desk/admin/products/categories.html", context)


@needs(Permission.EDIT_PRODUCTS)
def category(request: StaffRequest, pk: int) -> HttpResponse:
    """One category, to be renamed or merged into another."""
    return _category(request, get_object_or_404(Category, pk=pk))


@needs(Permission.EDIT_PRODUCTS)
@require_POST
def category_rename(request: StaffRequest, pk: int) -> HttpResponse:
    row, form = get_object_or_404(Category, pk=pk), CategoryForm(request.POST)
    if submit(
        request,
        form,
        lambda data: goods.rename_category(row, by=request.user, at=now(), **data),
        _("Saved"),
        beside={"name_taken": "name", "name_missing": "name"},
    ):
        return redirect("desk:categories")
    return _category(request, row, name_form=form, status=422)


@needs(Permission.EDIT_PRODUCTS)
@require_POST
def category_merge(request: StaffRequest, pk: int) -> HttpResponse:
    row, form = get_object_or_404(Category, pk=pk), MergeCategoryForm(request.POST)

    def thanks(count: int) -> str:
        return ngettext("%(n)d product moved", "%(n)d products moved", count) % {"n": count}

    if submit(
        request,
        form,
        lambda data: goods.merge_categories(row, data["into"], by=request.user, at=now()),
        thanks,
        beside={"same_category": "into"},
    ):
        return redirect("desk:categories")
    return _category(request, row, merge_form=form, status=422)


def _category(request: StaffRequest, row: Category, *, status: int = 200, **changed: Any) -> HttpResponse:
    context = {
        "category": row,
        "count": row.product_set.count(),
        "name_form": CategoryForm(initial={"name": row.name}),
        "merge_form": MergeCategoryForm(),
    }
    return render(request, "desk/admin/products/category.html", context | changed, status=status)


def _sees_cost(request: StaffRequest) -> bool:
    """Whoever keeps the products knows what they cost; of the others, who sees margins."""
    return sees(request.user, Field.MARGIN) or may(request.user, Permission.EDIT_PRODUCTS)
