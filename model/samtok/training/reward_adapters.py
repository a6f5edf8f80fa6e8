"""Rewards as other trainers call them: TRL, verl and EasyR1.

The textual rewards are functions (answer, truth) -> 0..1; here they get the signatures of these trainers, and
the texts with their special tokens, where the trainer hands over token ids.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from samtok.training.rewards import DecodedIoU, Reward
from samtok.vocabulary import TURN_END


def text_of(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> str:
    """The text of an answer's token ids, special tokens and all, up to the end of the turn."""
    ends = {tokenizer.convert_tokens_to_ids(TURN_END), tokenizer.eos_token_id, tokenizer.pad_token_id}
    stop = next((place for place, token in enumerate(ids) if token in ends), len(ids))
    return str(tokenizer.decode(ids[:stop], skip_special_tokens=False, clean_up_tokenization_spaces=False))


class ForTRL:
    """A reward as TRL's trainers call it, on the token ids of the answers.

    The data set needs the column "truth", the text that is wanted with its mask words; for `iou` also
    "images", lists of which the first is taken, and "masks", lists of COCO RLE; and "source" where a reward
    is not for all prompts.
    """

    def __init__(
        self,
        reward: Reward | DecodedIoU,
        tokenizer: PreTrainedTokenizerBase,
        sources: Collection[str] | None = None,
    ) -> None:
        """Adapt a reward.

        Args:
            reward: what is called.
            tokenizer: of the answers.
            sources: the prompts that it is for, by their column "source"; None for all.
        """
        self.__name__: str = reward.__name__
        """By which TRL logs it."""
        self._reward, self._tokenizer, self._sources = reward, tokenizer, sources

    def __call__(
        self, completion_ids: Sequence[Sequence[int]], truth: Sequence[str], **columns: Any
    ) -> list[float | None]:
        """The rewards of N answers; None, which TRL leaves out, for prompts of other sources."""
        chosen = [
            place
            for place in range(len(truth))
            if self._sources is None or columns["source"][place] in self._sources
        ]
        answers = [text_of(completion_ids[place], self._tokenizer) for place in chosen]
        if isinstance(self._reward, DecodedIoU):
            images = [columns["images"][place][0] for place in chosen]
            found = self._reward(answers, images, [columns["masks"][place] for place in chosen])
        else:
            pairs = zip(answers, chosen, strict=True)
            found = [self._reward(answer, truth[place]) for answer, place in pairs]
        rewards: list[float | None] = [None] * len(truth)
        for place, reward in zip(chosen, found, strict=True):
            rewards[place] = reward
        return rewards


def for_verl(weights: Mapping[Reward, float]) -> Callable[..., dict[str, float]]:
    """A weighted sum of rewards as verl calls a custom reward function.

    Returns:
        `compute_score(data_source, solution_str, ground_truth, extra_info)`, which returns "score" and each
        reward by its name. verl decodes answers without special tokens, so that `phrases` and `grounded` need
        its reward manager changed.
    """

    def compute_score(
        data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **_: Any
    ) -> dict[str, float]:
        return _summed(weights, "score", solution_str, ground_truth)

    return compute_score


def for_easyr1(weights: Mapping[Reward, float]) -> Callable[..., list[dict[str, float]]]:
    """A weighted sum of rewards as EasyR1 calls a reward function of the type "batch".

    Returns:
        `compute_score(reward_inputs)`, from dictionaries with "response" and "ground_truth" to dictionaries
        with "overall" and each reward by its name. Set `worker.reward.skip_special_tokens=false` for phrase
        tags.
    """

    def compute_score(reward_inputs: Sequence[Mapping[str, Any]], **_: Any) -> list[dict[str, float]]:
        return [_summed(weights, "overall", row["response"], row["ground_truth"]) for row in reward_inputs]

    return compute_score


def _summed(weights: Mapping[Reward, float], total: str, answer: str, truth: str) -> dict[str, float]:
    named = {reward.__name__: reward(answer, truth) for reward in weights}
    return {total: sum(weight * named[reward.__name__] for reward, weight in weights.items()), **named}
