"""What the platform knows of a person: handed out whole, or forgotten, everywhere and with the pod's part (LGPD).

The rules are in `schema/`; decision 82 says what is found how, and what stays.
"""
