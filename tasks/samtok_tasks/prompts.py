"""Prompts that several benchmarks share."""

REFERRING_PROMPT = "Please segment {phrase} in this image."
"""Of SAMTok's released scripts for referring segmentation."""
