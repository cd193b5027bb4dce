"""``python -m oxy_tenant``: one WhatsApp connection and its journal."""

from typing import NoReturn

from oxy_core.early_signals import end_on_signals
from oxy_tenant.library_environment import relax_timers, restart_with_environment
from oxy_tenant.placeholders import UNUSED, placeholders


def main() -> NoReturn:
    """Run until a signal or a terminal cause, and exit with its code (`oxy_core.instance.terminal_causes`)."""
    end_on_signals()
    restart_with_environment()
    relax_timers()
    with placeholders(*UNUSED):
        from oxy_tenant.process import run_process  # noqa: PLC0415 imports take half a second, and this process may have just been replaced

    run_process()


if __name__ == "__main__":
    main()
