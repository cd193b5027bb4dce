"""The custom resource as the operator reads it. A test compares it with the CRD field by field.

What workers and runtimes read as well (``spec.ai``, ``spec.queues``, ``spec.reconnect``, ``spec.retention``, most of
``spec.inbound`` and ``spec.limits``) is in `oxy_core.instance.settings`.
"""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from oxy_core.identity import InstanceName, OrganizationName, OwnerAddress, Phone
from oxy_core.instance.custom_resource import BACKUP_ANNOTATION, REPAIR_ANNOTATION, place_of
from oxy_core.instance.pairing_offer import PairingMethod
from oxy_core.instance.session_states import MAX_NONCE
from oxy_core.instance.settings import (
    AiSettings,
    InboundSettings,
    LimitsSettings,
    QueuesSettings,
    ReconnectSettings,
    RetentionSettings,
    TranscriptionSettings,
    VisionSettings,
)
from oxy_operator.errors import ResourceError
from oxy_operator.lenient import plain_text
from oxy_operator.objects import Object

LATEST: Final = "latest"
"""Stands for the newest backup."""

_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def _quantity(value: str | int) -> str | int:
    """Return a quantity; raises ValueError for one that an older definition has let in."""
    if isinstance(value, int) and value < 0:
        message = "a quantity cannot be negative"
        raise ValueError(message)
    return value


Quantity = Annotated[str | int, AfterValidator(_quantity)]


class _Model(BaseModel):
    """Base. Ignores unknown fields: they come from a newer CRD, because the API server refuses all others."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class PairingSpec(_Model):
    """``spec.pairing``."""

    method: PairingMethod = PairingMethod.PHONE_CODE
    confirm: bool = True


class ClientSpec(_Model):
    """``spec.client``."""

    browser: str = "Ubuntu"
    mark_online_on_connect: bool = False


class InboundSpec(InboundSettings):
    """``spec.inbound``: what runtimes read of it, and what concerns workers alone."""

    max_answer_age: str = "6h"
    ask_to_repeat: bool = False

    @property
    def max_answer_age_seconds(self) -> int:
        """`max_answer_age` in seconds."""
        parts = re.findall(r"(\d+)([smh])", self.max_answer_age)
        return sum(int(number) * _UNIT_SECONDS[unit] for number, unit in parts)


class StorageSpec(_Model):
    """``spec.session.storage``."""

    size: str = "1Gi"
    storage_class_name: str | None = None


class BackupSpec(_Model):
    """``spec.session.backup``."""

    enabled: bool = True
    every_hours: int = 24
    keep: int = 7


class RestoreSpec(_Model):
    """``spec.session.restoreFrom``."""

    backup_id: str
    """A backup's id, or `LATEST`."""
    instance: InstanceName | None = None
    """Whose backup; None: this instance's own."""
    force: bool = False
    request: str | None = None
    """Another one makes a new wish of the same backup."""


class SessionSpec(_Model):
    """``spec.session``."""

    storage: StorageSpec = StorageSpec()
    backup: BackupSpec = BackupSpec()
    restore_from: RestoreSpec | None = None
    deletion_policy: Literal["Retain", "Delete"] = "Retain"
    journal_percent: int = 50


class SecretKeyReference(_Model):
    """A key of a Secret in the instance's namespace."""

    name: str
    key: str = "apiKey"


class TranscriptionSpec(TranscriptionSettings):
    """``spec.ai.transcription``: what workers read of it, and where its key is."""

    api_key_secret_ref: SecretKeyReference | None = None


class VisionSpec(VisionSettings):
    """``spec.ai.vision``: what workers read of it, and where its key is."""

    api_key_secret_ref: SecretKeyReference | None = None


class AiSpec(AiSettings):
    """``spec.ai``: what workers read of it, and where the keys are, which never travel on the bus."""

    api_key_secret_ref: SecretKeyReference | None = None
    transcription: TranscriptionSpec = TranscriptionSpec()
    vision: VisionSpec = VisionSpec()


class LimitsSpec(LimitsSettings):
    """``spec.limits``: what workers read of it, and what concerns the runtime alone."""

    pacing: Literal["Human", "None"] = "Human"
    inbound_per_second: int = 10


class Reference(_Model):
    """Name of an object in the instance's namespace."""

    name: str


