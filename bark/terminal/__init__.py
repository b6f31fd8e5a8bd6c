"""What a program in a terminal needs: a progress bar, streams that can print, Ctrl+C."""
