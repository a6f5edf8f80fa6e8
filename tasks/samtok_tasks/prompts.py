"""Prompts that several benchmarks share."""

REFERRING_PROMPT = "Please segment {phrase} in this image."
"""Of SAMTok's released scripts for referring segmentation."""
THINKING = (
    " A conversation between User and Assistant. The user asks a question, and the Assistant solves it. The "
    "assistant first thinks about the reasoning process in the mind and then provides the user with the "
    "answer. The reasoning process and answer are enclosed within <think> </think> and <answer> </answer> "
    "tags, respectively, i.e., <think> reasoning process here </think><answer> answer here </answer>"
)
"""Follows the prompt for models trained by reinforcement, which think before they answer."""
