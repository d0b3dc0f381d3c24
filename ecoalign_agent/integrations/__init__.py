"""EcoAlign inside other people's LangChain and LangGraph programs: as a node, as a tool, as a guard."""
