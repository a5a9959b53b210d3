"""JSON as it comes and goes: whatever a client sends is read or refused, and can be named in the refusal."""

from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer


class BoundedJSONParser(JSONParser):
    """Bodies nested deeper than Python reads are refused, not an error of ours."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError from None


class _Escaping(JSONRenderer):
    ensure_ascii = True


class EncodableJSONRenderer(JSONRenderer):
    """Half a character, which a refusal quotes as it was sent, is written as its escape: alone it has no bytes."""

    def render(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().render(*args, **kwargs)
        except UnicodeEncodeError:
            return _Escaping().render(*args, **kwargs)
