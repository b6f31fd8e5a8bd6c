"""The studio: the parts of the Gradio app in which people write prompts, listen and keep."""
