"""One POST to an address that an administrator has typed: encrypted, to the public internet, short, and nowhere else.

The name is resolved here and the connection goes to an address that was checked, so that a name that answers otherwise
the second time leads nowhere. No redirect is followed, and nothing of the answer is read but its status.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from contextlib import suppress
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from core.lib.errors import Invalid

LOCAL = {"localhost", "127.0.0.1", "::1"}
# What lies outside is of this machine, of a private network or of nobody, however the library calls it.
UNICAST, TRANSLATED = ipaddress.IPv6Network("2000::/3"), ipaddress.IPv6Network("64:ff9b::/96")
# Once led from the one internet to the other, wherever the nearest machine stood that said it would.
RELAYS = ipaddress.IPv4Network("192.88.99.0/24")
# Below these the ports belong to other services: nobody's webhook is answered by a mail server.
OWN_PORTS = 1024
HEADERS = {"User-Agent": "Laoke", "Accept": "*/*", "Connection": "close"}


def host_of(url: str) -> str:
    return urlsplit(url).hostname or ""


def refuse_address(url: str) -> None:
    """Raises Invalid unless this is https with a name of the public internet (http for this machine, where allowed)."""
    _addresses(_parts(url))


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer. Raises OSError when there is none within `WEBHOOK_TIMEOUT` seconds, in all."""
    parts = _parts(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    sock = _connected(_addresses(parts), port)
    # Each read has its own limit: only this ends an answer that comes drop by drop.
    if parts.scheme == "https":
        sock = _trusted().wrap_socket(sock, server_hostname=parts.hostname, do_handshake_on_connect=False)
    late = threading.Event()
    alarm = threading.Timer(settings.WEBHOOK_TIMEOUT, _hang_up, [sock, late])
    alarm.start()
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.do_handshake()
        connection = http.client.HTTPConnection(str(parts.hostname), port)
        connection.sock = sock
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, HEADERS | {"Host": parts.netloc} | headers)
        status = connection.getresponse().status
        if late.is_set():
            raise TimeoutError  # what had come by then may look like an answer
        return status
    finally:
        alarm.cancel()
        sock.close()


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fine = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        parts, fine = urlsplit(""), False
    plain = settings.WEBHOOK_PRIVATE_ADDRESSES and parts.hostname in LOCAL
    fine = fine and url.isascii() and url.isprintable() and " " not in url
    if not fine or parts.scheme not in (("https", "http") if plain else ("https",)):
        raise Invalid(
            _("An endpoint is an address that begins with https://, without user name or password."), code="url"
        )
    own = parts.port in (None, 443) or (parts.port or 0) >= OWN_PORTS
    if not own and not settings.WEBHOOK_PRIVATE_ADDRESSES:
        raise Invalid(
            _("Port %(port)d belongs to another service: an endpoint answers on 443 or above 1023.")
            % {"port": parts.port},
            code="port",
        )
    return parts


def _addresses(parts: SplitResult) -> list[str]:
    """Where the name leads. Raises Invalid if any of it is not of the public internet, unless the settings allow it."""
    try:
        answers = socket.getaddrinfo(str(parts.hostname), None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Invalid(_("No machine is known by the name %(host)s.") % {"host": parts.hostname}, code="host") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in answers))
    if not settings.WEBHOOK_PRIVATE_ADDRESSES and not all(map(_is_public, addresses)):
        raise Invalid(_("%(host)s leads into a private network.") % {"host": parts.hostname}, code="private_address")
    return addresses


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return parsed.is_global and not parsed.is_multicast and parsed not in RELAYS
    if parsed.ipv4_mapped or parsed in TRANSLATED:
        return _is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    # Addresses of the old kind within the new one lead where the old one leads.
    inner = [old for old in (parsed.sixtofour, *(parsed.teredo or ())) if old is not None]
    return parsed.is_global and parsed in UNICAST and all(_is_public(str(old)) for old in inner)


def _connected(addresses: list[str], port: int) -> socket.socket:
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), settings.WEBHOOK_TIMEOUT / len(addresses))
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), settings.WEBHOOK_TIMEOUT)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()


def _hang_up(sock: socket.socket, late: threading.Event) -> None:
    late.set()
    with suppress(OSError):
        # The plain one, also below encryption: nothing is to be said to the other side any more.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
