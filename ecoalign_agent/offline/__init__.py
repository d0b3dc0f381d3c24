"""The embedded default model: OCR, image statistics and published rules. Not a vision-language model.

Importing it loads neither an OCR engine nor numpy: they are found when the first picture is read.
"""

from ecoalign_agent.offline.model import OFFLINE_LABEL, OfflineModel

__all__ = ["OFFLINE_LABEL", "OfflineModel"]
