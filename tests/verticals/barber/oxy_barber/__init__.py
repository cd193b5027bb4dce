"""A barber's vertical: cuts and beards, by whom the customer likes. All of it is in this folder."""
