"""Workers and commands that are forked from a process that has imported them: a start is most of what a kill costs."""

import asyncio
from collections.abc import Mapping

from forked import ForkedProcess, run_forked

from oxy_dev.cluster.shell import cluster_environment
from oxy_dev.programs import Program, ProgramError
from oxy_dev.stack import Stack


class ForkedWorker(Program):
    """A worker's process, which is forked at each start."""

    def start(self) -> None:
        """Start it, unless it is running."""
        if self._process is not None and self._process.poll() is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = ForkedProcess(  # type: ignore[assignment]
                "oxy_ai", cluster_environment() | dict(self.environment), output.fileno()
            )


def fork_workers(stack: Stack) -> None:
    """Have the workers of a stack that does not run yet be forked."""
    stack.worker_programs = [
        ForkedWorker(one.name, one.command, one.folder, one.environment) for one in stack.worker_programs
    ]


async def administer(environment: Mapping[str, str], *arguments: str, stdin: str = "") -> str:
    """Run ``python -m oxy_ai.admin`` and return what it printed; raises ProgramError."""
    done = await asyncio.to_thread(run_forked, "oxy_ai.admin", arguments, environment, stdin)
    if done.returncode:
        raise ProgramError(done.stderr)
    return str(done.stdout)
