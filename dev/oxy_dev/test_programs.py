"""``python -m oxy_dev.test_programs``: builds what tests run besides Python, so that no test waits for a compiler."""

from oxy_dev.echo_bots import baileys_bot, whatsmeow_bot
from oxy_dev.s3_server import built


def main() -> None:
    """Build whatever is not cached; raises CommandError and ServerError, as the tests would."""
    built()
    whatsmeow_bot()
    baileys_bot()


if __name__ == "__main__":
    main()
