"""Settings of the `oxy-simulator` process, from the environment and the command line."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from oxy_simulator.packets import KEPT_PACKETS


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
    pairing_seconds: float = Field(default=160.0, gt=0)
    """How long QR and phone codes stay valid, in seconds."""
    packets: Path | None = None
    """A file to which every stanza of every connection is appended, one line each."""
    kept_packets: int = Field(default=KEPT_PACKETS, ge=0)
    """How many packets are kept in memory for GET /packets; 0 and no file turn the packet log off."""
    listen: tuple[str, ...] = ()
    """More proxies for clients, as URLs: http:// or socks5://, with user and password where they are wanted."""
    allow_client_control: bool = False
    """Let whoever reaches the control port start, kill and stop client processes on this machine."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """The least severe log entries to write (to stderr, as JSON)."""
