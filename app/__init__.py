"""The Gradio app: ``python -m app``. Everything it shows comes from ``catalog`` and ``viz``."""

import os

# Gradio reads this when it is first imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
