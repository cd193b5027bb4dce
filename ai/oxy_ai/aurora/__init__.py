"""Aurora, the owners' assistant, for any line of business with appointments.

Belongs here: what she reads of a business and what she does for its owner. Does not belong here: how she is asked and
answered (`oxy_ai.engine`), and what only one line of business has, which its vertical adds.
"""
