"""The embedded default model: OCR, layout and word lists. Not a vision-language model.

Importing it loads neither an OCR engine nor numpy: they are loaded when the first picture is read.
"""

from ecoalign_agent.models.offline.model import OFFLINE_LABEL, OfflineModel

__all__ = ["OFFLINE_LABEL", "OfflineModel"]
