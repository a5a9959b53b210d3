"""The house as it is meant to stand: short functions, small rooms, imports that go sideways or down, true documents."""

import ast
import importlib
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# From the roof down: each may import what stands after it.
FLOORS = ["crm", "insight", "complaints", "care", "loyalty", "segmentation", "customers", "core"]
LONGEST_FUNCTION = 60
# The package's own `__init__` is one of them.
MOST_FILES = 14
WIDEST_TEMPLATE = 120
NAME = re.compile(rf"`((?:{'|'.join(FLOORS)})(?:\.\w+)+)`")
PATH = re.compile(r"`((?:[\w.-]+/)+(?:[\w.-]+\.\w+)?)`")


@cache
def files() -> list[Path]:
    """Every Python file of the product."""
    return [
        path
        for floor in FLOORS
        for path in sorted((ROOT / floor).rglob("*.py"))
        if "migrations" not in path.relative_to(ROOT).parts
    ]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports_and_functions(path: Path) -> list[ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Wherever they stand in the file: its tree is walked once for all tests."""
    wanted = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, wanted)]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in files()}


@cache
def imported_by(path: Path) -> frozenset[str]:
    """The modules of the product that a file imports, whether at its top or within a function."""
    names: list[str] = []
    for node in imports_and_functions(path):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    known = (name if name in MODULES else name.rpartition(".")[0] for name in names)
    return frozenset(name for name in known if name in MODULES)


def cycles(edges: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Pairs that reach each other."""
    reached = {node: set(targets) for node, targets in edges.items()}
    for _step in reached:
        for targets in reached.values():
            targets.update(*(reached.get(target, set()) for target in list(targets)))
    return {
        (one, other)
        for one, targets in reached.items()
        for other in targets
        if one < other and one in reached.get(other, set())
    }


def room_of(module: str, house: str) -> str:
    return module.removeprefix(f"{house}.").partition(".")[0]


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in files()
        for node in imports_and_functions(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert not long, "\n".join(long)


def test_a_folder_of_more_files_is_the_sign_of_a_missing_room() -> None:
    inside: dict[Path, int] = defaultdict(int)
    for path in files():
        inside[path.parent] += 1
    full = {str(folder.relative_to(ROOT)): count for folder, count in inside.items() if count > MOST_FILES}
    assert not full


def test_imports_go_sideways_or_down() -> None:
    order = {floor: height for height, floor in enumerate(FLOORS)}
    upward = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files()
        for name in imported_by(path)
        if order[name.partition(".")[0]] < order[path.relative_to(ROOT).parts[0]]
    ]
    assert not upward, "\n".join(upward)


def test_no_two_floors_import_each_other() -> None:
    edges: dict[str, set[str]] = defaultdict(set)
    for path in files():
        floor = path.relative_to(ROOT).parts[0]
        edges[floor].update({name.partition(".")[0] for name in imported_by(path)} - {floor})
    assert cycles(edges) == set()


@pytest.mark.parametrize("house", ["crm", "crm.desk", "core", "customers", "loyalty", "complaints"])
def test_no_two_rooms_import_each_other(house: str) -> None:
    edges: dict[str, set[str]] = defaultdict(set)
    for path in files():
        module = module_of(path)
        if module.startswith(f"{house}.") and module != f"{house}.celery":
            mine = room_of(module, house)
            theirs = {room_of(name, house) for name in imported_by(path) if name.startswith(f"{house}.")}
            edges[mine].update(theirs - {mine})
    assert cycles(edges) == set()


def test_cycles_are_found_when_there_are_some() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == {("a", "b"), ("a", "c"), ("b", "c")}


def test_imports_stand_at_the_top() -> None:
    inner = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files()
        for function in imports_and_functions(path)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom | ast.Import)
    ]
    assert not inner, "\n".join(inner)


