from dataclasses import replace
from pathlib import Path

from oxy_dev.cluster.processes import Process, Spec, is_current, parse_process

SPEC = Spec("etcd", ("/cache/kube/1/etcd", "--data-dir=/x"))


def process(spec: Spec = SPEC, program: str | None = None) -> Process:
    return Process(7, 7, (program or spec.argv[0],), "/state", spec.part, spec.fingerprint())


def test_a_process_without_our_mark_belongs_to_no_cluster() -> None:
    assert parse_process(7, 7, b"etcd\0--data-dir=/x\0", b"PATH=/bin\0HOME=/root\0") is None


def test_a_marked_process_is_read() -> None:
    environ = b"PATH=/bin\0OXY_CLUSTER=/state\0OXY_CLUSTER_PART=etcd\0OXY_CLUSTER_FINGERPRINT=ab=c\0"
    assert parse_process(7, 7, b"etcd\0--data-dir=/x\0", environ) == Process(
        7, 7, ("etcd", "--data-dir=/x"), "/state", "etcd", "ab=c"
    )


def test_the_part_itself_is_known_whichever_binary_it_was_started_from() -> None:
    assert process(program="/cache/kube/2/etcd").is_main(SPEC)


def test_a_helper_that_inherited_the_marks_is_not_the_part() -> None:
    assert not process(program="/usr/bin/containerd-shim-runc-v2").is_main(SPEC)


def test_a_helper_that_is_not_yet_another_program_is_not_the_part() -> None:
    assert not replace(process(), session=1).is_main(SPEC)


def test_another_part_is_not_the_part() -> None:
    assert not replace(process(), part="kubelet").is_main(SPEC)


def test_one_process_as_specified_is_current() -> None:
    assert is_current([process()], SPEC)


def test_none_and_two_are_not_current() -> None:
    assert not is_current([], SPEC)
    assert not is_current([process(), process()], SPEC)


def test_changed_arguments_environment_or_files_make_it_out_of_date(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("a")
    spec = replace(SPEC, inputs=(file,))
    running = process(spec)
    assert is_current([running], spec)
    assert not is_current([running], replace(spec, argv=(*spec.argv, "--more")))
    assert not is_current([running], replace(spec, environment={"HTTP_PROXY": "x"}))
    file.write_text("b")
    assert not is_current([running], spec)
