"""A simulated vision-language model with known ground truth: not a vision-language model, and nothing seen by one.

Importing it draws nothing and loads no web server.
"""

from ecoalign_agent.simulation.chance import SIMULATED_LABEL

__all__ = ["SIMULATED_LABEL"]
