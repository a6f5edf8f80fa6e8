"""Runs as one HTML file that explains itself: figures, distributions and every answer on its image."""
