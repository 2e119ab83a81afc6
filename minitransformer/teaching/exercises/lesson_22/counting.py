"""Lesson 22's exercises on counting: a training step, and where attention takes the half."""

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_step_operations(B, S, T, D, F, V, L):
    """Operations of the products of one training step: L + L blocks, src (B, S), tgt (B, T)."""
    src, tgt = B * S, B * T
    encoder = 4 * src * D * D + 2 * src * S * D + 2 * src * D * F
    decoder = 6 * tgt * D * D + 2 * src * D * D + 2 * tgt * (T + S) * D + 2 * tgt * D * F
    forward = L * (encoder + decoder) + tgt * D * V
    return 2 * 3 * forward


def my_attention_share(T, D, F):
    """(attention's share of an encoder block's multiply-adds, the T at which it is a half)."""
    return T / (T + 2 * D + F), 2 * D + F


def step_sizes(rng):
    for _ in range(3):
        B, S, T, D, F, V, L = (int(n) for n in rng.permutation([3, 5, 7, 8, 11, 13, 17]))
        yield call(B, S, T, D, F, V, L)


def block_sizes(rng):
    for T, D, F in ((300, 64, 256), (50, 96, 160), (4000, 128, 700)):
        yield call(T + int(rng.integers(40)), D, F)


def step_mistake(*, factor=6, cross_kv="src", scores_of_cross=1, products=2, layers=True,
                 cross_projections=2, out_layers=False, memory=2):
    """my_step_operations with one of its parts wrong."""
    def step(B, S, T, D, F, V, L):
        src, tgt = B * S, B * T
        encoder = 4 * src * D * D + products * src * S * D + 2 * src * D * F
        read = memory * (src if cross_kv == "src" else tgt) * D * D
        decoder = ((4 + cross_projections) * tgt * D * D + read + 2 * tgt * D * F
                   + products * tgt * (T + scores_of_cross * S) * D)
        blocks = (L if layers else 1) * (encoder + decoder)
        return factor * (blocks + (L if out_layers else 1) * tgt * D * V)
    return step


ITEMS = (
    Prediction(
        "22.1", "An encoder block is 128 wide, its feed-forward 512, and a text has 64 tokens. Of "
        "all multiply-adds of the block, how many per cent belong to scores and mixing, the part "
        "that grows with T^2?",
        answer=7.7,
        because="64 / (64 + 2 x 128 + 512) = 7.7%. A token passes through 12 x 128^2 weights, and "
                "compares itself with no more than 64 others.",
    ),
    Exercise(
        "22.2", "the operations of a training step", 12,
        solution=my_step_operations,
        cases=step_sizes,
        results=("The number of operations",),
        mistakes=(
            Mistake(step_mistake(factor=2),
                    "This is the forward pass alone: the backward takes twice as many again."),
            Mistake(step_mistake(factor=3),
                    "These are multiply-adds: each is two operations."),
            Mistake(step_mistake(factor=4),
                    "The backward of a product is two products, dx and dw: forward and backward "
                    "together are three times the forward."),
            Mistake(step_mistake(factor=1),
                    "These are the multiply-adds of the forward pass: two operations each, and "
                    "the backward takes twice as many again."),
            Mistake(step_mistake(cross_kv="tgt"),
                    "Cross-attention's keys and values are made of the memory: B S rows, not B T."),
            Mistake(step_mistake(scores_of_cross=0),
                    "The decoder's cross-attention compares T queries with S keys as well."),
            Mistake(step_mistake(products=1),
                    "Attention has two products: the scores, and mixing the values."),
            Mistake(step_mistake(layers=False),
                    "There are L blocks on either side."),
            Mistake(step_mistake(out_layers=True),
                    "The projection to the vocabulary comes once, after all blocks."),
            Mistake(lambda B, S, T, D, F, V, L: my_step_operations(B, S, T, D, F, 0, L),
                    "The projection to the vocabulary is missing: B T rows, each D numbers to V."),
            Mistake(lambda B, S, T, D, F, V, L:
                    my_step_operations(B, S, T, D, F, V, L) - 6 * L * B * T * T * D,
                    "All T x T scores are computed here, those of the future too: the mask comes "
                    "after the product, and saves none of it."),
            Mistake(lambda B, S, T, D, F, V, L:
                    my_step_operations(B, S, T, D, F, V, L) - 12 * (L - 1) * B * S * D * D,
                    "Each decoder block makes keys and values of the memory with matrices of its "
                    "own: L times, not once."),
            Mistake(step_mistake(cross_projections=0, memory=0),
                    "The decoder's cross-attention has four projections of its own: q and out for "
                    "B T rows, k and v for B S."),
        ),
        hints=("An encoder block: 4 src D D + 2 src S D + 2 src D F, with src = B S.",
               "A decoder block has self-attention (T against T), cross-attention (T against S) "
               "and a feed-forward. Only cross-attention's k and v have B S rows.",
               "All blocks, plus the output tgt D V once; then 2 for a multiply-add and 3 for "
               "forward and backward."),
    ),
    Exercise(
        "22.3", "attention's share, and where it is a half", 5,
        solution=my_attention_share,
        cases=block_sizes,
        results=("The share", "The T at which it is a half"),
        mistakes=(
            Mistake(lambda T, D, F: (T / (2 * D + F), 2 * D + F),
                    "That is attention compared with the rest: a share is attention divided by "
                    "all, itself included."),
            Mistake(lambda T, D, F: (T / (T + 4 * D + 2 * F), 4 * D + 2 * F),
                    "That counts one product of T x T alone. There are two, scores and mixing."),
            Mistake(lambda T, D, F: (T / (T + 2 * D + F / 2), 2 * D + F / 2),
                    "The feed-forward has two matrices, up and down."),
            Mistake(lambda T, D, F: (T / (T + 2 * D), 2 * D),
                    "The feed-forward is missing: it belongs to the block as well."),
            Mistake(lambda T, D, F: (T / (T + 6 * D), 6 * D),
                    "2 D + F is 6 D only where F = 4 D, which is not so here."),
            Mistake(lambda T, D, F: ((2 * D + F) / (T + 2 * D + F), 2 * D + F),
                    "That is the share of everything else."),
        ),
        hints=("A token takes 2 T D multiply-adds in attention, 4 D D in the projections, and "
               "2 D F in the feed-forward.",
               "Divide all three by 2 D: what remains is T, 2 D and F.",
               "Attention is a half where it equals the other two together."),
    ),
)
