"""Charts as pictures for phones: columns, lines, bars and a table of figures.

Belongs here: how values are drawn, as SVG, and made a PNG. Does not belong here: which figures there are and what is
said about them (`oxy_ai.aurora.figures`). All but `picture` is pure.
"""