class NetworkSpec(_Model):
    """``spec.network``."""

    proxy_secret_ref: Reference | None = None
    ca_bundle_config_map_ref: Reference | None = None


class ResourcesSpec(_Model):
    """``spec.runtime.resources``; quantities as text or whole numbers."""

    requests: dict[str, Quantity] = Field(default_factory=dict)
    limits: dict[str, Quantity] = Field(default_factory=dict)


class TolerationSpec(_Model):
    """An element of ``spec.runtime.tolerations``."""

    key: str | None = None
    operator: Literal["Exists", "Equal"] | None = None
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    toleration_seconds: int | None = None


class RuntimeSpec(_Model):
    """``spec.runtime``."""

    image: str | None = None
    resources: ResourcesSpec = ResourcesSpec()
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[TolerationSpec, ...] = ()


class InstanceSpec(_Model):
    """``spec``."""

    organization_id: OrganizationName
    display_name: str
    phone_number: Phone
    timezone: str = "America/Sao_Paulo"
    owners: tuple[OwnerAddress, ...] = ()
    suspend: bool = False
    pairing: PairingSpec = PairingSpec()
    client: ClientSpec = ClientSpec()
    inbound: InboundSpec = InboundSpec()
    session: SessionSpec = SessionSpec()
    reconnect: ReconnectSettings = ReconnectSettings()
    ai: AiSpec = AiSpec()
    limits: LimitsSpec = LimitsSpec()
    queues: QueuesSettings = QueuesSettings()
    retention: RetentionSettings = RetentionSettings()
    network: NetworkSpec = NetworkSpec()
    runtime: RuntimeSpec = RuntimeSpec()


_REQUIRED: Final = frozenset(to_camel(name) for name, field in InstanceSpec.model_fields.items() if field.is_required())


class Instance(BaseModel):
    """A WhatsAppInstance."""

    model_config = ConfigDict(frozen=True)

    namespace: str
    name: InstanceName
    uid: str
    created_at: AwareDatetime | None
    generation: int
    repair_nonce: str | None
    backup_nonce: str | None
    deleted_at: datetime | None
    finalizers: tuple[str, ...]
    spec: InstanceSpec
    unread: tuple[str, ...] = ()
    """Fields of the resource's spec that this version cannot use. What is beside them in `spec`, down from its first
    level, is not what the resource says, but the default."""
    status: dict[str, Any]
    """As the API server holds it."""

    @property
    def place(self) -> str:
        """Its name as commands take it, from whatever namespace they are run."""
        return place_of(self.name, self.namespace)

    @classmethod
    def of(cls, resource: Object) -> Self:
        """Read a custom resource.

        Raises ResourceError naming the fields that this version cannot use, if without them it is not known whose
        instance this is.
        """
        metadata = resource["metadata"]
        spec, unread = _read(resource.get("spec", {}))
        return cls(
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            created_at=metadata.get("creationTimestamp"),
            generation=metadata.get("generation", 1),
            repair_nonce=_nonce(metadata, REPAIR_ANNOTATION),
            backup_nonce=_nonce(metadata, BACKUP_ANNOTATION),
            deleted_at=metadata.get("deletionTimestamp"),
            finalizers=tuple(metadata.get("finalizers", ())),
            spec=spec,
            unread=unread,
            status=resource.get("status") or {},
        )

    def is_unread(self, part: str) -> bool:
        """Whether what the resource says under ``spec.<part>`` could not be read."""
        return any(field.split(".")[1] == part for field in self.unread)


def _read(given: dict[str, Any]) -> tuple[InstanceSpec, tuple[str, ...]]:
    """Return a spec without the parts that cannot be used, and which fields they are."""
    try:
        return InstanceSpec.model_validate(given), ()
    except ValidationError as error:
        places = [item["loc"] for item in error.errors()]
    unread = tuple(sorted({".".join(("spec", *map(str, place))) for place in places}))
    parts = {str(place[0]) for place in places if place}
    if not parts or parts & _REQUIRED:
        message = f"this version of the operator cannot use spec: check {', '.join(unread)}"
        raise ResourceError(message)
    return InstanceSpec.model_validate({part: value for part, value in given.items() if part not in parts}), unread


def _nonce(metadata: Object, annotation: str) -> str | None:
    annotations = metadata.get("annotations", {})
    return plain_text(annotations[annotation], MAX_NONCE) if annotation in annotations else None
