"""What a press does: the handlers behind the page, without Gradio's events."""
