"""Builds Oxy's images, pushes them to a registry, loads them into the local cluster.

``python -m oxy_dev.images build`` needs root, buildah and, without ``--base``, mmdebstrap. An image's tag is a hash of
everything that goes into it: unchanged images are neither built nor loaded again. Layers are cached in
``~/.cache/oxy/images``.
"""

import argparse
import ast
import configparser
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from oxy_dev.cluster import images as node_images
from oxy_dev.cluster import layout, packages
from oxy_dev.cluster.binary import cache_root, disk_hint
from oxy_dev.cluster.errors import ClusterError, CommandError
from oxy_dev.cluster.host import overlay_works, unmount_below
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.progress import Reporter, Step
from oxy_dev.cluster.scratch import remove, scratch, variables
from oxy_dev.cluster.shell import child
from oxy_dev.image_archive import write_archive

PROJECT: Final = Path(__file__).resolve().parents[2]
LOCAL_REGISTRY: Final = "localhost"
"""Prefix of references without a registry: nothing tries to pull them."""

SUITE: Final = "bookworm"
BASE_PACKAGES: Final = ("python3", "ca-certificates", "libstdc++6", "usr-is-merged")
"""Added to Debian's essential packages in the base image; the last one keeps Perl's modules out."""

TOOLS: Final = ("buildah", "mmdebstrap")
"""Debian's packages that build images."""

LEFT_OUT: Final = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
MERGED_USR_HOOKS: Final = Path("/usr/share/mmdebstrap/hooks/merged-usr")

PIP_OPTIONS: Final = ("index-url", "extra-index-url", "find-links", "trusted-host", "no-index", "proxy", "timeout")
"""Settings of this machine's pip that a build adopts, besides its certificate authority: where packages come from."""


@dataclass(frozen=True, slots=True)
class Image:
    """A target of the Dockerfile and the paths that go into it."""

    target: str
    sources: tuple[str, ...]

    def reference(self, registry: str, tag: str) -> str:
        """Return the image's full name."""
        return f"{registry}/oxy-{self.target}:{tag}"


_CORE: Final = ("requirements/core.txt", "core/oxy_core")
_TENANT: Final = (*_CORE, "requirements/tenant.txt", "tenant_runtime/oxy_tenant")
_SERVERS: Final = ("requirements/nats.txt", "requirements/postgres.txt")

IMAGES: Final = (
    Image("operator", (*_CORE, "requirements/operator.txt", "operator/oxy_operator")),
    Image("tenant", _TENANT),
    Image("tenant-simulated", (*_TENANT, "simulator/oxy_simulator/trust")),
    Image(
        "ai",
        (*_CORE, "requirements/ai.txt", "ai/oxy_ai", "pyproject.toml", "dev/oxy_dev/distribution_metadata.py"),
    ),
    Image("nats", _SERVERS),
    Image("postgres", (*_SERVERS, "dev/postgres")),
    Image("simulator", ("requirements/simulator.txt", "simulator/oxy_simulator")),
    Image(
        "model",
        (*_CORE, "requirements/operator.txt", "requirements/model.txt", "dev/oxy_dev/__init__.py", "dev/oxy_dev/model"),
    ),
)


def select(targets: Sequence[str]) -> tuple[Image, ...]:
    """Return the images of these targets, in the order of building; none given: all."""
    unknown = set(targets) - {image.target for image in IMAGES}
    if unknown:
        known = ", ".join(image.target for image in IMAGES)
        message = f"there is no image {', '.join(sorted(unknown))}; choose from {known}"
        raise ClusterError(message)
    return tuple(image for image in IMAGES if not targets or image.target in targets)


