"""The development environment: local cluster, images, plain processes, scripted model, measurements.

Each command of the Makefile is a module here (`oxy_dev.__main__`). It may import every component; nothing imports it,
and no production image contains it.
"""
