"""``python -m oxy_ai.evaluate``: see `oxy_ai.evaluation.command`."""

import sys

from oxy_ai.evaluation.command import main

if __name__ == "__main__":
    sys.exit(main())
