"""``python -m oxy_ai``: an AI worker."""

if __name__ == "__main__":
    from oxy_core.early_signals import end_on_signals

    end_on_signals()  # before the imports, which take two seconds

import asyncio
import sys

from oxy_ai.settings import WorkerSettings
from oxy_ai.worker import run_worker
from oxy_core.errors import SettingsError
from oxy_core.logs import configure_logging


def main() -> int:
    """Run the worker; returns its exit code."""
    try:
        settings = WorkerSettings.read()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201 a command line speaks on its standard error
        return 2
    configure_logging("ai", settings.log_level)
    asyncio.run(run_worker(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
