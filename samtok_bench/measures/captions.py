"""METEOR and CIDEr-D of captions, with the tools of COCO's caption evaluation (pycocoevalcap).

Captions are tokenized by the Penn Treebank tokenizer of Stanford CoreNLP in lower case, without punctuation.
METEOR is version 1.5 for English with its normalisation: the score of the whole corpus, not the mean over
captions; 0 to 1. CIDEr-D (n 1 to 4, sigma 6) is the mean over captions, times 10 as COCO's code has it, so 0
to 10; it weighs words by how rare they are among the references, so figures of different sets of images are
not comparable, and that of one image is 0. SPICE and the rest of COCO's scores are not computed.

An empty caption counts 0 in both. The Java tools are asked through pipes, one start each: nothing is written
beside them, so several runs and read-only installations do not matter.
"""

import shutil
import subprocess
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

TOKENIZER = "tokenizer/stanford-corenlp-3.4.1.jar"
METEOR = "meteor/meteor-1.5.jar"
PUNCTUATION = frozenset(
    ["''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
"""Tokens that COCO's code takes out. Brackets stay: in lower case they have another name."""


class CaptionToolError(ValueError):
    """Captions cannot be scored on this machine; says what to install."""


@dataclass(frozen=True)
class CaptionScores:
    """Scores of a set of captions."""

    meteor: float
    """Of the whole corpus, 0 to 1."""
    cider: float
    """Mean over captions, 0 to 10."""


def caption_scores(pairs: Sequence[tuple[str, str]]) -> CaptionScores:
    """Score pairs of reference and answer.

    Raises:
        CaptionToolError: Java or pycocoevalcap is missing, or Java stopped.
        ValueError: no pairs.
    """
    if not pairs:
        raise ValueError("there are no captions to score")
    java, folder = _tools()
    tokens = _tokenized(java, folder / TOKENIZER, [text for pair in pairs for text in pair])
    tokenized = list(zip(tokens[::2], tokens[1::2], strict=True))
    each = _cider(tokenized)
    return CaptionScores(_meteor(java, folder / METEOR, tokenized), sum(each) / len(each))


@lru_cache(maxsize=4)  # constant answers share their captions, and Java starts slowly
def scores_or_none(pairs: tuple[tuple[str, str], ...]) -> CaptionScores | None:
    """Scores of pairs of reference and answer; None, with a warning, where they cannot be computed.

    Raises:
        ValueError: no pairs.
    """
    try:
        return caption_scores(pairs)
    except CaptionToolError as error:
        warnings.warn(f"METEOR and CIDEr are not computed: {error}", stacklevel=2)
        return None


def _tools() -> tuple[str, Path]:
    """Java, and the folder of pycocoevalcap."""
    spec = find_spec("pycocoevalcap")
    places = [Path(place) for place in (spec.submodule_search_locations if spec else None) or ()]
    folder = next((place for place in places if (place / METEOR).is_file()), None)
    if folder is None:
        raise CaptionToolError("METEOR and CIDEr need pycocoevalcap: pip install 'samtok-bench[captions]'")
    java = shutil.which("java")
    if java is None:
        raise CaptionToolError(
            "METEOR and CIDEr need Java 8 or newer on the PATH, as by apt-get install default-jre-headless"
        )
    return java, folder


def _tokenized(java: str, jar: Path, texts: Sequence[str]) -> list[str]:
    """The words of each text, with single spaces between them."""
    # a line break of any kind inside a text would shift all texts after it
    lines = "".join(f"{' '.join(text.split())}\n" for text in texts)
    command = [java, "-Dfile.encoding=UTF-8", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    done = subprocess.run(
        [*command, "-preserveLines", "-lowerCase"],
        input=lines.encode(errors="replace"),
        capture_output=True,
    )
    found = done.stdout.decode(errors="replace").split("\n")[:-1]
    if done.returncode or len(found) != len(texts):
        reason = done.stderr.decode(errors="replace").strip().split("\n")[-1]
        raise CaptionToolError(f"Java's tokenizer gave {len(found)} lines for {len(texts)} texts: {reason}")
    return [" ".join(word for word in line.split() if word not in PUNCTUATION) for line in found]


def _meteor(java: str, jar: Path, pairs: Sequence[tuple[str, str]]) -> float:
    """METEOR of the corpus; captions are tokenized."""
    options = ["-Xmx2G", "-Dfile.encoding=UTF-8", "-jar", str(jar)]
    command = [java, *options, "-", "-", "-stdio", "-l", "en", "-norm"]
    pipe = subprocess.PIPE
    try:  # around all of it: what is left in the pipe is written when it closes
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            into, out = process.stdin, process.stdout

            def ask(*parts: str) -> str:
                into.write(f"{' ||| '.join(parts)}\n".encode())
                into.flush()
                return out.readline().decode().strip()

            try:
                counts = [ask("SCORE", *pair) for pair in pairs]
                ask("EVAL", *counts)  # one line for each caption, then one for all
                lines = [out.readline().decode().strip() for _ in pairs]
            finally:
                process.kill()
    except BrokenPipeError:
        lines = [""]
    if not lines[-1]:
        raise CaptionToolError("Java stopped while it computed METEOR; it needs 2 GB of memory")
    return float(lines[-1])


def _cider(pairs: Sequence[tuple[str, str]]) -> tuple[float, ...]:
    """CIDEr-D of each caption; captions are tokenized."""
    from pycocoevalcap.cider.cider import Cider

    if not any(reference for reference, _ in pairs):
        return (0.0,) * len(pairs)  # no document frequencies
    references, answers = (
        {place: [text] for place, text in enumerate(texts)} for texts in zip(*pairs, strict=True)
    )
    _, each = Cider().compute_score(references, answers)
    return tuple(float(score) for score in each)
