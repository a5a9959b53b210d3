"""What every process writes: one line an event, in UTC, by whom and about what, and never what was said.

Addresses are written as the name of their page, because an address may hold what somebody looks for; the words of an
error are left out, because they quote what was given, and its place in the code tells it as well.
"""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from celery import current_task
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.urls import Resolver404, resolve

# What is being answered: the id of the request.
request_id: ContextVar[str] = ContextVar("request_id", default="")
# What a line may say besides its message, when whoever writes it gives it as `extra`.
FIELDS = ("request_id", "route", "method", "status", "ms", "user", "task", "task_id")
# They quote the address that was asked for.
QUOTE_ADDRESSES = ("django.", "gunicorn.")


def page_of(address: str) -> str:
    """The name of the page behind an address, which is all that may be written of it."""
    try:
        match = resolve(address.partition("?")[0]) if apps.ready else None
    except Resolver404:
        match = None
    return f"({match.view_name or match.route})" if match else "(unknown address)"


def _message(record: logging.LogRecord) -> str:
    args: Any = record.args
    if isinstance(args, dict) and "exc" in args:  # a task of Celery that failed: its text ends in the error's words
        return f"Task {args.get('name')} {args.get('description')}"
    if record.name.startswith(QUOTE_ADDRESSES) and isinstance(args, tuple) and args:
        told = tuple(page_of(arg) if isinstance(arg, str) and arg.startswith("/") else arg for arg in args)
        return str(record.msg) % told
    return record.getMessage()


def _raised(error: BaseException) -> str:
    """Class of the error; of the database's also its code and the constraint, which hold nothing of the rows."""
    told = [type(error).__name__]
    cause = error.__cause__ if isinstance(error, DatabaseError) else None
    if cause is not None:
        diag = getattr(cause, "diag", None)
        told += [getattr(cause, "pgcode", None) or "", getattr(diag, "constraint_name", None) or ""]
    return " ".join(part for part in told if part)


def _exception(error: BaseException) -> str:
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{_raised(error)}\n{frames}".rstrip()


def event(record: logging.LogRecord) -> dict[str, Any]:
    """What is written of a record, in the order in which it is read."""
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"at": at, "level": record.levelname, "logger": record.name, "message": _message(record)}
    given = {name: getattr(record, name, None) for name in FIELDS}
    if current_task and current_task.request.id:
        given |= {"task": current_task.name, "task_id": current_task.request.id}
    given["request_id"] = given["request_id"] or request_id.get()
    told |= {name: value for name, value in given.items() if value not in (None, "")}
    error = record.exc_info[1] if record.exc_info else None
    return told | ({"exception": _exception(error)} if error else {})


class Lines(logging.Formatter):
    """For people: moment, level, who, what."""

    def format(self, record: logging.LogRecord) -> str:
        told = event(record)
        head = " ".join(str(told.pop(name)).replace("\n", "\\n") for name in ("at", "level", "logger", "message"))
        exception = told.pop("exception", None)
        fields = "".join(f" {name}={value}" for name, value in told.items())
        return head + fields + (f"\n{exception}" if exception else "")


class Json(logging.Formatter):
    """For machines: an object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(event(record), ensure_ascii=False, default=str)


FORMS = {"line": "crm.operating.logs.Lines", "json": "crm.operating.logs.Json"}


def configuration(form: str, level: str) -> dict[str, Any]:
    """Logging of a process, for `logging.config`: all of it to standard error, where the service manager takes it."""
    if form not in FORMS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {form!r}: set it to one of {', '.join(FORMS)}.")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"told": {"()": FORMS[form]}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "told"}},
        "root": {"handlers": ["console"], "level": level},
    }
