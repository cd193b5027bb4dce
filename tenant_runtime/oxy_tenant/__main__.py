"""``python -m oxy_tenant``: one WhatsApp connection and its journal."""

from typing import NoReturn

from oxy_tenant.library_environment import restart_with_environment


def main() -> NoReturn:
    """Run until stopped or ended; the exit code shows why (`oxy_core.instance.terminal_causes`)."""
    restart_with_environment()
    from oxy_tenant.process import run_process  # noqa: PLC0415 half a second that the first of two starts does not need

    run_process()


if __name__ == "__main__":
    main()