def content_tag(image: Image, base: str, project: Path = PROJECT) -> str:
    """Return 12 hexadecimal digits that change whenever anything in the image changes."""
    digest = hashlib.sha256(f"{os.uname().machine}\0{base}".encode())
    for source in ("Dockerfile", ".dockerignore", *image.sources):
        for path in _files(project / source):
            digest.update(f"\0{path.relative_to(project)}\0{path.stat().st_mode & 0o111}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    message = f"{path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path} is missing: it goes into an image"
    raise ClusterError(message)


def base_reference() -> str:
    """Return the name of our base image, tagged with the hash of its recipe."""
    recipe = "\0".join((os.uname().machine, SUITE, *BASE_PACKAGES, *LEFT_OUT))
    return f"{LOCAL_REGISTRY}/oxy-base:{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"


def pip_options(listing: str) -> dict[str, str]:
    r"""Return the settings that `pip config list` printed: the environment's win, then the install command's.

    >>> pip_options("global.timeout='5'\n:env:.timeout='9'\nlist.format='json'")
    {'timeout': '9'}
    """
    found: dict[tuple[int, str], str] = {}
    for line in listing.splitlines():
        name, separator, value = line.partition("=")
        section, _, option = name.rpartition(".")
        rank = {"global": 0, "install": 1, ":env:": 2}.get(section)
        if separator and rank is not None:
            found[rank, option] = str(ast.literal_eval(value))
    return {option: value for (_, option), value in sorted(found.items())}


@dataclass(slots=True)
class Builder:
    """Builds with buildah, whose storage is under `folder`."""

    folder: Path = field(default_factory=lambda: cache_root() / "images")
    reporter: Reporter = field(default_factory=Reporter)
    _driver: str = ""

    def build(self, images: Sequence[Image], registry: str, base: str | None = None) -> dict[str, str]:
        """Build the images that do not exist yet; return each target's reference.

        `base` is the reference of a Debian 12 with Python 3.11; None: our own, built first where it is missing.
        Raises CommandError with the end of the log when a build fails.
        """
        chosen = base or base_reference()
        references = {image.target: image.reference(registry, content_tag(image, chosen)) for image in images}
        if packages.missing(TOOLS):
            with self.reporter.step("image tools") as step:
                packages.install(step, TOOLS)
        with self._storage(), _pip_arguments(self._temporary) as arguments:
            # Containers that an interrupted build left behind.
            _run([*self._command(), "rm", "--all"])
            if base is None:
                self._make_base(chosen)
            for target, reference in references.items():
                self._build(target, reference, ["--build-arg", f"BASE={chosen}", *arguments])
        return references

    def push(self, references: Mapping[str, str], *, insecure: bool = False) -> None:
        """Push to the registry of the references; `insecure` allows plain HTTP."""
        with self._storage():
            for target, reference in references.items():
                with self.reporter.step(f"push {target}") as step:
                    self._buildah(step, "push", f"--tls-verify={str(not insecure).lower()}", reference)

    def load(self, references: Mapping[str, str], cluster: Layout) -> None:
        """Load the images that the local cluster's node lacks."""
        present = node_images.names(cluster)
        missing = [reference for reference in references.values() if reference not in present]
        if not missing:
            self.reporter.say("  ✓ all images are loaded already")
            return
        with (
            self._storage(),
            self.reporter.step(f"load {len(missing)} images") as step,
            tempfile.TemporaryDirectory(dir=self._temporary) as export,
        ):
            exported = {reference: Path(export) / str(number) for number, reference in enumerate(missing)}
            for reference, folder in exported.items():
                step.update(f"exporting {reference}")
                self._buildah(step, "push", "--disable-compression", reference, f"dir:{folder}")
            step.update("importing")
            archive = Path(export) / "images.tar"
            write_archive(archive, exported, _node_blobs(cluster))
            node_images.load(cluster, archive)

    def sizes(self, references: Mapping[str, str]) -> dict[str, str]:
        """Return each target's size in readable units: unpacked, layers that it shares with others included."""
        with self._storage():
            listed: list[dict[str, Any]] = json.loads(_run([*self._command(), "images", "--json"]) or "[]")
        by_name = {name: str(item["size"]) for item in listed for name in item["names"] or ()}
        return {target: by_name[reference] for target, reference in references.items()}

    def _build(self, target: str, reference: str, arguments: Sequence[str]) -> None:
        if self._has(reference):
            self.reporter.say(f"  ✓ {target} is up to date")
            return
        with self.reporter.step(f"image {target}") as step:
            options = ["--isolation", "chroot", "--layers", "--format", "oci", "--target", target, "--tag", reference]
            self._buildah(step, "build", *options, *arguments, str(PROJECT))

    def _make_base(self, reference: str) -> None:
        if self._has(reference):
            return
        with (
            self.reporter.step("base image") as step,
            tempfile.TemporaryDirectory(dir=self._temporary) as context,
        ):
            archive = Path(context) / "base.tar"
            self._logged(step, _debian(archive))
            (Path(context) / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
            self._buildah(step, "build", "--isolation", "chroot", "--format", "oci", "--tag", reference, context)

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Lock buildah's storage, and unmount everything afterwards; raises ClusterError unless run as root."""
        if os.geteuid() != 0:
            message = "images are built as root (file owners in an image are real ones); run this with sudo"
            raise ClusterError(message)
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            self._wait_for(lock)
            self._driver = self._driver or ("overlay" if overlay_works(self.folder) else "vfs")
            try:
                with scratch(self._temporary):
                    yield
            finally:
                unmount_below(self.folder)

    def clean(self) -> None:
        """Remove what interrupted builds left behind, unless a build is running; images stay."""
        path = self.folder / "lock"
        if not path.exists():
            return
        with path.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            unmount_below(self.folder)
            remove(self._temporary)

    def _wait_for(self, lock: TextIO) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.reporter.say("  … waiting for another build of images")
            fcntl.flock(lock, fcntl.LOCK_EX)

    @property
    def _root(self) -> Path:
        return self.folder / f"storage-{self._driver}"

    @property
    def _temporary(self) -> Path:
        return self.folder / "tmp"

    def _has(self, reference: str) -> bool:
        argv = [*self._command(), "inspect", "--type", "image", reference]
        return subprocess.run(argv, capture_output=True, check=False).returncode == 0

    def _command(self) -> list[str]:
        run = self.folder / "run"
        return ["buildah", "--root", str(self._root), "--runroot", str(run), "--storage-driver", self._driver]

    def _buildah(self, step: Step, *arguments: str) -> None:
        self._logged(step, [*self._command(), *arguments])

    def _logged(self, step: Step, argv: Sequence[str]) -> None:
        """Run a program while showing its latest line of output; the whole output goes to ``last.log``."""
        log = self.folder / "last.log"
        environment = {**os.environ, **variables(self._temporary)}
        tail: list[str] = []
        with child(argv, environment, stdout=subprocess.PIPE) as process, log.open("w") as output:
            for line in process.stdout or ():
                output.write(line)
                tail = [*tail[-14:], line.rstrip()]
                step.update(line.strip()[:100])
            status = process.wait()
        if status:
            message = f"`{' '.join(argv[:1])} …` ended with status {status}; the whole output is in {log}:\n"
            raise CommandError(message + "\n".join([*tail, disk_hint("\n".join(tail))]).rstrip())


def _node_blobs(cluster: Layout) -> set[str]:
    """Return the digests of all of containerd's content."""
    ctr = ["ctr", f"--address={cluster.containerd_socket}", f"--namespace={node_images.NAMESPACE}"]
    return set(_run([*ctr, "content", "ls", "--quiet"]).split())


def _debian(archive: Path) -> list[str]:
    """Return the command that writes a minimal Debian with Python, from this machine's mirrors if they suit."""
    hooks = [f"--hook-dir={MERGED_USR_HOOKS}"] if MERGED_USR_HOOKS.is_dir() else []
    paths = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
    return [
        "mmdebstrap",
        "--variant=essential",
        f"--include={','.join(BASE_PACKAGES)}",
        *hooks,
        *paths,
        SUITE,
        str(archive),
        *_mirrors(),
    ]


def _mirrors() -> list[str]:
    """Return this machine's list of Debian sources if it is for our suite; otherwise empty: the public ones."""
    for path in map(Path, ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list")):
        if path.is_file() and SUITE in path.read_text():
            return [str(path)]
    return []


@contextmanager
def _pip_arguments(folder: Path) -> Iterator[list[str]]:
    """Mount this machine's pip and its configuration into a build; nothing of it stays in the image."""
    listing = _run([sys.executable, "-m", "pip", "config", "list"])
    options = pip_options(listing)
    with tempfile.TemporaryDirectory(dir=folder) as made:
        settings: dict[str, str] = {name: options[name] for name in PIP_OPTIONS if name in options}
        arguments = ["--build-context", f"pip={_pip_copy(Path(made))}"]
        authority = options.get("cert") or os.environ.get("REQUESTS_CA_BUNDLE")
        if authority:
            settings["cert"] = "/run/secrets/pip.crt"
            arguments += ["--secret", f"id=pip.crt,src={authority}"]
        for link in options.get("find-links", "").split():
            if Path(link).is_dir() and any(Path(link).iterdir()):
                arguments += ["--volume", f"{link}:{link}:ro"]
        config = Path(made) / "pip.conf"
        _write_config(config, settings)
        yield [*arguments, "--secret", f"id=pip.conf,src={config}"]


def _pip_copy(scratch: Path) -> Path:
    spec = importlib.util.find_spec("pip")
    if spec is None or not spec.submodule_search_locations:
        message = f"{sys.executable} has no pip, which image builds borrow; run: {sys.executable} -m ensurepip"
        raise ClusterError(message)
    context = scratch / "context"
    shutil.copytree(spec.submodule_search_locations[0], context / "pip" / "pip")
    return context


def _write_config(path: Path, settings: Mapping[str, str]) -> None:
    parser = configparser.RawConfigParser()
    parser["global"] = settings
    path.touch(mode=0o600)
    with path.open("w") as file:
        parser.write(file)


def _run(argv: Sequence[str]) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        message = f"`{' '.join(argv)}` ended with status {done.returncode}: {done.stderr.strip()}"
        raise CommandError(message)
    return done.stdout


def chart_values(references: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the chart's values for these images; `tenant-simulated` replaces `tenant`."""
    chosen = dict(references)
    if "tenant-simulated" in chosen:
        chosen["tenant"] = chosen["tenant-simulated"]
    return {
        "images": {name: chosen[name] for name in ("operator", "tenant", "ai", "nats", "postgres") if name in chosen}
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m oxy_dev.images", description="Oxy's images.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (("build", "build images"), ("load", "build images and load them into the local cluster")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--target", action="append", default=[], help="one image; repeat for more; default: all")
        command.add_argument("--base", help="a Debian 12 with Python 3.11 to build on; default: our own")
        command.add_argument("--registry", default=LOCAL_REGISTRY, help="prefix of the images' names")
        command.add_argument("--values", type=Path, help="file to write the chart's values for these images to")
        if name == "build":
            command.add_argument("--push", action="store_true", help="push to the registry")
            command.add_argument("--insecure", action="store_true", help="the registry speaks plain HTTP")
        else:
            command.add_argument(
                "--containerd", type=Path, default=layout.default().containerd_socket, help="its socket"
            )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the process's exit code."""
    arguments = _parser().parse_args(argv)
    builder = Builder()
    try:
        references = builder.build(select(arguments.target), arguments.registry, arguments.base)
        if arguments.command == "load":
            builder.load(references, layout.default())
        elif arguments.push:
            builder.push(references, insecure=arguments.insecure)
        if arguments.values:
            arguments.values.write_text(json.dumps(chart_values(references), indent=2) + "\n")
        for target, size in builder.sizes(references).items():
            builder.reporter.say(f"  {references[target]:55} {size:>10}")
    except ClusterError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
