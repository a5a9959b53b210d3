"""A large file comes in through the web: its process grows by a part of the file, not by several times it."""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from django.test import Client

from core.accounts.models import Role, User
from customers.models import Import
from tests.faults.conftest import Eve
from tests.faults.processes import Processes, until
from tests.faults.serving import serve

MEGABYTE = 1_000_000
ROW = "f-{:07d},p-{:05d},2026-11-01,10,a remark that makes the line about a hundred characters long, as they are\n"


def file_of(path: Path, size: int) -> Path:
    with path.open("w") as file:
        file.write("order_no,customer,date,paid,remark\n")
        for number in range(size // 110):
            file.write(ROW.format(number, number % 20_000))
    return path


def highest(pid: int) -> int:
    """The most memory that the process has had, in bytes."""
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kilobytes) * 1024


def body(path: Path, fields: dict[str, str], boundary: str) -> Iterator[bytes]:
    for name, value in fields.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="orders.csv"\r\n'.encode()
    yield b"Content-Type: text/csv\r\n\r\n"
    with path.open("rb") as file:
        while part := file.read(64 * 1024):
            yield part
    yield f"\r\n--{boundary}--\r\n".encode()


def test_the_web_takes_a_large_file_in_little_memory(eve: Eve, processes: Processes, tmp_path: Path) -> None:
    eve()
    path = file_of(tmp_path / "orders.csv", 40 * MEGABYTE)
    browser = Client()
    browser.force_login(User.objects.create_user(username="importer", roles=[Role.ADMINISTRATOR]))
    session = browser.cookies["sessionid"].value
    parts = urlsplit(serve(processes))
    master = psutil.Process(processes.started[-1].pid)
    web = until(master.children, "its worker is there")[0].pid
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
    headers = {"Cookie": f"sessionid={session}; csrftoken={'a' * 32}", "X-CSRFToken": "a" * 32}
    connection.request("GET", "/imports/", headers=headers)
    page = connection.getresponse()
    assert (page.status, bool(page.read())) == (200, True)
    before = highest(web)

    lines = list(body(path, {"source": "upload", "kind": ""}, "laoke"))
    length = str(sum(map(len, lines)))
    told = {"Content-Type": "multipart/form-data; boundary=laoke", "Content-Length": length}
    connection.request("POST", "/imports/", iter(lines), headers | told)
    answer = connection.getresponse()
    answer.read()

    assert answer.status == 302, answer.status
    assert Import.objects.get(source="upload").file_name == "orders.csv"
    assert highest(web) - before < path.stat().st_size, (highest(web) - before) / MEGABYTE
