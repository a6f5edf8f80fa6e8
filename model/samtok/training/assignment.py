"""The best one-to-one assignment, without SciPy."""

import math
from collections.abc import Sequence


def best_pairs(grades: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """The pairs (row, column) with the largest sum of grades, each row and each column at most once.

    All rows or all columns are in a pair, whichever are fewer. Kuhn's Hungarian method by shortest augmenting
    paths: N^2 M steps for N rows and M >= N columns.

    Args:
        grades: finite numbers (N, M).
    """
    columns = len(grades[0]) if grades else 0
    if len(grades) > columns:
        turned = [[row[column] for row in grades] for column in range(columns)]
        return sorted((row, column) for column, row in best_pairs(turned))
    if len(grades) == 1:
        return [(0, max(range(columns), key=grades[0].__getitem__))]
    # potentials of rows and columns, from 1; column 0 stands for the row that looks for its place
    of_row, of_column = [0.0] * (len(grades) + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)
    for row in range(1, len(grades) + 1):
        owner[0], at = row, 0
        slack, came_from = [math.inf] * (columns + 1), [0] * (columns + 1)
        seen = [False] * (columns + 1)
        while owner[at]:
            seen[at] = True
            current, nearest, step = owner[at], 0, math.inf
            for column in range(1, columns + 1):
                if seen[column]:
                    continue
                cost = -grades[current - 1][column - 1] - of_row[current] - of_column[column]
                if cost < slack[column]:
                    slack[column], came_from[column] = cost, at
                if slack[column] < step:
                    nearest, step = column, slack[column]
            for column in range(columns + 1):
                if seen[column]:
                    of_row[owner[column]] += step
                    of_column[column] -= step
                else:
                    slack[column] -= step
            at = nearest
        while at:
            owner[at] = owner[came_from[at]]
            at = came_from[at]
    return sorted((owner[column] - 1, column - 1) for column in range(1, columns + 1) if owner[column])
