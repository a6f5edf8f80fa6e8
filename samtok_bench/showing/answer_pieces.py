"""An answer in pieces: its text, and its masks where their words are."""

from collections.abc import Iterator, Sequence


def answer_pieces(text: str, words: Sequence[str], count: int) -> Iterator[str | tuple[int, str]]:
    """Texts that are not empty, and the number of each mask, from 0, with its words.

    Args:
        text: of the answer.
        words: of the masks in reading order; may be fewer than there are masks.
        count: of the masks. Those whose words are not in the text come last, with "" as their words.
    """
    rest, unplaced = text, []
    for number in range(count):
        said = words[number] if number < len(words) else ""
        before, found, after = rest.partition(said) if said else (rest, "", "")
        if not found:
            unplaced.append(number)
            continue
        if before:
            yield before
        yield number, said
        rest = after
    if rest:
        yield rest
    yield from ((number, "") for number in unplaced)
