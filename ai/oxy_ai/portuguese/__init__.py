"""Brazilian Portuguese as customers write and read it: days, times, prices, promises, wishes to be left alone.

Everything here is pure, knows no line of business and never raises, whatever the text. The words of a trade belong to
its vertical.
"""
