"""The nodes of the state machine: each reads the state, makes its calls, applies the economics, returns an update."""
