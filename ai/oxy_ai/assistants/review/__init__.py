"""Judges a model's answer before it leaves: what it claims must have been given to it, and it must give nothing away.

Pure: `judge.review` takes the answer and the evidence, and returns the objections. What the words of an answer mean (a
price, a date, a link) is found by `oxy_ai.portuguese`; what they may rest on is decided here.
"""
