"""The pet-shop vertical: its catalog, prompts and tools, and everything about animals.

What any business with appointments needs is in `oxy_ai.scheduling`. Nothing outside this folder imports it: workers
find it through `oxy_ai.verticals`.
"""
