"""A change of a Secret that was read is noticed, in whichever order reads and events come."""

from unit.wai_operator.making import Json

from oxy_operator.kube.secret_reads import SecretReads
from oxy_operator.objects import Key

SHOP, SALON = Key("shops", "petshop"), Key("shops", "salon")


def version(number: int, name: str = "keys", namespace: str = "shops") -> Json:
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": str(number)}}


def reads(*readers: Key, at: int = 7) -> tuple[SecretReads, list[Key]]:
    """Instances that have read the Secret `keys` at a version, and what is enqueued from then on."""
    enqueued: list[Key] = []
    made = SecretReads(enqueued.append)
    for reader in readers:
        made.announce(reader, "keys")
        made.done(reader, "keys", at)
    return made, enqueued


def test_what_was_read_stays_current_until_it_changes() -> None:
    made, enqueued = reads(SHOP, SALON)
    made.observe(version(6))  # the watch is late
    made.observe(version(7))
    made.observe(version(8, namespace="elsewhere"))
    made.observe(version(8, name="other"))
    assert made.current(SHOP, "keys")
    assert enqueued == []
    made.observe(version(8))
    assert sorted(enqueued) == [SHOP, SALON]
    assert not made.current(SHOP, "keys")


def test_each_change_is_told_once() -> None:
    made, enqueued = reads(SHOP)
    for number in (8, 9):
        made.observe(version(number))
    assert enqueued == [SHOP]
    assert made.known() == set()


def test_a_change_during_the_read_counts() -> None:
    made, enqueued = reads()
    made.announce(SHOP, "keys")
    made.observe(version(8))
    made.done(SHOP, "keys", 7)
    assert enqueued == [SHOP]
    assert not made.current(SHOP, "keys")


def test_two_that_read_different_versions_are_told_apart() -> None:
    made, enqueued = reads(SHOP, at=7)
    made.announce(SALON, "keys")
    made.done(SALON, "keys", 8)
    made.observe(version(8))
    assert enqueued == [SHOP]
    assert made.current(SALON, "keys")


def test_a_secret_that_appears_or_goes_is_noticed() -> None:
    made, enqueued = reads(SHOP, at=0)
    assert made.current(SHOP, "keys")
    made.forget("shops", "keys")  # a list without it
    assert enqueued == []
    made.observe(version(3))
    assert enqueued == [SHOP]
    made, enqueued = reads(SHOP)
    assert made.known() == {("shops", "keys")}
    made.forget("shops", "keys")
    assert enqueued == [SHOP]


def test_what_an_instance_read_is_forgotten_with_it() -> None:
    made, enqueued = reads(SHOP, SALON)
    made.drop(SHOP)
    made.observe(version(8))
    assert enqueued == [SALON]
