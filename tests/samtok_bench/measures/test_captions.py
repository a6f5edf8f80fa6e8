"""METEOR and CIDEr against an independent CIDEr-D and the METEOR jar run by hand."""

import math
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from samtok_bench.measures import captions
from samtok_bench.measures.captions import CaptionToolError, caption_scores

try:
    JAVA, FOLDER = captions._tools()
except CaptionToolError:
    JAVA, FOLDER = "", None
needs_tools = pytest.mark.skipif(FOLDER is None, reason="needs Java and pycocoevalcap")

REFERENCES = (
    "A small red circle is left of a square.",
    "Two dogs run on the green grass.",
    "The man's hat isn't (really) blue; it is black.",
)
ANSWERS = ("a red circle left of the square", "The dogs are running on grass!", "a black hat")
PAIRS = tuple(zip(REFERENCES, ANSWERS, strict=True))
METEOR = 0.2341752788986842
"""Of the pairs, as the jar says by hand. It takes long to start, so few tests do it."""


def tokens(text: str) -> list[str]:
    """What the Penn Treebank tokenizer makes of words, points and commas."""
    return [word for word in text.lower().replace(".", " ").replace(",", " ").split() if word]


def cider_d(pairs: list[tuple[str, str]]) -> list[float]:
    """CIDEr-D from its definition: tf-idf cosines with clipped counts and a penalty on length, times 10."""

    def grams(text: str, n: int) -> Counter:
        words = tokens(text)
        return Counter(tuple(words[k : k + n]) for k in range(len(words) - n + 1))

    scores = [0.0] * len(pairs)
    for n in range(1, 5):
        documents = Counter(gram for reference, _ in pairs for gram in set(grams(reference, n)))

        def weigh(counts: Counter, documents: Counter = documents) -> dict:
            total = math.log(len(pairs))
            return {g: c * (total - math.log(max(1, documents[g]))) for g, c in counts.items()}

        for place, (reference, answer) in enumerate(pairs):
            mine, theirs = weigh(grams(answer, n)), weigh(grams(reference, n))
            norms = math.hypot(*mine.values()) * math.hypot(*theirs.values())
            clipped = sum(min(w, theirs.get(g, 0)) * theirs.get(g, 0) for g, w in mine.items())
            apart = len(tokens(answer)) - len(tokens(reference))
            # COCO's code counts bigrams, one less than words: the same difference unless one is empty
            if norms:
                scores[place] += 10 / 4 * clipped / norms * math.exp(-(apart**2) / 72)
    return scores


