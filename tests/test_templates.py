"""Templates are read like code: narrow, one thing a line, formatted by djangofmt, and they only show what they are given."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "templates"
WIDEST = 120
# A number is worked out in the presenter. What only shows one (floatformat, date, number, length of a list) may stand.
ARITHMETIC = re.compile(r"\|\s*(add|divisibleby|get_digit|length_is)\b|\{%\s*widthratio\b")
QUERY = re.compile(r"\{%\s*for\s[^%]*\sin\s+[\w.]+(\.all|\.\w+_set(\.\w+)?)\b")
COMMENT = re.compile(r"\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)
# `:active="tab == 'mine'"` is nothing to a component: it takes a name or a literal, and `active="{% if … %}1{% endif %}"`.
REASONED = re.compile(r""" :[a-z_]+="[^"]*(?: (?:==|!=|<|>|and|or|not|in) |\|)[^"]*\"""")
# A slot that is filled, a component that opens (or is closed at once), a component that ends.
COMPONENT = re.compile(
    r"""<c-slot\s+name="(?P<slot>\w+)"|<c-(?P<open>[a-z][\w-]*)(?:"[^"]*"|'[^']*'|[^>"'])*?(?P<closed>/?)>"""
    r"""|</c-(?P<end>[a-z][\w-]*)>""",
    re.DOTALL,
)
NAMELESS = re.compile(r"<th[^>]*></th>")
LADDER = re.compile(r"\{%\s*end(?!blocktrans)\w+\s*%\}\s*\{%\s*end\w+\s*%\}")

COMMENT = re.compile(r"\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)
# Of the components the one that has no slot for its buttons: they stand in it as they are.
PART = re.compile(r"<c-(page-header)\b[^>]*?>(.*?)</c-\1>", re.DOTALL)
NESTED = re.compile(r"<c-(?!slot)([\w.-]+)\b[^>]*?>.*?</c-\1>", re.DOTALL)
SLOT = re.compile(r'<c-slot name="(\w+)"')


def lines() -> Iterator[tuple[str, str]]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def where(pattern: re.Pattern[str]) -> list[str]:
    return [place for place, line in lines() if pattern.search(line)]


def slots(text: str) -> Iterator[tuple[str, str]]:
    """The component and the name of each slot that a template fills."""
    around: list[str] = []
    for tag in COMPONENT.finditer(COMMENT.sub("", text)):
        if tag["slot"]:
            yield around[-1], tag["slot"]
        elif tag["open"] and tag["open"] not in ("slot", "vars") and not tag["closed"]:
            around.append(tag["open"])
        elif tag["end"] and tag["end"] != "slot":
            around.pop()


def shows(text: str, slot: str) -> bool:
    """Whether a component with this text puts the slot on the page."""
    return bool(re.search(r"\{[{%][^}]*\b" + slot + r"\b", COMMENT.sub("", text)))


def test_no_line_is_wider_than_the_page() -> None:
    assert [place for place, line in lines() if len(line) > WIDEST] == []


def test_nothing_is_reckoned_in_a_template() -> None:
    assert where(ARITHMETIC) == []


def test_nothing_is_judged_in_an_attribute_of_a_component() -> None:
    assert where(REASONED) == []


def test_no_template_asks_the_database() -> None:
    assert where(QUERY) == []


def test_every_column_has_a_name_that_is_read_out() -> None:
    """One of buttons too, where nothing is shown above them."""
    assert where(NAMELESS) == []


def test_a_component_shows_each_slot_it_is_given() -> None:
    dropped = [
        (str(path.relative_to(ROOT)), component, slot)
        for path in sorted(TEMPLATES.rglob("*.html"))
        for component, slot in slots(path.read_text())
        if not shows((TEMPLATES / "cotton" / f"{component.replace('-', '_')}.html").read_text(), slot)
    ]

    assert dropped == []


def test_the_end_of_each_block_can_be_seen() -> None:
    assert where(LADDER) == []


def test_what_is_put_into_a_part_of_a_component_is_shown_by_it() -> None:
    """A slot that the component does not know is not shown: a button in it is no door."""
    unknown = []
    for path in sorted(TEMPLATES.rglob("*.html")):
        text = COMMENT.sub("", path.read_text())
        for name, body in PART.findall(text):
            component = (TEMPLATES / "cotton" / f"{name.replace('-', '_').replace('.', '/')}.html").read_text()
            slots = SLOT.findall(NESTED.sub("", body))
            unknown += [f"{path.relative_to(ROOT)}: {slot} of {name}" for slot in slots if slot not in shown(component)]
    assert unknown == []


def shown(component: str) -> set[str]:
    return set(re.findall(r"\{\{\s*(\w+)", COMMENT.sub("", component)))


def test_the_formatter_would_change_nothing() -> None:
    checked = subprocess.run(
        [Path(sys.executable).with_name("djangofmt"), "--check", TEMPLATES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_they_look_for_would_be_found() -> None:
    assert ARITHMETIC.search("{{ row.rank|add:1 }}")
    assert ARITHMETIC.search("{% widthratio a b 100 %}")
    assert QUERY.search("{% for old in customer.merged.all %}")
    assert LADDER.search("</p>{% endif %}{% endfor %}")
    assert not ARITHMETIC.search('{{ row.address|default:"–" }}')
    assert not QUERY.search("{% for row in page.rows %}")
    filled = '<c-page-header title="{% trans \'a > b\' %}"><c-kpi /><c-slot name="actions">x</c-slot></c-page-header>'
    assert list(slots(filled)) == [("page-header", "actions")]
    assert not shows("{% comment %}{{ actions }}{% endcomment %}{{ slot }}", "actions")
    assert shows("{% if actions.strip %}{{ actions }}{% endif %}", "actions")
