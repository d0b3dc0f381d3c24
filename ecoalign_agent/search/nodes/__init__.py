"""The nodes of the state machine: each reads the state, makes its calls, lets the economics decide, and updates."""
