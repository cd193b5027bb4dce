"""The bases of what is read from elsewhere: frozen, and errors never quote a value."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TolerantModel(BaseModel):
    """Ignores unknown fields, which newer versions write."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
