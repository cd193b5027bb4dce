"""Detects drift of a live object from what was applied, by two digests, without keeping objects.

The API server records in ``metadata.managedFields`` which fields a manager applied. The digest of exactly those fields
of the live object equals the digest of the desired one until somebody changes, removes or takes over one of them.
"""

import hashlib
import json
from typing import Any, Final

from oxy_operator.objects import FIELD_MANAGER, Object

DIGEST_BYTES: Final = 12


def desired_digest(body: Object, *, metadata_only: bool = False) -> bytes:
    """Return the digest of an object as it is applied.

    `metadata_only` covers annotations, labels, owners and the keys of ``data``, not its values: an annotation must then
    change with the content.
    """
    fields = {name: value for name, value in body.items() if name not in {"apiVersion", "kind"}}
    skipped = {"name", "namespace", "uid"}
    fields["metadata"] = {name: value for name, value in body["metadata"].items() if name not in skipped}
    if metadata_only:
        fields = {"metadata": fields["metadata"], "data": sorted(body.get("data", {}))}
    return _digest(fields)


def live_digest(live: Object, *, metadata_only: bool = False) -> bytes:
    """Return the digest of the fields of a live object that `FIELD_MANAGER` owns; empty if it owns none."""
    owned = _owned(live)
    if owned is None:
        return b""
    if metadata_only:
        metadata = _picked(live["metadata"], owned.get("f:metadata", {}))
        keys = [field.removeprefix("f:") for field in owned.get("f:data", {}) if field.startswith("f:")]
        return _digest({"metadata": metadata, "data": sorted(keys)})
    return _digest(_picked(live, owned))


def _owned(live: Object) -> Object | None:
    for entry in live["metadata"].get("managedFields", ()):
        is_ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if is_ours and not entry.get("subresource"):
            fields: Object = entry.get("fieldsV1", {})
            return fields
    return None


def _picked(live: Any, fields: Object) -> Any:  # noqa: ANN401 any JSON value
    """Return the part of `live` that `fields` names, in the form of ``managedFields[].fieldsV1``.

    ``f:`` names a field, ``k:`` an item of a list by its key, ``v:`` an item by its value, and ``.`` the item itself.
    """
    # An empty set of fields owns everything below: an atomic list or map, or a plain value.
    if not fields or set(fields) == {"."}:
        return live
    if isinstance(live, list):
        return _picked_items(live, fields)
    if isinstance(live, dict):
        names = {field[2:]: below for field, below in fields.items() if field.startswith("f:")}
        return {name: _picked(live[name], below) for name, below in names.items() if name in live}
    return live


def _picked_items(live: list[Any], fields: Object) -> list[Any]:
    items: list[Any] = []
    for field, below in fields.items():
        if field.startswith("k:"):
            # An item that somebody removed is missing here, so the digest differs and the object is applied again.
            key = json.loads(field[2:])
            found = [item for item in live if all(item.get(name) == value for name, value in key.items())]
            items += [_picked(item, below) for item in found[:1]]
        elif field.startswith("v:"):
            value = json.loads(field[2:])
            items += [value] if value in live else []
    return items


def _normal(value: Any) -> Any:  # noqa: ANN401 any JSON value
    """Sort lists: fieldsV1 does not preserve their order."""
    if isinstance(value, dict):
        return {name: _normal(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted((_normal(item) for item in value), key=_json)
    return value


def _json(value: Any) -> str:  # noqa: ANN401 any JSON value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _digest(value: Any) -> bytes:  # noqa: ANN401 any JSON value
    return hashlib.blake2b(_json(_normal(value)).encode(), digest_size=DIGEST_BYTES).digest()
