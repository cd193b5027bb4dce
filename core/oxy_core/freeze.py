"""Holding back everything that instances are to send: what a person decides, and what an instance is told of it.

`oxy freeze` and `oxy thaw` write a `FreezeRecord` into a ConfigMap of the platform's namespace. The operator passes
each instance's `Freeze` on: over the bus, which is quick, and in the instance's settings, which arrive in any case.
"""

from collections.abc import Container, Mapping
from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from oxy_core.errors import ContractError
from oxy_core.identity import OrganizationName
from oxy_core.models import StrictModel

RECORD_NAME: Final = "oxy-freeze"
"""Name of the ConfigMap."""

RECORD_KEY: Final = "freeze.json"
"""Its key that holds the record."""

RECORD_LABELS: Final[Mapping[str, str]] = {
    "app.kubernetes.io/managed-by": "oxy-cli",
    "app.kubernetes.io/component": "freeze",
}
"""Its labels, by which the operator watches it."""

MAX_WORDS: Final = 200
"""Most characters of a reason, and of the name of whoever gives it."""

_ORGANIZATION: Final[TypeAdapter[str]] = TypeAdapter(OrganizationName)


class Hold(StrictModel):
    """That sending is held back."""

    since: AwareDatetime
    by: Annotated[str, Field(max_length=MAX_WORDS)]
    reason: Annotated[str, Field(max_length=MAX_WORDS)] = ""


class Freeze(StrictModel):
    """Whether what one instance is to send is held back. Of two, that with the higher revision counts."""

    revision: int = Field(ge=0)
    hold: Hold | None = None
    """None: it is sent."""

    def replaces(self, known: "Freeze | None") -> bool:
        """Whether this is newer than what is known."""
        return known is None or self.revision > known.revision


class FreezeRecord(StrictModel):
    """What is held back, and what was. Each change has a revision of its own, higher than all before."""

    everyone: Freeze = Freeze(revision=0)
    organizations: Mapping[OrganizationName, Freeze] = {}

    @classmethod
    def read(cls, text: str) -> Self:
        """Read what `encode` returned; raises ContractError."""
        try:
            return cls.model_validate_json(text, extra="ignore")
        except ValidationError as error:
            fields = sorted({".".join(map(str, item["loc"])) or RECORD_KEY for item in error.errors()})
            message = f"not a record of what is frozen: check {', '.join(fields)[:500]}"
            raise ContractError(message) from None

    def encode(self) -> str:
        """Return the record as JSON."""
        return self.model_dump_json(exclude_none=True)

    def of(self, organization: OrganizationName) -> Freeze:
        """Return what an instance of this organization is told; a hold of its own is named first."""
        own = self.organizations.get(organization, Freeze(revision=0))
        return Freeze(revision=max(own.revision, self.everyone.revision), hold=own.hold or self.everyone.hold)

    def held(self, organization: OrganizationName | None) -> Hold | None:
        """Return the hold on one organization alone, or that on everyone (None)."""
        known = self.everyone if organization is None else self.organizations.get(organization)
        return None if known is None else known.hold

    def frozen(self, organization: OrganizationName | None, hold: Hold) -> Self:
        """Return the record with a hold on one organization, or on everyone (None). One that is held stays so since.

        Raises ContractError, as `thawed` does, if no organization can have that name.
        """
        before = self.held(organization)
        since = hold.since if before is None else before.since
        return self._changed(organization, hold.model_copy(update={"since": since}), hold.since)

    def thawed(self, organization: OrganizationName | None, now: datetime) -> Self:
        """Return the record without the hold on one organization alone, or without that on everyone (None)."""
        return self._changed(organization, None, now)

    def without_gone(self, existing: Container[str]) -> Self:
        """Return the record without the organizations that are not held back and of which nothing is left.

        Of any other the last revision is needed: pods, and journals on volumes, may know the hold before.
        """
        kept = {name: known for name, known in self.organizations.items() if known.hold or name in existing}
        return self.model_copy(update={"organizations": kept})

    def _changed(self, organization: OrganizationName | None, hold: Hold | None, now: datetime) -> Self:
        _require_name(organization)
        newest = max(known.revision for known in (self.everyone, *self.organizations.values()))
        # Milliseconds, so that a record that was deleted and begun anew goes on counting upwards.
        freeze = Freeze(revision=max(newest + 1, int(now.timestamp() * 1_000)), hold=hold)
        if organization is None:
            return self.model_copy(update={"everyone": freeze})
        return self.model_copy(update={"organizations": {**self.organizations, organization: freeze}})


def _require_name(organization: str | None) -> None:
    """Refuse a name that `FreezeRecord.read` would refuse: a record with it would hold nobody, and end all changes."""
    if organization is None:
        return
    try:
        _ORGANIZATION.validate_python(organization)
    except ValidationError:
        message = "no organization has such a name: it has lower-case letters, digits and hyphens, 40 at most"
        raise ContractError(message) from None
