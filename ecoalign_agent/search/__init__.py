"""EcoAlign: the search as a LangGraph state machine."""
