"""The process of a tenant pod: one WhatsApp connection, its journal, and the way to and from the bus.

What a message passes has a folder of its own; an import goes down this list only (import-linter holds it):

    __main__, runtime                    puts the parts together, starts and stops them
    connection, sending, publishing      one job each; they do not know each other
    links                                the protocol to WhatsApp, and its adapters
    journal                              what is on disk before anything is acknowledged
    content                              what messages hold, whichever library delivers them
    account, settings, metrics, errors   values

A number that a person might tune is an environment variable in `settings`, or a constant at the top of the module
whose policy it is.
"""
