"""A page that is taken away holds what the page shows, to whoever may take it, and it is on record."""

import csv
import inspect
import io
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from python_calamine import CalamineWorkbook

from core.accounts.models import AuditEntry, Role, User
from core.accounts.roles import RIGHTS
from crm.desk import urls
from crm.desk.takeout.files import Sheets, as_csv, as_workbook
from crm.desk.takeout.tables import Cell, Table, figure, read
from customers.models import Standing
from tests.conftest import MakeCustomer, MakeUser

TEMPLATES = Path(__file__).parents[2] / "templates"
PEOPLE = 60
WHY_NOT = {
    "entry": "what would be done with those whom nobody looks after, before it is done",
    "rulebook_kind": "what rules of a few lines say, and their versions",
    "segments": "names of rules; the customers of each are taken away as a list",
    "find": "what was found by one name or number, posted and shown once",
    "complaint_board": "the queue in columns: the queue is taken away",
    "draw_prizes": "a form",
    "custom_fields": "a form",
    "import": "the work on a file that the reader brought, as it goes on",
    "import_plan": "what would be done with a file that the reader brought",
    "audit_months": "its rows are the files themselves",
    "health": "how it is at this moment",
    "bulk_runs": "names of what was done with many; what became of the rows of each is a file of its own",
    "bulk_run": "what became of each row is a file of its own, from a button on it",
    "bulk_progress": "the middle of that page",
    "bulk_fetch": "is the file, or that page once it is gone",
    "shared_views": "names of views, each with its button; the rows of each are taken away as a list",
    "life_dates": "the days of one customer, each with its buttons, beside the form for one more",
    "promises": "rows to be worked, each with its buttons",
    "privacy_kept": "a table of settings, which stands in the documents too",
    "audit": "has a file of its own, of all lines that were searched for",
    "audit_export": "is that file",
    "letters_arrived": "of the demo only: what its own mail server was given",
    "privacy_who_saw": "posts a number and leads to the page that is takeable",
}


@pytest.fixture
def lead(make_user: MakeUser, client: Client) -> User:
    user = make_user(Role.TEAM_LEAD, "Zhao Min")
    client.force_login(user)
    return user


@pytest.fixture
def people(make_customer: MakeCustomer, lead: User) -> None:
    """More than a page of the list shows, each with a value of its own."""
    for n in range(PEOPLE):
        person = make_customer(f"顾客{n}", manager=lead)
        Standing.objects.filter(pk=person.pk).update(value=Decimal(1000 * n))


def rows_of(body: bytes) -> list[list[str]]:
    assert body.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))


@pytest.mark.usefixtures("people")
def test_a_list_is_taken_whole_as_its_pages_show_it(client: Client) -> None:
    page = client.get(reverse("desk:customers"))
    assert f"{page.context['request'].path}" == reverse("desk:customers")
    assert 'href="?as=xlsx"' in page.content.decode()

    lines = rows_of(client.get(reverse("desk:customers"), {"as": "csv"}).content)

    head, shown = lines[0], lines[1 : PEOPLE + 1]
    assert head[:1] == ["Customer"]
    values = [line[head.index("Current value")] for line in shown]
    assert values == [str(1000 * n) for n in reversed(range(PEOPLE))]
    assert shown[0][0].startswith(f"顾客{PEOPLE - 1} · C")
    assert lines[PEOPLE + 1] == []
    assert lines[-1][0].startswith("Laoke · Zhao Min · ")
    assert lines[-1][0].endswith(f"{PEOPLE} rows")
    taken = AuditEntry.objects.get(action="page.taken_away")
    assert taken.detail == {"page": "customers", "rows": PEOPLE, "narrowed_by": []}


@pytest.mark.usefixtures("people")
def test_a_workbook_has_figures_as_numbers_and_is_narrowed_as_the_page_is(client: Client) -> None:
    answer = client.get(reverse("desk:customers"), {"as": "xlsx", "text": "顾客59"})

    assert re.search(r'filename="customers-\d{4}-\d\d-\d\d\.xlsx"', answer["Content-Disposition"])
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert len(sheet) == 2
    assert sheet[1][sheet[0].index("Current value")] == 59000.0
    assert AuditEntry.objects.get(action="page.taken_away").detail["narrowed_by"] == ["text"]


@pytest.mark.usefixtures("people")
def test_the_limit_of_the_role_ends_a_list_and_the_file_says_so(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RIGHTS, Role.TEAM_LEAD, replace(RIGHTS[Role.TEAM_LEAD], takes=20))

    lines = rows_of(client.get(reverse("desk:customers"), {"as": "csv"}).content)

    assert len(lines) == 1 + 20 + 1 + 2
    assert lines[-1] == ["The list has more rows than your role takes away at once (20)."]


