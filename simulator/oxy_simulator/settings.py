"""Settings of the `oxy-simulator` process, from the environment and the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from oxy_simulator.errors import SetupError
from oxy_simulator.packets import KEPT_PACKETS
from oxy_simulator.requests import MAX_NUMBER, MAX_SECONDS
from oxy_simulator.retention import KEPT_MESSAGES
from oxy_simulator.wording import worded


class Settings(BaseSettings):
    """Every field can be set as OXY_SIMULATOR_<NAME> or as an option; the option wins."""

    model_config = SettingsConfigDict(env_prefix="OXY_SIMULATOR_", frozen=True)

    host: str = "127.0.0.1"
    """The address to listen on."""
    proxy_port: int = Field(default=9100, ge=0, le=65535)
    """The port of the CONNECT proxy that clients use; 0 takes a free one."""
    control_port: int = Field(default=9101, ge=0, le=65535)
    """The port of the control API; 0 takes a free one."""
    state: Path = Path("simulator-state")
    """The folder with the state; the only place that is written while serving."""
    keys: Path | None = None
    """The folder that has the keys, if not the state folder; never written while serving, it may be read-only."""
    pairing_seconds: float = Field(default=160.0, gt=0, le=MAX_SECONDS, allow_inf_nan=False)
    """How long QR and phone codes stay valid, in seconds."""
    packets: Path | None = None
    """A file to which every stanza of every connection is appended, one line each."""
    kept_packets: int = Field(default=KEPT_PACKETS, ge=0, le=MAX_NUMBER)
    """How many packets are kept in memory for GET /packets; 0 and no file turn the packet log off."""
    kept_messages: int = Field(default=KEPT_MESSAGES, ge=1, le=MAX_NUMBER)
    """How many inbox entries and life lines are kept, over all phones together; the oldest go."""
    listen: Annotated[tuple[str, ...], NoDecode] = ()
    """More proxies for clients, as URLs (in the environment with spaces between them): http:// or socks5://, with user
    and password where they are wanted."""
    allow_client_control: bool = False
    """Let whoever reaches the control port start, kill and stop client processes on this machine."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe log entries to write (to stderr, as JSON)."""

    @field_validator("listen", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Return the settings of the environment and of the options that were given (not None).

    Raise SetupError that names, for each wrong one, its option, its variable and what is wrong.
    """
    given = {name: value for name, value in options.items() if name in Settings.model_fields and value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [f"  {_named(str(item['loc'][0]))} is {item['input']!r}: {worded(item)}" for item in error.errors()]
        raise SetupError("\n".join(["these settings are wrong:", *lines])) from error


def _named(field: str) -> str:
    """Name a setting as people write it."""
    prefix = Settings.model_config.get("env_prefix", "")
    return f"--{field.replace('_', '-')} ({prefix}{field.upper()})"
