"""What is too large to be taken: said in a sentence before it has been taken."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from customers.imports.reading.look import LARGEST

# What a form around a file may add.
FORM = 1024 * 1024


class LargestFile(FileUploadHandler):
    """No file larger than an import may be is taken, not even to a temporary place."""

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        if content_length > LARGEST + FORM:
            raise RequestDataTooBig("A file of more than 400 MB was sent.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def refused(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for a request that cannot be read: 413 when it is too large, else 400."""
    too_large = isinstance(exception, RequestDataTooBig)
    return render(request, "400.html", {"too_large": too_large}, status=413 if too_large else 400)
