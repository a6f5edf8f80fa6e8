import pytest
import torch

from samtok.quantizer import Codebook, ResidualQuantizer


@pytest.fixture
def codebook() -> Codebook:
    book = Codebook(4, 2)
    book.start_from(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]))
    return book


def test_nearest_is_squared_l2(codebook: Codebook) -> None:
    x = torch.tensor([[0.4, 0.1], [0.6, 0.1], [0.1, 0.9], [9.0, 9.0]])
    assert codebook.nearest(x).tolist() == [0, 1, 2, 3]


def test_nearest_of_a_tie_is_the_first(codebook: Codebook) -> None:
    assert codebook.nearest(torch.tensor([[0.5, 0.0]])).tolist() == [0]


def test_residual_codes_and_sum() -> None:
    quantizer = ResidualQuantizer(2, 2, 2)
    quantizer.codebooks[0].start_from(torch.tensor([[0.0, 0.0], [10.0, 0.0]]))
    quantizer.codebooks[1].start_from(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    codes = quantizer.encode(torch.tensor([[10.1, 1.9], [0.8, 0.1]]))
    assert codes.tolist() == [[1, 1], [0, 0]]
    assert quantizer.decode(codes).tolist() == [[10.0, 2.0], [1.0, 0.0]]


@pytest.mark.parametrize("codes", [[[0, 2]], [[-1, 0]]])
def test_codes_outside_the_codebook_are_refused(codes: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"codes must lie in \[0, 2\)"):
        ResidualQuantizer(2, 2, 2).decode(torch.tensor(codes))


def test_commitment_is_the_mean_over_levels_and_gradients_pass_straight_through() -> None:
    quantizer = ResidualQuantizer(2, 2, 1)
    quantizer.codebooks[0].start_from(torch.tensor([[0.0], [4.0]]))
    quantizer.codebooks[1].start_from(torch.tensor([[0.0], [1.0]]))
    z = torch.tensor([[5.5]], requires_grad=True)
    quantized, codes, commitment = quantizer(z)
    assert codes.tolist() == [[1, 1]]
    assert quantized.item() == 5.0
    assert commitment.item() == pytest.approx((1.5**2 + 0.5**2) / 2)
    quantized.sum().backward()
    assert z.grad is not None
    assert z.grad.item() == 1.0


def test_vectors_that_are_held_move_the_codes_together() -> None:
    """So the passes of a step make the one update that a single pass would make."""
    z = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    books = []
    for sizes in ((60,), (20, 20, 20)):
        torch.manual_seed(0)
        quantizer = ResidualQuantizer(4, 2, 3)
        before = quantizer.codebooks[0].weight.clone()
        for number, part in enumerate(z.split(sizes), 1):
            hold = number < len(sizes)
            quantizer(part, update=True, hold=hold, decay=0.5, restart_below=0.0)
            assert torch.equal(quantizer.codebooks[0].weight, before) == hold
        books.append([book.weight for book in quantizer.codebooks])
    torch.testing.assert_close(*books)


def test_lookups_use_the_codes_before_the_move() -> None:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(4, 2, 3)
    before = [book.weight.clone() for book in quantizer.codebooks]
    z = torch.randn(50, 3)
    quantized, codes, _ = quantizer(z, update=True, decay=0.5, restart_below=0.0)
    expected = before[0][codes[:, 0]] + before[1][codes[:, 1]]
    torch.testing.assert_close(quantized, expected)
    assert all(
        not torch.equal(old, book.weight) for old, book in zip(before, quantizer.codebooks, strict=True)
    )


def test_one_moving_average_step_by_hand(codebook: Codebook) -> None:
    # counts 1 each; code 1 receives two vectors with sum (2, 0.4), the others none
    x = torch.tensor([[1.0, 0.1], [1.0, 0.3]])
    codebook.update(x, codebook.nearest(x), decay=0.9, eps=0.0, restart_below=0.0)
    assert codebook.cluster_size_ema.tolist() == pytest.approx([0.9, 1.1, 0.9, 0.9])
    torch.testing.assert_close(codebook.weight[1], torch.tensor([0.9 * 1 + 0.1 * 2, 0.1 * 0.4]) / 1.1)
    torch.testing.assert_close(codebook.weight[3], torch.tensor([5.0, 5.0]))


def test_unused_codes_restart_at_vectors_of_the_batch(codebook: Codebook) -> None:
    x = torch.randn(300, 2) + 20  # all nearest to code 3
    codebook.update(x, codebook.nearest(x), decay=0.9, eps=0.0, restart_below=0.95)
    restarted = codebook.weight[:3]
    distance = (restarted[:, None] - x).norm(dim=-1)  # cdist is too coarse so far from the origin
    assert (distance.min(1).values < 1e-4).all()
    assert codebook.cluster_size_ema[:3].tolist() == [1.0, 1.0, 1.0]


def test_a_small_batch_restarts_codes_with_a_little_noise() -> None:
    book = Codebook(8, 2)
    book.update(torch.ones(1, 2), torch.zeros(1, dtype=torch.int64), decay=0.99, eps=0.0, restart_below=1.0)
    assert (book.weight - 1).abs().max() <= 0.01
    assert len(book.weight.unique(dim=0)) == 8
