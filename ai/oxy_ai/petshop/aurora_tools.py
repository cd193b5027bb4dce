"""The tools of Aurora, the owners' assistant, in a pet shop."""

from typing import Final

from oxy_ai.aurora.figures.analytics import ANALYTICS

AURORA_TOOLS: Final = (ANALYTICS,)
