"""Exercise 9.7: the number of parameters, by formula."""

from minitransformer.models import EncoderDecoderConfig
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_parameter_count(config):
    """How many numbers encoder_decoder_init makes for this configuration."""
    D, F, L = config.d_model, config.d_ff, config.n_layers
    attention, norm = 4 * (D * D + D), 2 * D
    feed_forward = D * F + F + F * D + D
    encoder_block = attention + feed_forward + 2 * norm
    decoder_block = 2 * attention + feed_forward + 3 * norm
    count = L * (encoder_block + decoder_block) + config.tgt_vocab_size * D
    if config.tied_embeddings != "all":
        count += config.src_vocab_size * D
    if config.tied_embeddings == "none":
        count += D * config.tgt_vocab_size + config.tgt_vocab_size
    if config.norm_placement == "pre":
        count += 2 * norm
    return count


def configurations(rng):
    sizes = {"d_model": 12, "n_heads": 3, "d_ff": 20, "n_layers": 3, "max_seq_len": 50}
    for changes in (
            {}, {"tied_embeddings": "output"}, {"norm_placement": "post"},
            {"tied_embeddings": "all", "tgt_vocab_size": 31, "norm_placement": "post"},
            {"n_layers": 1, "d_model": 16, "n_heads": 4, "d_ff": 9},
            {"n_layers": int(rng.integers(2, 9)), "d_model": 3 * int(rng.integers(5, 20)),
             "d_ff": int(rng.integers(21, 99)), "src_vocab_size": int(rng.integers(40, 99))}):
        yield call(EncoderDecoderConfig(**({"src_vocab_size": 31, "tgt_vocab_size": 23}
                                           | sizes | changes)))


def count_mistake(change):
    """my_parameter_count plus something of the configuration that does not belong to it."""
    return lambda config: my_parameter_count(config) + change(config)


ITEMS = (
    Exercise(
        "9.7", "how many parameters", 10,
        solution=my_parameter_count,
        results=("The count",),
        cases=configurations,
        mistakes=(
            Mistake(count_mistake(lambda c: -c.n_layers * (24 * c.d_model + 2 * c.d_ff)
                                  + 10 * c.n_layers * c.d_model),
                    "The biases of the linear layers are missing."),
            Mistake(count_mistake(lambda c: -4 * c.n_layers * (c.d_model ** 2 + c.d_model)),
                    "A decoder block has two attentions: the cross-attention is missing."),
            Mistake(count_mistake(lambda c: -2 * c.n_layers * c.d_model),
                    "A decoder block has three norms, one for each of its sublayers."),
            Mistake(count_mistake(lambda c: -10 * c.n_layers * c.d_model),
                    "The norms inside the blocks are missing: 2 in each encoder block, 3 in each "
                    "decoder block."),
            Mistake(count_mistake(lambda c: -4 * c.d_model * (c.norm_placement == "pre")),
                    "With pre-norm there is one more norm at the end of the encoder, and one at "
                    "the end of the decoder."),
            Mistake(count_mistake(lambda c: 4 * c.d_model * (c.norm_placement == "post")),
                    "With post-norm there is no norm at the end of the stacks: each block ends "
                    "with one already."),
            Mistake(count_mistake(lambda c: -c.tgt_vocab_size * (c.tied_embeddings == "none")),
                    "The output projection has a bias of its own where it is not tied."),
            Mistake(count_mistake(lambda c: -(c.tgt_vocab_size * (c.d_model + 1))
                                  * (c.tied_embeddings == "none")),
                    "The output projection is missing where it is not tied."),
            Mistake(count_mistake(lambda c: c.tgt_vocab_size * (c.tied_embeddings != "none")),
                    "A tied output has no bias."),
            Mistake(count_mistake(lambda c: -2 * c.d_model * (c.norm_placement == "pre")),
                    "With pre-norm the decoder has a final norm as well as the encoder."),
            Mistake(count_mistake(lambda c: c.tgt_vocab_size * (c.d_model + 1)
                                  * (c.tied_embeddings != "none")),
                    "A tied output projection is the decoder's table once more: nothing new is "
                    "stored."),
            Mistake(count_mistake(lambda c: c.src_vocab_size * c.d_model
                                  * (c.tied_embeddings == "all")),
                    'With tied_embeddings="all" the encoder uses the decoder\'s table: there is '
                    "one table in all."),
            Mistake(count_mistake(lambda c: c.max_seq_len * c.d_model),
                    "The positions are sines and cosines, and are not learned: they are not "
                    "parameters."),
        ),
        hints=("An attention is four layers D x D with a bias each; a norm has a gain and a bias; "
               "feed-forward goes from D to F and back.",
               "An encoder block: attention, feed-forward, two norms. A decoder block: two "
               "attentions, feed-forward, three norms. There are L of each.",
               "Then the tables, the output projection (unless it is tied), and with pre-norm two "
               "norms at the ends."),
    ),
    Prediction(
        "9.8", "The base model of the paper of 2017 has one table of 37,000 tokens, D = 512, for "
        "source, target and output. Which percentage of its parameters stands in that table?",
        answer=30.0,
        because="37,000 times 512 is 18.9 million, of 63.1 million in all.",
    ),
)
