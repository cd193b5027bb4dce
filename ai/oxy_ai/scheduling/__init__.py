"""Appointments for any business: opening hours, what can be booked, free slots, bookings, their figures.

What a hairdresser and a dentist both need belongs here. What is booked, for whom, and every text that a customer reads
belong to a vertical. Opening hours, slots and booking rules are pure; the other files read and write the
scheduling tables inside the caller's transaction.
"""
