"""``python -m oxy_dev.cluster``: the local cluster from the command line."""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Final

from oxy_dev.cluster import binary, layout, preflight, processes
from oxy_dev.cluster.errors import ClusterError
from oxy_dev.cluster.layout import Layout
from oxy_dev.cluster.progress import Reporter
from oxy_dev.cluster.shell import cluster_environment
from oxy_dev.cluster.up import down as cluster_down
from oxy_dev.cluster.up import is_ready
from oxy_dev.cluster.up import status as cluster_status
from oxy_dev.cluster.up import up as cluster_up

MIB: Final = 1024**2


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--state-dir",
        type=lambda text: Layout(Path(text).absolute()),
        default=layout.default(),
        dest="layout",
        help="folder that holds all of the cluster (default: $OXY_STATE, else .oxy in the project)",
    )
    top = argparse.ArgumentParser(prog="python -m oxy_dev.cluster", description="A real Kubernetes on this machine.")
    commands = top.add_subparsers(required=True, dest="command")
    for name, (function, text) in COMMANDS.items():
        command = commands.add_parser(name, parents=[common], help=text, description=text)
        command.set_defaults(function=function)
        if name == "down":
            command.add_argument("--all", action="store_true", help="also clusters with other folders")
        if name in binary.TOOLS:
            command.add_argument("arguments", nargs=argparse.REMAINDER)
    return top


def up(options: argparse.Namespace) -> int:
    """Bring the cluster up."""
    reporter = Reporter()
    cluster_up(options.layout, reporter)
    reporter.say(f"\nThe cluster is up.\n  export KUBECONFIG={options.layout.kubeconfig}")
    reporter.say(f'  export PATH="{options.layout.tools}:$PATH"    # kubectl and helm')
    return 0


def down(options: argparse.Namespace) -> int:
    """Take the cluster down, or every one that runs on this machine."""
    others = {process.cluster for process in processes.scan()} if options.all else set()
    for root in sorted({str(options.layout.root), *others}):
        cluster_down(Layout(Path(root)), Reporter())
    return 0


def status(options: argparse.Namespace) -> int:
    """Print each part and its memory; fails unless the node is Ready."""
    reporter = Reporter()
    parts = cluster_status(options.layout)
    for part in parts:
        state = f"pid {part.pid}" if part.pid else "not running"
        reporter.say(f"  {part.part:<26}{state:<14}{part.memory / MIB:>6.0f} MiB")
    ready = is_ready(options.layout)
    reporter.say("The node is Ready." if ready else "The node is not Ready. Run: python -m oxy_dev.cluster up")
    return 0 if ready else 1


def check(options: argparse.Namespace) -> int:
    """Tell what this machine lacks, changing nothing."""
    preflight.check_machine(options.layout)
    Reporter().say("This machine is ready for the cluster.")
    return 0


def build(_options: argparse.Namespace) -> int:
    """Build the Kubernetes binary and print where it is."""
    kube = binary.ensure(Reporter(sys.stderr))
    Reporter().say(str(kube.directory))
    return 0


def tool(options: argparse.Namespace) -> int:
    """Run one of the binary's clients with the cluster's kubeconfig."""
    config = options.layout.kubeconfig
    if not config.exists():
        message = f"there is no cluster in {options.layout.root}. Start it: python -m oxy_dev.cluster up"
        raise ClusterError(message)
    words = options.arguments[1:] if options.arguments[:1] == ["--"] else options.arguments
    argv = [binary.ensure().tool(options.command), *words]
    return subprocess.run(argv, env={**cluster_environment(), "KUBECONFIG": str(config)}, check=False).returncode


COMMANDS: Final = {
    "up": (up, "bring the cluster up; again after anything stopped it"),
    "down": (down, "take it down and remove every trace of it"),
    "status": (status, "show each part and its memory; status 1 unless the node is Ready"),
    "preflight": (check, "tell what this machine lacks, changing nothing"),
    "build": (build, "build the Kubernetes binary and print its folder"),
    "kubectl": (tool, "run kubectl on the cluster"),
    "helm": (tool, "run helm on the cluster"),
}


def main() -> int:
    """Run the command; an expected failure is told in one message, without a traceback."""
    options = parser().parse_args()
    try:
        result: int = options.function(options)
    except ClusterError as error:
        Reporter(sys.stderr).say(f"error: {error}")
        return 1
    return result


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        Reporter(sys.stderr).say("\ninterrupted; run it again to go on")
        sys.exit(130)
