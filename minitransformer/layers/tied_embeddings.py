"""Tied embeddings: one table used in several places, written as copying and adding."""

from typing import NamedTuple

from minitransformer.tree import tree_add, tree_map


class TiedEmbeddingsCache(NamedTuple):
    tied_embeddings: str


def tied_embeddings_forward(params, *, tied_embeddings):
    """Put the decoder's table wherever it is shared, so that the model need not know of sharing.

    params: {"encoder", "decoder"} without the shared parts -> the full tree, cache.
    "output": the output projection is the table transposed, without a bias; "all": the encoder's
    table is the same one too; "none": nothing is shared. Nothing is copied in memory.
    Source: Press and Wolf 2017.
    """
    encoder, decoder = dict(params["encoder"]), dict(params["decoder"])
    table = decoder["embedding"]["table"]                                   # (V, D)
    if tied_embeddings in ("output", "all"):
        decoder["output"] = {"w": table.T}                                  # (D, V)
    if tied_embeddings == "all":
        encoder["embedding"] = {**encoder.get("embedding", {}), "table": table}  # (V, D)
    return {"encoder": encoder, "decoder": decoder}, TiedEmbeddingsCache(tied_embeddings)


# A table that is used in several places gets the sum of their gradients:
#     dtable = dtable_decoder + dw_outputᵀ + dtable_encoder
def tied_embeddings_backward(dfull, cache):
    """dfull: the full tree's gradient -> dparams, built like params."""
    encoder, decoder = dict(dfull["encoder"]), dict(dfull["decoder"])
    dtable = decoder["embedding"]["table"]                                  # (V, D)
    if cache.tied_embeddings in ("output", "all"):
        dtable = tree_map(lambda a, dw: a + dw.T, dtable, decoder.pop("output")["w"])  # (V, D)
    if cache.tied_embeddings == "all":
        beside = encoder["embedding"] = dict(encoder["embedding"])
        dtable = tree_add(dtable, beside.pop("table"))                      # (V, D)
        if not beside:
            del encoder["embedding"]
    # What else stands beside a table (learned positions) is not shared.
    decoder["embedding"] = {**decoder["embedding"], "table": dtable}  # [tied_embeddings.dparams]
    return {"encoder": encoder, "decoder": decoder}
