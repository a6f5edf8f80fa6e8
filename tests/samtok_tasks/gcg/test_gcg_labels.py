"""Where labels stand in a caption."""

import pytest

from samtok_tasks.gcg.labels import locate_labels


@pytest.mark.parametrize(
    ("text", "labels", "found"),
    [
        ("a dog and a dog", ["dog", "a dog"], ["dog", "a dog"]),
        ("the dogs and a dog", ["dog"], ["dog"]),
        ("one cat", ["dog", "", " "], [None, None, None]),
        ("cat, dog", ["dog", "cat"], ["dog", "cat"]),
        ("a (b)", ["(b)", "a"], ["(b)", "a"]),
    ],
)
def test_labels_are_found_as_whole_words_in_free_places(text, labels, found):
    spans = locate_labels(text, labels)
    assert [span and text[slice(*span)] for span in spans] == found
    taken = [place for span in spans if span for place in range(*span)]
    assert len(taken) == len(set(taken))
