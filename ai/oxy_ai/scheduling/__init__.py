"""Appointments for any business: opening hours, resources, free slots, bookings.

Nothing here knows what is booked or for whom in the words of one line of business; a vertical does.
"""
