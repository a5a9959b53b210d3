"""Refuse an untranslated string: every text in code and templates stands in both Chinese catalogues, compiled."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
LANGUAGES = ("zh_Hans", "zh_Hant")
# As the mainland writes it and Taiwan does not, and what a word put in for another leaves behind.
NOT_IN_TAIWAN = re.compile(
    "[賬爲裏臺]|郵箱|釋出|許可權|令牌|檢視|當前|會話|默認|軟件|網絡|信息|服務器|登錄|短信|視頻|質量|屏幕|鼠標|打印|搜索|緩存|"
    "鏈接|導出|導入|保存修改|設置|粘貼|字段|字符|字節|二維碼|單元格|電子表格|演示|節假日|響應|金碼|絡統|團佇|儲持|建建|開開"
)
CALLS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
# What `templatize` makes of {% trans "…" %} and {% blocktrans %}…: calls of gettext and ngettext.
TEMPLATE_CALL = re.compile(r"""\b(?:n?gettext|_)\(\s*u?((?:"(?:[^"\\]|\\.)*")|(?:'(?:[^'\\]|\\.)*'))""", re.DOTALL)


def in_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield text.value


def in_template(path: Path) -> Iterator[str]:
    for found in TEMPLATE_CALL.finditer(templatize(path.read_text(), origin=str(path))):
        yield ast.literal_eval(found[1])


def used() -> set[str]:
    texts: set[str] = set()
    for folder in ("core", "crm", "customers", "segmentation", "loyalty", "care", "complaints"):
        for path in (ROOT / folder).rglob("*.py"):
            texts.update(in_python(path))
    for path in (ROOT / "templates").rglob("*.html"):
        texts.update(in_template(path))
    return texts - {""}


def complaints() -> Iterator[str]:
    texts = used()
    for language in LANGUAGES:
        folder = ROOT / "crm" / "locale" / language / "LC_MESSAGES"
        catalogue = polib.pofile(str(folder / "django.po"))
        compiled = {e.msgid: e.msgstr or e.msgstr_plural for e in polib.mofile(str(folder / "django.mo"))}
        translated = {e.msgid: e.msgstr or e.msgstr_plural for e in catalogue if e.translated() and not e.fuzzy}
        for text in sorted(texts - translated.keys()):
            yield f"{language}: not translated: {text!r}"
        if language == "zh_Hant":
            for text, said in translated.items():
                for word in NOT_IN_TAIWAN.findall(str(said)):
                    yield f"{language}: {word} in the translation of {text!r}"
        if compiled != translated:
            yield f"{language}: django.mo is not django.po compiled"


def compile_all() -> None:
    """Each django.mo is its django.po compiled."""
    for language in LANGUAGES:
        folder = ROOT / "crm" / "locale" / language / "LC_MESSAGES"
        polib.pofile(str(folder / "django.po")).save_as_mofile(str(folder / "django.mo"))


if __name__ == "__main__":
    if "--compile" in sys.argv[1:]:
        compile_all()
    missing = list(complaints())
    print("\n".join(missing) or "every text is translated")
    sys.exit(bool(missing))
