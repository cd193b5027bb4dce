"""Base of every process's settings: read once from ``OXY_*`` environment variables, frozen afterwards."""

from typing import Self

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from oxy_core.errors import SettingsError
from oxy_core.logs import LogLevel


class ProcessSettings(BaseSettings):
    """Settings that every Oxy process has; components add their own fields."""

    model_config = SettingsConfigDict(env_prefix="OXY_", frozen=True, extra="ignore")

    log_level: LogLevel = Field(default="info", description="Least severe level that is logged.")
    probe_host: str = Field(default="0.0.0.0", description="Address of the probe and metrics server.")  # noqa: S104 the kubelet probes from outside the pod
    probe_port: int = Field(default=9090, ge=0, le=65535, description="Port of probes and metrics; 0: any free port.")

    @classmethod
    def read(cls) -> Self:
        """Read the environment; raises SettingsError naming each variable that is missing or wrong."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    lines = [f"  OXY_{'__'.join(str(part) for part in item['loc']).upper()}: {item['msg']}" for item in error.errors()]
    return "\n".join(["invalid environment; set or correct:", *lines])