def test_no_template_is_wider_than_a_screen() -> None:
    wide = [
        f"{path.relative_to(ROOT)}:{number} {len(line)}"
        for path in sorted((ROOT / "templates").rglob("*.html"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > WIDEST_TEMPLATE
    ]
    assert not wide, "\n".join(wide)


def test_nothing_is_kept_from_the_formatter() -> None:
    mark = "# fmt" + ": "
    kept = [path for path in (*files(), *(ROOT / "tests").rglob("*.py")) if mark in path.read_text()]
    assert kept == []


def documents() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_documents_name_what_exists() -> None:
    """A module, function or class in a document is there, and so is a path; a link leads somewhere."""
    wrong: list[str] = []
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for document in documents():
        text = document.read_text()
        wrong += [f"{document.name}: {name}" for name in NAME.findall(text) if not resolves(name)]
        for path in PATH.findall(text):
            at_home = path.split("/")[0] in {*FLOORS, "bench", "bin", "docs", "templates", "tests", ".ci"}
            if at_home and not any(name == path or name.startswith(path) for name in tracked):
                wrong.append(f"{document.name}: {path}")
        known = {path.name for path in files()}
        wrong += [
            f"{document.name}: {name}" for name in re.findall(r"`(\w+\.py)`", text) if name not in known | {"manage.py"}
        ]
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            if not (document.parent / link).exists():
                wrong.append(f"{document.name}: {link}")
    assert not wrong, "\n".join(wrong)


def resolves(name: str) -> bool:
    """`package.module`, or something of it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            found = getattr(found, attribute, None)
        return found is not None
    return False


DOTTED = re.compile(r"\w+(\.\w+)+")
# Found by their place, their name, their base or what decorates them: by Django, Celery, pytest, the API's schema.
REGISTERED = {
    "register",
    "connect",
    "shared_task",
    "task",
    "receiver",
    "simple_tag",
    "filter",
    "inclusion_tag",
    "refused",
}
# Written and read in SQL.
TABLES = {"DirtyMark"}
BASES = {"AppConfig", "OpenApiAuthenticationExtension", "BaseCommand", "DatabaseWrapper", "Operation"}


def is_registered(node: ast.FunctionDef | ast.ClassDef) -> bool:
    marks = {getattr(part, "attr", getattr(part, "id", "")) for mark in node.decorator_list for part in ast.walk(mark)}
    bases = {getattr(base, "attr", getattr(base, "id", "")) for base in getattr(node, "bases", [])}
    return bool(marks & REGISTERED or bases & BASES) or node.name.startswith("pytest_")


def names_in(node: ast.AST, but: ast.AST | None = None) -> Iterator[str]:
    """What is read or called there, and what strings name such as "crm.flows.tasks.night"."""
    for child in ast.iter_child_nodes(node):
        if child is but:
            continue
        if isinstance(child, ast.Name):
            yield child.id
        elif isinstance(child, ast.Attribute):
            yield child.attr
        elif isinstance(child, ast.Constant) and isinstance(child.value, str) and DOTTED.fullmatch(child.value):
            yield child.value.rpartition(".")[2]
        yield from names_in(child, but)


def modules_seen_from(path: Path) -> set[str]:
    """The modules a file imports from; of a package it imports, whatever that package offers."""
    seen = set(imported_by(path))
    return seen | {further for module in seen for further in OFFERED.get(module, ())}


OFFERED = {module_of(path): imported_by(path) for path in files() if path.name == "__init__.py"}


def test_nothing_public_is_called_by_tests_alone() -> None:
    """A function or class of the product is used in the product: in its own module, or where that is imported."""
    users: dict[str, list[Path]] = defaultdict(list)
    for path in files():
        for module in modules_seen_from(path):
            users[module].append(path)
    used = {path: set(names_in(tree_of(path))) for path in files()}
    settings = set().union(*(used[path] for path in files() if path.name in ("settings.py", "celery.py")))
    outside = [*(ROOT / "templates").rglob("*.html"), ROOT / "pyproject.toml"]
    settings |= set(re.findall(r"\w+", "\n".join(path.read_text() for path in outside)))
    dead = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in files()
        for node in tree_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not is_registered(node)
        and node.name not in settings | TABLES
        and not any(node.name in used[user] for user in users[module_of(path)] if user != path)
        and node.name not in names_in(tree_of(path), but=node)
    ]
    assert not dead, "\n".join(dead)
