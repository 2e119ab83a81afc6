"""Lesson 08's exercises on sums: the memory's, when a part of it is lost, and a tied table's."""

import numpy as np

from minitransformer.gradient_check import check_gradients
from minitransformer.layers import tied_embeddings_backward, tied_embeddings_forward
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call
from minitransformer.tree import tree_map


def my_wrong_arrays():
    """ABDG: what the encoder computes from dmemory, and nothing else.

    A block's own gradients, its w_k and w_v of cross-attention included, are finished before
    anybody adds up what it returns. Only the encoder lives on the sum.
    """
    return "ABDG"


def my_tied_embeddings_backward(dfull, cache):
    """dfull: the full tree's gradient -> dparams, in which what was shared has been added up."""
    encoder, decoder = dict(dfull["encoder"]), dict(dfull["decoder"])
    dtable = decoder["embedding"]["table"]                                  # (V, D)
    if cache.tied_embeddings in ("output", "all"):
        dtable = dtable + decoder.pop("output")["w"].T                      # (V, D)
    if cache.tied_embeddings == "all":
        dtable = dtable + encoder.pop("embedding")["table"]                 # (V, D)
    decoder["embedding"] = {"table": dtable}
    return {"encoder": encoder, "decoder": decoder}


def tied_params(rng, tied):
    """A tree with what tied_embeddings_forward looks at, and one norm that it hands on."""
    params = {"encoder": {"embedding": {"table": rng.normal(size=(5, 3))},
                          "norm": {"gain": rng.normal(size=3)}},
              "decoder": {"embedding": {"table": rng.normal(size=(5, 3))},
                          "output": {"w": rng.normal(size=(3, 5)), "b": rng.normal(size=5)}}}
    if tied in ("output", "all"):
        del params["decoder"]["output"]
    if tied == "all":
        del params["encoder"]["embedding"]
    return params


def tied_cases(rng):
    for tied in ("all", "output", "none"):
        full, cache = tied_embeddings_forward(tied_params(rng, tied), tied_embeddings=tied)
        yield call(tree_map(lambda x: rng.normal(size=x.shape), full), cache)


def tied_proof(answer):
    errors = []
    for tied in ("all", "output", "none"):
        report = check_gradients(
            tied_embeddings_forward, answer, tied_params(np.random.default_rng(1), tied),
            options={"tied_embeddings": tied})
        errors.append(report.worst.error)
    return f"It agrees with the complex step to {max(errors):.0e}."


def tied_mistake(combine):
    """my_tied_embeddings_backward whose dtable is combine(decoder's, output's, encoder's share)."""
    def backward(dfull, cache):
        dparams = tied_embeddings_backward(dfull, cache)
        tied, encoder, decoder = cache.tied_embeddings, dfull["encoder"], dfull["decoder"]
        dtable = combine(decoder["embedding"]["table"],
                         decoder["output"]["w"].T if tied in ("output", "all") else 0,
                         encoder["embedding"]["table"] if tied == "all" else 0)
        return {"encoder": dparams["encoder"],
                "decoder": dparams["decoder"] | {"embedding": {"table": dtable}}}
    return backward


def output_not_transposed(dfull, cache):
    """my_tied_embeddings_backward that adds dw as it is, (D, V)."""
    return tied_mistake(lambda decoder, output, encoder: decoder + np.transpose(output))(
        dfull, cache)


ITEMS = (
    Exercise(
        "8.5", "what goes wrong with the sum", 6,
        solution=my_wrong_arrays,
        mistakes=(
            Mistake(lambda: "ABDEG", "E belongs to a decoder block. Is its gradient made before or "
                                     "after the blocks' shares are added up?"),
            Mistake(lambda: "ABDEFG", "E and F belong to decoder blocks. Are their gradients made "
                                      "before or after the blocks' shares are added up?"),
            Mistake(lambda: "ABCDEFGH", "The decoder's own gradients come from dlogits; dmemory "
                                        "only leaves it."),
            Mistake(lambda: "ABCDG", "C, the target's table, hangs on dx, not on dmemory."),
            Mistake(lambda: "ABD", "Something is missing: what is the very first thing that "
                                   "dmemory meets in the encoder?"),
            Mistake(lambda: "BDG", "Something is missing: what is the last thing that the "
                                   "encoder's backward computes?"),
            Mistake(lambda: "CEFH", "It is the other way round: follow dmemory from the decoder "
                                    "to the one who uses it."),
            Mistake(lambda: "ABDFG", "F belongs to a decoder block. Is its gradient made before "
                                     "or after the blocks' shares are added up?"),
            *(Mistake(lambda form=form: form, "The letters are right: write them as one string of "
                                              "four capitals, nothing between them.")
              for form in ("abdg", "A, B, D, G", "A B D G", "A,B,D,G")),
        ),
        hints=("Follow the red arrows of the picture: which boxes does dmemory still have to pass?",
               "The gradients of a block's own parameters are computed inside the block, from the "
               "dout that comes from above.",
               "The letters of the encoder's arrays, in alphabetical order."),
    ),
    Exercise(
        "8.6", "the backward of tied embeddings", 6,
        solution=my_tied_embeddings_backward,
        builds="tied_embeddings_backward",
        results=("dparams",),
        cases=tied_cases,
        proof=tied_proof,
        mistakes=(
            Mistake(tied_mistake(lambda decoder, output, encoder: decoder),
                    "The table was used in several places: the gradients of all of them add."),
            Mistake(tied_mistake(lambda decoder, output, encoder: decoder + output),
                    'With "all" the encoder reads from this table too: its gradient is missing.'),
            Mistake(tied_mistake(lambda decoder, output, encoder: decoder + encoder),
                    "The output's gradient is missing: its weights are the table, transposed."),
            Mistake(tied_mistake(lambda decoder, output, encoder: decoder + output
                                 + encoder + encoder),
                    "The encoder's gradient has been added twice."),
            Mistake(tied_mistake(lambda decoder, output, encoder: (decoder + output + encoder)
                                 / 3),
                    "The gradients of several uses add. Nothing is averaged."),
            Mistake(output_not_transposed,
                    "The output's weights are the table transposed, so their gradient has the "
                    "shape (D, V): turn it round before adding."),
        ),
        hints=('Begin with copies: encoder, decoder = dict(dfull["encoder"]), '
               'dict(dfull["decoder"]). A .pop(...) on dfull itself would change the argument.',
               'If the output is tied: dtable = dtable + decoder.pop("output")["w"].T',
               'If everything is tied: dtable = dtable + encoder.pop("embedding")["table"]. '
               "No +=: it would write into an array of dfull."),
    ),
    Prediction(
        "8.7", "A model is trained with targets that are not shifted: the decoder reads the token "
        "that it is asked for. Compared with a right one, its loss ...",
        answer="falls faster",
        because="It only has to copy what it reads, which one layer learns in a few steps. Then it "
                "is to write by itself, with nothing to copy, and cannot.",
        choices=("does not fall", "falls more slowly", "falls faster"),
    ),
)
