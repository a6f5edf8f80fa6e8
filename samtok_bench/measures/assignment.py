"""The best one-to-one assignment: one implementation, for rewards of a training and for benchmarks."""

from samtok.training.assignment import best_pairs as best_pairs
