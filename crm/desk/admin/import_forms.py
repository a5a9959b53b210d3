"""What staff say about a file: what its rows are, whose they are, how it is read, what its columns and words mean."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext, gettext_lazy

from core.lib.errors import Invalid
from customers.imports import fields, saved, sources, understanding
from customers.imports.choices import Choices
from customers.imports.profiles import PROFILES
from customers.imports.reading.charsets import ENCODINGS
from customers.imports.reading.shape import How, Look
from customers.imports.spellings.statuses import Meaning
from customers.imports.understanding import Findings
from customers.record import fields as custom_fields

FIELDS = (
    ("date", gettext_lazy("Order date")),
    ("date_else", gettext_lazy("Date, where the first is blank")),
    ("paid", gettext_lazy("Amount paid")),
    ("balance", gettext_lazy("Paid with a balance besides")),
    ("order_no", gettext_lazy("Order number")),
    ("customer", gettext_lazy("Customer id")),
    ("phone", gettext_lazy("Phone")),
    ("email", gettext_lazy("E-mail")),
    ("name", gettext_lazy("Name")),
    ("last_name", gettext_lazy("Family name")),
    ("region", gettext_lazy("Province")),
    ("city", gettext_lazy("City")),
    ("status", gettext_lazy("Status")),
    ("pay_status", gettext_lazy("Payment status")),
    ("after_sales", gettext_lazy("After-sales status")),
    ("cancelled_at", gettext_lazy("Cancelled at")),
    ("refunded", gettext_lazy("Money back")),
    ("paid_after", gettext_lazy("Paid less money back")),
    ("refunded_at", gettext_lazy("Money back at")),
    ("product", gettext_lazy("Product")),
    ("category", gettext_lazy("Category")),
    ("units", gettext_lazy("Quantity")),
    ("line_paid", gettext_lazy("Line amount")),
    ("cost", gettext_lazy("Cost")),
    ("currency", gettext_lazy("Currency")),
    ("version", gettext_lazy("Version")),
    ("modified", gettext_lazy("Last changed by the shop")),
)
_FIELDS_OF = {
    "orders": FIELDS,
    "customers": (
        ("customer", gettext_lazy("Customer id")),
        ("name", gettext_lazy("Name")),
        ("last_name", gettext_lazy("Family name")),
        ("phone", gettext_lazy("Phone")),
        ("phone_else", gettext_lazy("Another phone")),
        ("email", gettext_lazy("E-mail")),
        ("email_else", gettext_lazy("Another e-mail")),
        ("region", gettext_lazy("Province")),
        ("city", gettext_lazy("City")),
        ("district", gettext_lazy("District")),
        ("address", gettext_lazy("Address")),
        ("address_else", gettext_lazy("Another address")),
        ("birthday", gettext_lazy("Birthday")),
        ("lunar", gettext_lazy("Lunar birthday")),
        ("registered_on", gettext_lazy("Registered")),
        ("interests", gettext_lazy("Interests")),
        ("notes", gettext_lazy("Notes")),
        ("is_reseller", gettext_lazy("Buys to resell")),
        ("manager", gettext_lazy("Manager")),
    ),
    "products": (
        ("product", gettext_lazy("Product code")),
        ("name", gettext_lazy("Name")),
        ("category", gettext_lazy("Category")),
        ("price", gettext_lazy("Price")),
        ("cost", gettext_lazy("Cost")),
        ("picture", gettext_lazy("Address of the picture")),
        ("currency", gettext_lazy("Currency")),
    ),
    "refunds": (
        ("order_no", gettext_lazy("Order number")),
        ("refund_no", gettext_lazy("Refund number")),
        ("reason", gettext_lazy("Reason")),
        ("amount", gettext_lazy("Money back")),
        ("refunded_at", gettext_lazy("Money back at")),
        ("status", gettext_lazy("Status")),
        ("currency", gettext_lazy("Currency")),
    ),
}
KINDS = (
    ("orders", gettext_lazy("Orders")),
    ("customers", gettext_lazy("Customers")),
    ("products", gettext_lazy("Products")),
    ("refunds", gettext_lazy("Refunds")),
)
DATE_ORDERS = (
    ("ymd", gettext_lazy("year, month, day")),
    ("dmy", gettext_lazy("day, month, year")),
    ("mdy", gettext_lazy("month, day, year")),
)
DECIMALS = ((".", gettext_lazy("A point: 1.234 is one and a bit")), (",", gettext_lazy("A comma: 1.234 is over 1,000")))
PRICES = (
    ("line", gettext_lazy("The amount of the whole row")),
    ("piece", gettext_lazy("The price of one piece: times the quantity")),
)
AMOUNTS = (
    ("order", gettext_lazy("Of the whole order, said once more in each row")),
    ("line", gettext_lazy("Of the row alone: the rows are added up")),
)
MEANINGS = (
    ("", gettext_lazy("Not said yet")),
    (str(Meaning.PAID), gettext_lazy("Paid")),
    (str(Meaning.PENDING), gettext_lazy("Not paid yet")),
    (str(Meaning.CANCELLED), gettext_lazy("Cancelled")),
    (str(Meaning.REFUNDED), gettext_lazy("All money went back")),
    (str(Meaning.PARTIALLY_REFUNDED), gettext_lazy("Part of the money went back")),
)
REFUND_MEANINGS = (
    ("", gettext_lazy("Not said yet")),
    (str(Meaning.REFUNDED), gettext_lazy("The money went back")),
    (str(Meaning.PENDING), gettext_lazy("Not yet")),
    (str(Meaning.CANCELLED), gettext_lazy("Refused or called off")),
)
SEPARATORS = ((",", gettext_lazy("Comma")), (";", gettext_lazy("Semicolon")), ("\t", gettext_lazy("Tab")), ("|", "|"))
NOT_SAID = ("", gettext_lazy("Not said yet"))


def fields_of(kind: str) -> list[tuple[str, Any]]:
    """(field, label) of each field of a file of this kind, the mall's own fields of customers last."""
    if kind != "customers":
        return list(_FIELDS_OF[kind])
    own = ((f"{fields.CUSTOM}{field.key}", field.name) for field in custom_fields.in_use())
    return [*_FIELDS_OF[kind], *own]