@needs_tools
@pytest.mark.slow
def test_meteor_is_what_the_jar_says_by_hand(tmp_path):
    answers, references = tmp_path / "answers", tmp_path / "references"
    # tokenized by hand
    answers.write_text("a red circle left of the square\nthe dogs are running on grass\na black hat\n")
    references.write_text(
        "a small red circle is left of a square\ntwo dogs run on the green grass\n"
        "the man 's hat is n't -lrb- really -rrb- blue it is black\n"
    )
    command = [JAVA, "-jar", FOLDER / captions.METEOR, answers, references, "-l", "en", "-norm"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert float(output.split("Final score:")[1]) == pytest.approx(METEOR, abs=1e-6)


@needs_tools
def test_cider_is_cider_d(monkeypatch):
    monkeypatch.setattr(captions, "_meteor", lambda *_: 0.5)  # starts slowly
    rng = np.random.default_rng(0)
    words = ["a", "the", "red", "blue", "circle", "square", "star", "is", "on", "left", "of"]
    texts = [" ".join(rng.choice(words, rng.integers(2, 12))) for _ in range(1000)]
    pairs = [(texts[k], texts[500 + k] if k % 10 else texts[k]) for k in range(500)]
    found, expected = caption_scores(pairs), cider_d(pairs)
    assert captions._cider(pairs) == pytest.approx(expected, abs=1e-6)
    assert found.cider == pytest.approx(np.mean(expected), abs=1e-6)


@needs_tools
def test_perfect_and_empty_captions(monkeypatch):
    monkeypatch.setattr(captions, "_meteor", lambda *_: 0.5)
    assert caption_scores([(text, text) for text in REFERENCES]).cider == pytest.approx(10)
    assert caption_scores([(text, "") for text in REFERENCES]).cider == 0
    assert caption_scores([("a dog", "a dog")]).cider == 0  # one image knows no rare words


@needs_tools
def test_the_tokenizer_keeps_every_text_in_its_line():
    rng = np.random.default_rng(1)
    odd = [
        "\n",
        "\r",
        "\x0b",
        "\x85",
        "\u2028",
        "\x00",
        "\ud800",
        "|||",
        "é",
        "漢",
        "😀",
        "''",
        "(",
        "<",
        "-",
    ]
    texts = ["".join(rng.choice([*odd, "word ", " "], rng.integers(0, 8))) for _ in range(2000)]
    made = captions._tokenized(JAVA, FOLDER / captions.TOKENIZER, [*texts, "last one", ""])
    assert len(made) == 2002
    assert made[-2:] == ["last one", ""]
    for text, line in zip(texts, made, strict=False):
        assert line.count("word") == text.count("word")
        assert "|||" not in line
    assert captions._tokenized(JAVA, FOLDER / captions.TOKENIZER, ["It's a “Café”, really?"]) == [
        "it 's a café really"
    ]


@needs_tools
def test_meteor_of_two_runs_at_once_which_write_nothing_beside_the_tools():
    before = {path for path in FOLDER.rglob("*") if "__pycache__" not in path.parts}
    with ThreadPoolExecutor(2) as pool:
        found, wordless = pool.map(caption_scores, (PAIRS, [(".", "a dog"), ("", "")]))
    assert found.meteor == pytest.approx(METEOR, abs=1e-6)
    assert (wordless.meteor, wordless.cider) == (0, 0)
    assert captions._cider([("", "a dog"), ("", "")]) == (0, 0)
    assert {path for path in FOLDER.rglob("*") if "__pycache__" not in path.parts} == before


@needs_tools
def test_missing_java_is_one_clear_message(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CaptionToolError, match="need Java 8 or newer on the PATH"):
        caption_scores(PAIRS)


def test_a_missing_package_is_one_clear_message(monkeypatch):
    monkeypatch.setattr(captions, "find_spec", lambda name: None)
    with pytest.raises(CaptionToolError, match=r"pip install 'samtok-bench\[captions\]'"):
        caption_scores(PAIRS)


@needs_tools
@pytest.mark.parametrize(
    ("script", "message"),
    [("exit 3", "tokenizer gave 0 lines for 6 texts"), ("case $* in *PTB*) exec $REAL $*;; esac", "2 GB")],
    ids=["tokenizer", "meteor"],
)
def test_java_that_stops_is_one_clear_message(script, message, tmp_path, monkeypatch):
    (tmp_path / "java").write_text(f"#!/bin/sh\nREAL={JAVA}\n{script}\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(CaptionToolError, match=message):
        caption_scores(PAIRS)


def test_no_captions():
    with pytest.raises(ValueError, match="there are no captions to score"):
        caption_scores([])


def test_pairs_are_scored_once_and_without_the_tools_there_is_a_warning(monkeypatch):
    pairs = (("a cat", "a dog"), ("a cat", "a cat"))
    asked = []

    def scores(pairs):
        asked.append(pairs)
        return captions.CaptionScores(meteor=0.5, cider=2.0)

    captions.scores_or_none.cache_clear()
    monkeypatch.setattr(captions, "caption_scores", scores)
    assert captions.scores_or_none(pairs) is captions.scores_or_none(pairs)
    assert asked == [pairs]
    monkeypatch.undo()
    monkeypatch.setattr(captions, "find_spec", lambda name: None)
    captions.scores_or_none.cache_clear()
    with pytest.warns(UserWarning, match="METEOR and CIDEr are not computed: .* need pycocoevalcap"):
        assert captions.scores_or_none(pairs) is None
    captions.scores_or_none.cache_clear()
