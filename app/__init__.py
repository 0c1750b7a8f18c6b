"""The Gradio app: ``python -m app``. It shows what ``pgm_lite.catalog`` and ``pgm_lite.viz`` offer."""

import os

# Gradio reads this when it is first imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