class KindForm(forms.Form):
    """What the rows of a file are."""

    kind = forms.ChoiceField(label=gettext_lazy("The rows are"), choices=KINDS)


class UploadForm(forms.Form):
    source = forms.CharField(
        label=gettext_lazy("Source"),
        initial="shop",
        max_length=80,
        help_text=gettext_lazy(
            "Whose order numbers these are: one name for each shop, the same every month, so that two shops with the"
            " same number are not mixed up. A Chinese name is stored in pinyin."
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("CSV file or Excel workbook"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,.xlsx,.xls,.ods"}),
    )

    kind = forms.ChoiceField(
        label=gettext_lazy("The rows are"),
        required=False,
        choices=[("", gettext_lazy("What the names of the columns say")), *KINDS],
    )

    def clean_source(self) -> str:
        try:
            return sources.code_of(self.cleaned_data["source"])
        except Invalid as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


class ReadingForm(forms.Form):
    """How a file is read, where it was not seen rightly."""

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), required=False)
    separator = forms.ChoiceField(label=gettext_lazy("Separator"), required=False)
    sheet = forms.ChoiceField(label=gettext_lazy("Sheet"), required=False)
    header_line = forms.IntegerField(
        label=gettext_lazy("Line with the names of the columns"), required=False, min_value=1, max_value=1000
    )

    def __init__(self, data: Any = None, *, seen: Look) -> None:
        super().__init__(data, initial=seen.how.as_json())
        if seen.sheets:
            self.fields["sheet"].choices = [(name, name) for name in seen.sheets]  # type: ignore[attr-defined]
            del self.fields["encoding"], self.fields["separator"]
        else:
            self.fields["encoding"].choices = [(name, name) for name in ENCODINGS]  # type: ignore[attr-defined]
            self.fields["separator"].choices = SEPARATORS  # type: ignore[attr-defined]
            del self.fields["sheet"]

    @property
    def how(self) -> How:
        return How.of_json({name: value for name, value in self.cleaned_data.items() if value})


class ProfileForm(forms.Form):
    """By which profile a file is understood."""

    profile = forms.ChoiceField(label=gettext_lazy("Import profile"))

    def __init__(self, data: Any = None, *, chosen: str) -> None:
        super().__init__(data, initial={"profile": chosen})
        self.fields["profile"].choices = [  # type: ignore[attr-defined]
            (name, PROFILES[name].title if name in PROFILES else name) for name in saved.names()
        ]


