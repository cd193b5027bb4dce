from pathlib import Path

import pytest
from unit.tenant.links import environment_in

from oxy_core.envelopes import VERSION
from oxy_core.errors import SettingsError
from oxy_tenant.settings import RuntimeSettings
from oxy_tenant.settings_file import COPY_FILE, SettingsFile


@pytest.fixture
def environment(tmp_path: Path) -> RuntimeSettings:
    return environment_in(tmp_path, pacing="None")


def write_newer(environment: RuntimeSettings) -> None:
    """Write settings of a version that this code cannot read."""
    content = environment.settings.read_bytes()
    newer = b'"version":%d' % (VERSION + 1)
    environment.settings.write_bytes(content.replace(b'"version":1', newer).replace(b'"None"', b'"Swift"'))


async def test_an_unknown_field_is_ignored(environment: RuntimeSettings) -> None:
    content = environment.settings.read_bytes().replace(b"{", b'{"mood":"good",', 1)
    environment.settings.write_bytes(content)
    assert SettingsFile(environment).current.pacing == "None"


async def test_settings_of_a_newer_version_leave_the_last_good_ones(environment: RuntimeSettings) -> None:
    running = SettingsFile(environment)
    changed = running.watch()
    write_newer(environment)
    running.reload()
    assert (running.current.pacing, changed.is_set()) == ("None", False)
    assert SettingsFile(environment).current == running.current


async def test_the_copy_is_of_the_newest_settings_that_could_be_read(environment: RuntimeSettings) -> None:
    running = SettingsFile(environment)
    environment.settings.write_bytes(environment.settings.read_bytes().replace(b'"Ubuntu"', b'"Debian"'))
    running.reload()
    write_newer(environment)
    assert SettingsFile(environment).current.browser == "Debian"


async def test_each_reader_hears_of_a_change_whoever_else_has(environment: RuntimeSettings) -> None:
    running = SettingsFile(environment)
    first, second = running.watch(), running.watch()
    environment.settings.write_bytes(environment.settings.read_bytes().replace(b'"Ubuntu"', b'"Debian"'))
    running.reload()
    first.clear()
    assert second.is_set()


async def test_without_a_copy_unreadable_settings_end_the_process(environment: RuntimeSettings) -> None:
    write_newer(environment)
    with pytest.raises(SettingsError, match="newer version of Oxy"):
        SettingsFile(environment)


async def test_the_copy_of_another_instance_is_not_used(environment: RuntimeSettings) -> None:
    SettingsFile(environment)
    copy = environment.session / COPY_FILE
    copy.write_bytes(copy.read_bytes().replace(b'"shop"', b'"other"'))
    write_newer(environment)
    with pytest.raises(SettingsError, match="newer version of Oxy"):
        SettingsFile(environment)


async def test_settings_that_cannot_be_copied_are_used_all_the_same(environment: RuntimeSettings) -> None:
    (environment.session / "settings.copy.new").mkdir()
    assert SettingsFile(environment).current.pacing == "None"


def test_commands_name_the_namespace_if_it_is_known(environment: RuntimeSettings) -> None:
    assert environment.place == environment.instance
    known = environment.model_copy(update={"namespace": "shops"})
    assert known.place == f"{environment.instance} -n shops"
