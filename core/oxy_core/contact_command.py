"""What ``oxy contact`` asks a worker (``python -m oxy_ai.admin contact``), and what that answers.

Standard input is one line, a `ContactOrder` as JSON: a number is no argument, as in `oxy_core.send_command`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from oxy_core.identity import InstanceName, OrganizationName, Phone


class _Document(BaseModel):
    """Base."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ContactOrder(_Document):
    """A person who writes to an instance, or may."""

    organization: OrganizationName
    instance: InstanceName
    phone: Phone
    private: bool | None = None
    """Whether the assistant never answers this person; None: only show what is known."""


class ContactAnswer(_Document):
    """What is known of a person."""

    known: bool
    """Whether the instance has this contact."""
    private: bool = False
    """Whether the assistant never answers, by this command or by the list."""
    listed: bool = False
    """Whether the organization's catalog lists the number as private."""
    opt_out: Literal["proactive", "all"] | None = None
    """What the contact does not want: messages that nobody asked for, or any; None: nothing."""