@pytest.mark.usefixtures("people")
def test_what_is_printed_is_whole_and_prints_itself(client: Client) -> None:
    page = client.get(reverse("desk:customers"), {"as": "print"}).content.decode()

    assert "data-print" in page
    assert len(read(page).tables[0].rows) == PEOPLE


@pytest.mark.parametrize("role", [Role.ASSISTANT, Role.SERVICE_AGENT])
def test_who_takes_nothing_is_not_offered_it_and_refused(client: Client, make_user: MakeUser, role: Role) -> None:
    client.force_login(make_user(role))
    address = reverse("desk:complaints")

    assert "?as=" not in client.get(address).content.decode()
    assert [client.get(address, {"as": kind}).status_code for kind in ("csv", "xlsx", "print")] == [403] * 3
    assert not AuditEntry.objects.filter(action="page.taken_away").exists()


def test_figures_without_names_are_taken_by_whoever_reads_them(client: Client, make_user: MakeUser) -> None:
    client.force_login(make_user(Role.ANALYST))

    assert client.get(reverse("desk:nights"), {"as": "csv"}).status_code == 200


@pytest.mark.parametrize(
    ("written", "cell"),
    [
        ("¥1,234.50", Decimal("1234.50")),
        ("−¥1,234", Decimal(-1234)),
        ("$1,234", "$1,234"),
        ("0", Decimal(0)),
        ("1,234,567", Decimal(1234567)),
        ("80 %", "80 %"),
        ("12 d", "12 d"),
        ("138****5678", "138****5678"),
        ("2026-11-17", "2026-11-17"),
        ("12,34", "12,34"),
        ("C0000012", "C0000012"),
    ],
)
def test_a_figure_is_a_number_and_all_else_stays_words(written: str, cell: Cell) -> None:
    assert figure(written) == cell


def test_a_table_is_read_as_its_reader_reads_it() -> None:
    page = """<main><table class="lk-table"><caption>Who</caption>
      <thead><tr><th class="lk-tick-cell"><input type="checkbox"></th>
        <th>Name</th><th class="num">Value</th><th class="actions"></th></tr></thead>
      <tbody><tr><td class="lk-tick-cell"><label><input type="checkbox"> all</label></td>
        <td><a>Li &amp; Lei</a> <span>C1</span><p>since
        May</p></td><td class="num"><span>¥1,000</span></td><td class="actions"><button>Go</button></td></tr>
      <tr><td>–<form><button>x</button></form></td><td class="num">–</td></tr></tbody></table>
      <table class="other"><tbody><tr><td>no</td></tr></tbody></table></main>"""

    assert read(page).tables == [Table("Who", ["Name", "Value"], [["Li & Lei · C1 · since May", Decimal(1000)]])]


def test_no_cell_is_a_formula_and_no_name_of_a_sheet_is_refused() -> None:
    tables = [Table(name, ["=1+1"], [["=cmd|x", "+86", "@a", Decimal(-5)]]) for name in ("A/B", "a:b", "[x]" * 20, "")]
    sheets = Sheets("页", tables, ["=foot"])

    assert [line for line in rows_of(as_csv(sheets)) if line][:3] == [
        ["A/B"],
        ["'=1+1"],
        ["'=cmd|x", "'+86", "'@a", "-5"],
    ]
    book = CalamineWorkbook.from_filelike(io.BytesIO(as_workbook(sheets)))
    assert len({name.lower() for name in book.sheet_names}) == 5
    assert book.get_sheet_by_index(0).to_python() == [["=1+1", "", "", ""], ["=cmd|x", "+86", "@a", -5.0]]


def has_table(template: str, seen: frozenset[str] = frozenset()) -> bool:
    """Whether it, or a part that it includes, draws a table."""
    text = (TEMPLATES / template.partition("#")[0]).read_text(encoding="utf-8")
    parts = set(re.findall(r'{% include "(desk/[^"]+)"', text)) - seen
    return "<c-table" in text or any(has_table(part, seen | parts) for part in parts)


def test_every_list_and_report_can_be_taken_away() -> None:
    """A page with a table is takeable, or says here why it is not."""
    left = {}
    for route in urls.urlpatterns:
        view = inspect.unwrap(route.callback)
        named = re.findall(r'render\(\s*request,\s*"(desk/[^"]+)"', inspect.getsource(view))
        if not any(has_table(template) for template in named):
            continue
        if not getattr(route.callback, "takeable", None):
            left[route.name] = named
    assert set(left) == set(WHY_NOT)
