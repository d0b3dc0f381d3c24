"""EcoAlign in LangChain and LangGraph programs: as a node, as a tool, as a guard of an agent."""
