"""Passwords and connection strings of the platform's database."""

import secrets
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

APP_ROLE: Final = "oxy_app"
"""The workers' role: not a superuser, subject to row-level security."""

_PASSWORD_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Database:
    """Address and name of a database, and the role that owns it."""

    host: str
    port: int = 5432
    name: str = "oxy"
    admin: str = "postgres"

    def url(self, role: str, password: str) -> str:
        """Return a connection string (RFC 3986) for `role`."""
        return f"postgresql://{quote(role, safe='')}:{quote(password, safe='')}@{self.host}:{self.port}/{self.name}"


def database_data(database: Database) -> dict[str, str]:
    """Return the content of a fresh database Secret: new passwords, and connection strings with them."""
    admin, app = secrets.token_urlsafe(_PASSWORD_BYTES), secrets.token_urlsafe(_PASSWORD_BYTES)
    return {
        "admin-password": admin,
        "app-password": app,
        "admin-url": database.url(database.admin, admin),
        "app-url": database.url(APP_ROLE, app),
    }