class ProfileFileForm(forms.Form):
    file = forms.FileField(
        label=gettext_lazy("Exported profile"), widget=forms.FileInput(attrs={"accept": ".json,application/json"})
    )


class ChoicesForm(forms.Form):
    """Which column of the file is which field of an order, and what is open about the file."""

    def __init__(self, data: Any = None, *, choices: Choices, findings: Findings, columns: list[str]) -> None:
        super().__init__(data)
        self.choices, self.findings = choices, findings
        self.questions: list[str] = []
        options = [("", "–"), *((name, name) for name in columns)]
        needed = fields.KINDS[choices.kind].needed
        self.shown = fields_of(choices.kind)
        for name, title in self.shown:
            self.fields[name] = forms.ChoiceField(
                label=title, choices=options, required=name in needed, initial=choices.mapping.get(name, "")
            )
        self._ask_about_values()
        self.words = {word_field(text): text for text in (*findings.unknown, *_chosen(choices, findings))}
        for name, text in self.words.items():
            count = findings.unknown.get(text) or findings.known.get(text, [0])[0]
            label = gettext("“%(word)s” (× %(count)d)") % {"word": text, "count": count}
            meanings = REFUND_MEANINGS if choices.kind == "refunds" else MEANINGS
            self._ask(name, label, meanings, initial=choices.statuses.get(text, ""), is_open=text in findings.unknown)

    def _ask_about_values(self) -> None:
        findings, choices = self.findings, self.choices
        orders = [pair for pair in DATE_ORDERS if pair[0] in findings.date_orders]
        if orders:
            label = gettext("In which order are the parts of %(samples)s?")
            samples = {"samples": ", ".join(findings.date_samples)}
            self._ask("date_order", label % samples, [NOT_SAID, *orders], initial=choices.date_order)
        if findings.decimals:
            label = gettext("What stands before the decimals in %(samples)s?")
            samples = {"samples": ", ".join(findings.decimal_samples)}
            self._ask("decimal", label % samples, [NOT_SAID, *DECIMALS], initial=choices.decimal)
        if findings.price_column:
            label = gettext("What is the amount in “%(column)s”?") % {"column": findings.price_column}
            self._ask("price", label, [NOT_SAID, *PRICES], initial=choices.price)
        if findings.repeated:
            label = gettext("Several rows of order %(numbers)s say the same amount. Of what is it?")
            numbers = {"numbers": ", ".join(dict.fromkeys(findings.repeated))}
            self._ask("amount", label % numbers, AMOUNTS, initial="order")

    def _ask(self, name: str, label: str, options: Any, *, initial: str, is_open: bool = True) -> None:
        self.fields[name] = forms.ChoiceField(label=label, choices=options, required=False, initial=initial)
        if is_open:
            self.questions.append(name)

    @property
    def said(self) -> Choices:
        """The choices with what the form says; what it did not ask stays as it was."""
        data: Mapping[str, str] = self.cleaned_data
        mapping = {name: data[name] for name, _label in self.shown if data.get(name)}
        if data.get("amount") == "line" and "paid" in mapping and "line_paid" not in mapping:
            mapping["line_paid"] = mapping.pop("paid")
        choices = understanding.remapped(self.choices, mapping)
        asked = ("date_order", "decimal", "price")
        answers = {name: data[name] for name in asked if data.get(name)}
        words = dict(choices.statuses) | {text: data[name] for name, text in self.words.items() if data.get(name)}
        return replace(choices, **answers, statuses=words)  # type: ignore[arg-type]

    @property
    def unanswered(self) -> list[str]:
        """The names of the questions that the valid form leaves open."""
        return [name for name in self.questions if not self.cleaned_data.get(name)]

    @property
    def refused_rows(self) -> int | None:
        """How many rows would be refused for what is unanswered; None where that is not counted before the import."""
        words = [self.words.get(name) for name in self.unanswered]
        return None if None in words else sum(self.findings.unknown[word] for word in words if word)


def word_field(text: str) -> str:
    """The name of the field that asks what a status word means."""
    return f"word_{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _chosen(choices: Choices, findings: Findings) -> list[str]:
    """Words of this file whose meaning a person has said: it can be said otherwise."""
    return [text for text in findings.known if text in choices.statuses]
