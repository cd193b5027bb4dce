"""Customers whom an owner asks for: those who stopped coming, and those whom a campaign would reach.

Belongs here: which customers there are, by criteria that verticals add to, and drafts of campaigns. Does not belong
here: sending anything to them.
"""
