"""What the page of one file shows: what was understood, each column with a sample, what is noted of rows."""

from itertools import zip_longest
from typing import Any, NamedTuple

from django.db.models import Count, Min
from django.forms import BoundField

from crm.desk.admin.import_forms import (
    KINDS,
    MEANINGS,
    REFUND_MEANINGS,
    ChoicesForm,
    KindForm,
    ProfileForm,
    ReadingForm,
    fields_of,
)
from customers import contact_points
from customers.imports import contents, runs
from customers.imports.choices import Choices
from customers.imports.notes import TEXTS
from customers.imports.profiles import PROFILES
from customers.models import Import

SAMPLE = 20
SHOWN_NOTES = 20
VEILED = ("customer", "phone", "phone_else", "email", "email_else", "address", "address_else", "notes")
AT_WORK = (Import.State.WAITING, Import.State.RUNNING)


class RefusedRow(NamedTuple):
    """A row that would not go in: its line, the column or field that is wrong, and why."""

    line: int
    column: str
    reason: str


class Noted(NamedTuple):
    """What is noted of so many rows, the first of them in this line."""

    column: str
    text: str
    rows: int
    first_line: int


class ColumnRow(NamedTuple):
    """A field, the column chosen for it, and what the first row with something in it says there."""

    field: BoundField
    sample: str


def context(run: Import, form: ChoicesForm | None = None, *, reading: ReadingForm | None = None) -> dict[str, Any]:
    """Everything the page needs."""
    shown: dict[str, Any] = {"run": run, "worked": run.state in AT_WORK, "is_gone": run.forgotten_at is not None}
    if run.forgotten_at is not None:
        return shown | {"rejected": _rejected(run, []), "noted": noted(run)}
    choices, findings, seen = Choices.of_json(run.choices), runs.findings(run), contents.seen(run)
    form = form or ChoicesForm(choices=choices, findings=findings, columns=seen.names)
    profile = PROFILES.get(choices.profile)
    labels = dict(form.shown)
    sample = _sample(run, seen.names)
    return shown | {
        "form": form,
        "questions": [form[name] for name in form.questions],
        "column_rows": _column_rows(form, seen.names, sample),
        "is_open": bool(findings.missing or findings.lost or findings.ties or findings.price_column),
        "findings": findings,
        "doubts": seen.doubts,
        "lost": [(labels.get(name, name), column) for name, column in findings.lost.items()],
        "ties": [PROFILES[name].title for name in findings.ties if name in PROFILES],
        "missing": [labels.get(name, name) for name in findings.missing],
        "known_words": _known_words(findings.known, run.kind),
        "kind": dict(KINDS)[choices.kind],
        "kinds": [(name, dict(KINDS)[name]) for name in findings.kinds],
        "kind_form": KindForm(initial={"kind": choices.kind}),
        "profile": profile.title if profile else choices.profile,
        "seen": seen,
        "reading_form": reading or ReadingForm(seen=seen),
        "profile_form": ProfileForm(chosen=choices.profile),
        "columns": seen.names,
        "sample": sample,
        "rejected": _rejected(run, seen.names),
        "noted": noted(run),
    }


def _sample(run: Import, names: list[str]) -> list[list[str]]:
    """The first rows as they were read, phones and e-mails masked: who imports need not see them."""
    plain = {name for field, name in run.mapping.items() if field not in VEILED}
    return [
        [cell if name in plain else contact_points.veil(cell) for name, cell in zip_longest(names, row, fillvalue="")]
        for row in runs.preview(run, SAMPLE)
    ]


def _column_rows(form: ChoicesForm, names: list[str], sample: list[list[str]]) -> list[ColumnRow]:
    first = {name: next((row[index] for row in sample if row[index].strip()), "") for index, name in enumerate(names)}
    return [ColumnRow(form[name], first.get(str(form[name].value()), "")) for name, _label in form.shown]


def _known_words(known: dict[str, list[Any]], kind: str) -> list[tuple[str, int, str]]:
    meanings = dict(REFUND_MEANINGS if kind == "refunds" else MEANINGS)
    return [(text, count, str(meanings.get(meaning, meaning))) for text, (count, meaning) in known.items() if text]


def _rejected(run: Import, columns: list[str]) -> list[RefusedRow]:
    """The first refused rows. What a row lacks altogether is named by the field, not by a column of the file."""
    labels = {field: str(label) for field, label in fields_of(run.kind) if field not in columns}
    return [
        RefusedRow(row.line_number, labels.get(row.column, row.column), row.reason)
        for row in run.rejected.order_by("line_number")[:SAMPLE]
    ]


def noted(run: Import) -> list[Noted]:
    """What is noted of rows, each kind once, the most frequent first."""
    labels = {field: str(label) for field, label in fields_of(run.kind)}
    rows = run.notes.values_list("column", "code").annotate(count=Count("pk"), first=Min("line_number"))
    return [
        Noted(labels.get(column, column), str(TEXTS.get(code, code)), count, first)
        for column, code, count, first in rows.order_by("-count", "column", "code")[:SHOWN_NOTES]
    ]
