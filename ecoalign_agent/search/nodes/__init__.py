"""The nodes of the state machine.

Each reads the state, asks its port, lets the economics decide, returns what changed.
"""
