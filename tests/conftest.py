"""Generated examples are the same in every run where CI decides; elsewhere each run looks at new ones."""

import os

from hypothesis import settings

settings.register_profile("same", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("same")
