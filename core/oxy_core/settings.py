"""Base of every process's settings: read once from ``OXY_*`` environment variables, frozen afterwards.

Plain pydantic: pydantic-settings takes 1.4 MiB of memory in each process, for sources and command lines that none has.
"""

import os
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from oxy_core.errors import SettingsError
from oxy_core.logs import LogLevel

_PREFIX: Final = "OXY_"


class ProcessSettings(BaseModel):
    """Settings that every Oxy process has; components add their own fields, each one text in the environment."""

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    log_level: LogLevel = Field(default="info", description="Least severe level that is logged.")
    probe_host: str = Field(default="0.0.0.0", description="Address of the probe and metrics server.")  # noqa: S104 the kubelet probes from outside the pod
    probe_port: int = Field(default=9090, ge=0, le=65535, description="Port of probes and metrics; 0: any free port.")

    @classmethod
    def read(cls) -> Self:
        """Read the environment; raises SettingsError naming each variable that is missing or wrong."""
        variables = {name: _PREFIX + name.upper() for name in cls.model_fields}
        values = {name: os.environ[variable] for name, variable in variables.items() if variable in os.environ}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise SettingsError(_explain(error)) from error


def _explain(error: ValidationError) -> str:
    variables = (_PREFIX + "_".join(str(part) for part in item["loc"]).upper() for item in error.errors())
    lines = [f"  {variable}: {item['msg']}" for variable, item in zip(variables, error.errors(), strict=True)]
    return "\n".join(["invalid environment; set or correct:", *lines])
