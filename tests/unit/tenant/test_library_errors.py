import pytest

from oxy_tenant.links.neonize.library_errors import KINDS, kind_of_error


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ignoring message 3EB0 from 1@lid: failed to decrypt normal message: old counter", "repeated message"),
        ("Error decrypting message 3EB0 from 1@lid: no session", "decryption"),
        ("Failed to decrypt frame: cipher: message authentication failed", "decryption"),
        ("Failed to do app state sync for regular after notification: x", "app state"),
        ("Error reading from websocket: EOF", "connection"),
        ("Failed to download media due to network error: x", "file"),
        ("Failed to save push name of 1@lid in device store: disk full", "store"),
        ("", "other"),
        ("Something new, by a stranger who says database" + "x" * 200, "store"),
        ("x" * 80 + "database", "other"),
    ],
)
def test_each_entry_has_one_of_a_few_kinds(text: str, kind: str) -> None:
    assert kind_of_error(text) == kind
    assert kind in KINDS
