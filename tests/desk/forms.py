"""What a browser sends of a form as it stands on the page."""

from html.parser import HTMLParser

from django.forms import BaseForm


class _Fields(HTMLParser):
    """Inputs, textareas and selects with what they would send."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: dict[str, list[str]] = {}
        self.inside = ("", "")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "input" and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.sent.setdefault(has["name"], []).append(has.get("value", "on" if "checked" in has else ""))
        elif tag in ("select", "textarea"):
            self.inside = (tag, has["name"])
        elif tag == "option" and "selected" in has:
            self.sent.setdefault(self.inside[1], []).append(has["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            self.inside = ("", "")

    def handle_data(self, data: str) -> None:
        tag, name = self.inside
        if tag == "textarea":  # the first line end is not part of the text, the others are sent as two characters
            self.sent[name] = [data.removeprefix("\n").replace("\n", "\r\n")]


def opened(form: BaseForm) -> dict[str, str | list[str]]:
    """The fields of the form, untouched, hidden ones too."""
    page = _Fields()
    for field in form:
        page.feed(str(field))
    return {name: values[0] if len(values) == 1 else values for name, values in page.sent.items()}
