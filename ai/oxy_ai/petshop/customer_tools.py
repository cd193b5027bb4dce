"""The tools of the customers' assistant."""

from typing import Final

from oxy_ai.assistants.escalation import ESCALATE
from oxy_ai.petshop.booking_tools import BOOKING_TOOLS
from oxy_ai.petshop.pet_tools import PET_TOOLS
from oxy_ai.petshop.times_tools import TIMES_TOOLS

CUSTOMER_TOOLS: Final = (*TIMES_TOOLS, *PET_TOOLS, *BOOKING_TOOLS, ESCALATE)
