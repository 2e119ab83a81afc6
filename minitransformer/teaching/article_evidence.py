"""The numbers that answer the article's claims: read from lessons/results, or computed here.

    measured()["plain_gib"]      "20.2"

Nothing is typed in: a claim names a number, and this module finds it.
"""

import functools
import json

import numpy as np

from minitransformer import PROJECT
from minitransformer.functional import (
    attention_forward,
    layer_norm_forward,
    relu_forward,
    residual_forward,
    sinusoidal_positions,
    softmax_forward,
)
from minitransformer.layers.encoder_block import (
    encoder_block_backward,
    encoder_block_forward,
    encoder_block_init,
)
from minitransformer.models import DecoderOnly, EncoderDecoderConfig
from minitransformer.teaching import process_proof
from minitransformer.teaching.article_code import ATTEMPTS
from minitransformer.teaching.causal_blocks import BlockConfig
from minitransformer.teaching.operation_count import attention_share, step_operations
from minitransformer.teaching.thread_processes import together

RESULTS = PROJECT / "lessons" / "results"
FILES = ("article_code", "induction", "ladder", "language_model", "memory", "norms", "parallel",
         "positions", "price", "reading", "recall", "recipe", "tasks", "transfer")
GIB = 2 ** 30


def read_results():
    """{name: contents} of the files of lessons/results that the answers need."""
    return {name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
            for name in FILES}


@functools.cache
def measured():
    """{name: the number as text} of everything that a claim may name."""
    read = read_results()
    return {**_errors(read["article_code"]), **_models(read), **_sizes(read["memory"]),
            **_remedies(read), **_inside(read), **_computed(), **_shared(read["parallel"])}


def _errors(code):
    """What PyTorch said, each under error_ and its attempt's name.

    Claims put it between backticks; with a space at either end it may hold backticks itself.
    """
    said = {f"error_{name}": f"` {text} `" if "`" in text else text
            for name, text in code["attempts"].items()}
    return {"torch": code["versions"]["torch"].partition("+")[0],
            **{name: str(sum(a.stops for a in ATTEMPTS.values() if a.listing == listing))
               for name, listing in (("stops_first", "2.2.4"), ("stops_second", "2.4"))}, **said}


def _percent(values):
    return f"{100 * np.mean(values):.0f}%"


def _models(read):
    recall = {name: np.mean(model["accuracy"], axis=0)[-1]       # at the largest distance
              for name, model in read["recall"]["models"].items()}
    bits = {rung["name"]: f"{rung['bits']:.2f}" for rung in read["ladder"]["rungs"]}
    tasks, far = read["tasks"]["tasks"], read["positions"]["bits"]
    digits = tasks["digits"]["validation"]
    written = read["language_model"]
    return {"far": str(read["recall"]["distances"][-1]),
            "recall_attention": _percent(recall["attention"]),
            "recall_window": _percent(recall["window"]),
            "bits_unigram": bits["unigram"],
            "bits_head": bits["one head"], "bits_blocks": bits["blocks"],
            "bits_written": f"{written['numpy']['bits']['test']:.2f}",
            "bits_trigram": f"{written['yardsticks']['ngrams']['3'][1]:.2f}",
            "bits_sixgram": f"{written['yardsticks']['ngrams']['6'][1]:.2f}",
            "bits_gzip": f"{written['yardsticks']['gzip_after'][1]:.2f}",
            "voices": f"{100 * np.mean(tasks['vowels']['test']):.1f}%",
            "digits": f"{100 * np.mean(tasks['digits']['test']):.1f}%",
            "digits_placed": _percent(digits["as chosen"]),
            "digits_unplaced": _percent(digits["without positions"]),
            "length": str(read["positions"]["config"]["length"]),
            "bits_near": f"{np.mean(far['sinusoidal'], axis=0)[3]:.2f}",
            "bits_beyond": f"{np.mean(far['sinusoidal'], axis=0)[4]:.2f}",
            "alibi_beyond": f"{np.mean(far['alibi'], axis=0)[4]:.2f}"}


def _sizes(memory):
    config = memory["config"]
    D, F, H, T = (config[name] for name in ("d_model", "d_ff", "n_heads", "max_seq_len"))
    article = EncoderDecoderConfig(config["src_vocab_size"], config["tgt_vocab_size"])
    block = 4 * (D * D + D) + 2 * D * F + F + D + 4 * D          # an encoder block's numbers
    layers = {row["attention"]: row["peak"] for row in memory["layers"] if row["length"] == T}

    def weights_bytes(length):
        return 3 * config["n_layers"] * 4 * H * length * length  # three attentions a block, B = 1

    return {"parameters": f"{memory['parameters'] / 1e6:.1f}",
            "parameters_zh": f"{memory['parameters'] / 1e4:.0f}",   # counted in ten thousands
            "plain_gib": f"{memory['plain']['the peak'] / GIB:.1f}",
            "weights_gib": f"{weights_bytes(T) / GIB:.1f}",
            "short_mib": f"{weights_bytes(60) / 2 ** 20:.0f}",
            "state_gib": f"{16 * memory['parameters'] / GIB:.1f}",   # with gradients and moments
            "tiles_gib": f"{memory['step']['peak'] / GIB:.1f}",
            "layer_plain": f"{layers['plain'] / 2 ** 20:,.0f}",
            "layer_tiles": f"{layers['blockwise'] / 2 ** 20:,.0f}",
            "share_long": f"{100 * attention_share(T, D, F):.1f}%",
            "share_short": _percent(attention_share(60, D, F)),
            "half_at": f"{2 * D + F:,}",
            "wide_share": _percent(2 * D * F / (4 * D * D + 2 * D * F)),
            "operations": f"{step_operations(article, B=1, S=T, T=T) / 1e12:.1f}",
            "blocks_billion": f"{T * block / 1e9:.1f}",
            "blocks_billion_zh": f"{T * block / 1e8:.0f}",           # in hundred millions
            "blocks_gib": f"{4 * T * block / GIB:.0f}"}


def _remedies(read):
    clipped = {name: min(np.mean(losses, axis=1))
               for name, losses in read["norms"]["losses"]["clipped"].items()}
    long = {name: np.mean(runs) for name, runs in read["norms"]["long"]["losses"].items()}
    deep = read["norms"]["deep"]["losses"]
    right = {(way, n): [run["share"] for run in read["transfer"]["runs"]
                        if (run["way"], run["examples"]) == (way, n)]
             for way in ("head", "LoRA", "full", "scratch", "small") for n in (16, 128, 1024)}
    spent = {way: np.mean([run["seconds"] for run in read["transfer"]["runs"]
                           if (run["way"], run["examples"]) == (way, 128)])
             for way in ("LoRA", "small")}
    soon = {way: np.mean([run["curve"][point] for run in read["transfer"]["runs"]
                          if (run["way"], run["examples"]) == (way, 1024)], axis=0)
            for way, point in (("LoRA", 1), ("small", -1))}      # (seconds, share), after 10 s
    recipe = read["recipe"]
    whole = next(row["exact"] for row in recipe["sweeps"]["Adam"] if row["rate"] == 0.002)
    bits = [row for row in read["price"]["rows"] if (row["way"], row["setting"]) == ("bits", 8)]
    full = next(row["bytes"] for row in read["price"]["rows"] if row["setting"] == 128)
    return {"norm_layer": f"{clipped['layer']:.2f}", "norm_batch": f"{clipped['batch']:.2f}",
            "norm_none": f"{clipped['none']:.2f}",
            "late_layer": f"{long['layer']:.4f}", "late_batch": f"{long['batch']:.4f}",
            "late_none": f"{long['none']:.4f}",
            "deep_lost": str(deep["none"].count(None)), "deep_runs": str(len(deep["none"])),
            "deep_layer": f"{np.mean(deep['layer']):.2f}",
            "deep_batch": f"{np.mean(deep['batch']):.2f}",
            "head_128": _percent(right["head", 128]), "lora_128": _percent(right["LoRA", 128]),
            "small_128": _percent(right["small", 128]),
            "full_1024": _percent(right["full", 1024]),
            "scratch_1024": _percent(right["scratch", 1024]),
            "lora_spent": f"{spent['LoRA']:.1f}", "small_spent": f"{spent['small']:.1f}",
            "lora_seconds": f"{soon['LoRA'][0]:.0f}", "lora_soon": _percent(soon["LoRA"][1]),
            "small_seconds": f"{soon['small'][0]:.0f}", "small_soon": _percent(soon["small"][1]),
            "recipe_whole": _percent(whole),
            "recipe_cold": _percent(recipe["parts"]["no warm-up"]["exact"]),
            "recipe_post_cold": _percent(recipe["parts"]["post-norm, no warm-up"]["exact"]),
            "bits8_right": f"{sum(row['right'] for row in bits):,}",
            "bits8_asked": f"{len(bits) * read['price']['numbers']:,}",
            "bits8_share": _percent(bits[0]["bytes"] / full)}


def _inside(read):
    seen = [run["ways"]["attention, all blocks"]["both"] for run in read["reading"]["marked"]]
    gone = [run["ways"]["deletion"]["both"] for run in read["reading"]["marked"]]
    runs = read["induction"]["runs"]
    gone_head = sorted(_without_previous(run) for run in runs)
    return {"attention_least": _percent(min(seen)), "attention_most": _percent(max(seen)),
            "deletion_least": _percent(min(gone)), "induction_models": str(len(runs)),
            "gone_least": f"{gone_head[0]:.1f}", "gone_next": f"{gone_head[1]:.1f}",
            "gone_most": f"{gone_head[-1]:.1f}", "gone_models": str(len(runs) - 1),
            "induction_two": f"{np.mean([run['two_blocks'][-1]['second'] for run in runs]):.2f}",
            "induction_one": f"{np.mean([run['one_block'][-1]['second'] for run in runs]):.2f}"}


def _without_previous(run):
    """The loss on repeated text once the head that looks most at the token before is taken out."""
    strongest = int(np.argmax(run["two_blocks"][-1]["previous"][0]))  # they stand in block 0
    return next(row["second"] for row in run["take_away"]["alone"] if row["head"] == [0, strongest])


def _computed():
    """What takes no file: small experiments with fixed seeds, in a second."""
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(2, 1000, 64))                        # (N, K) each
    scores = q @ k[:32].T                                        # (N, 32)
    sharp, scaled = (softmax_forward(s)[0] for s in (scores, scores / 8))
    place = np.linalg.norm(sinusoidal_positions(100, 512)[17])
    return {"score_variance": f"{np.var(np.sum(q * k, axis=-1)):.0f}",
            "sharp": f"{np.mean(np.max(sharp, axis=-1)):.2f}",
            "scaled": f"{np.mean(np.max(scaled, axis=-1)):.2f}",
            "weights_sum": f"{np.mean(np.sum(scaled, axis=-1)):.0f}",
            "place": f"{place:.1f}", "place_times": f"{place * 0.000857843629:.3f}",
            "heard_residual": str(heard(lambda x: residual_forward(x, relu_forward(x)[0])[0])),
            "heard_attention": str(heard(_mix)), "heard_of": "8",
            "power_none": f"{gradient_power('none'):.0f}",
            "power_layer": f"{gradient_power('layer'):.0f}",
            "least_loss": f"{0.8 * np.log(2):.4f}", "least_padded": f"{np.log(2):.4f}"}


def _shared(parallel):
    """Lesson 23: two processes beside one, and a file in which one bit is turned."""
    job = next(job for job in parallel["jobs"] if job["processes"] == 2)
    faster = {f"faster_{way}": f"{job['alone'][1] / step['seconds'][1]:.1f}"  # of the medians
              for way, step in job["steps"].items()}
    model, batch = DecoderOnly(process_proof.CONFIG, seed=0), process_proof.uneven_batch(0)
    whole = model.loss(batch)
    weight = model.params["blocks"][0]["feed_forward"]["up"]["w"]
    weight.view(np.uint32)[3, 5] ^= 1 << 30                      # the exponent's highest bit
    with np.errstate(all="ignore"):
        turned = model.loss(batch)
    errors = together(2, process_proof.proofs)[0].values()
    return {"shared_error": f"{max(errors):.0e}", "shared_models": str(len(errors)),
            "bit_weight": f"{weight[3, 5]:.0e}", "bit_whole": f"{whole:.2f}",
            "bit_turned": f"{turned:.2f}", **faster}


def _mix(x):
    x = layer_norm_forward(x, np.ones(16), np.zeros(16))[0][:, None]   # (1, 1, T, D)
    return attention_forward(x, x, x)[0][:, 0]


def heard(function):
    """How many of 8 tokens' outputs change when token 3 alone does: function (1, T, D) -> same."""
    x, other = np.random.default_rng(0).normal(size=(2, 1, 8, 16))
    changed = x.copy()
    changed[0, 3] = other[0, 3]
    return int(np.sum(np.any(function(x) != function(changed), axis=-1)))


def gradient_power(norm, depth=64):
    """The power of ten by which a gradient grows through 64 fresh blocks with skip paths."""
    rng, caches = np.random.default_rng(0), []
    config = BlockConfig(d_model=32, n_heads=4, d_ff=128, norm=norm)
    x, dx = rng.normal(size=(2, 4, 8, 32))                       # (B, T, D) each
    start = np.linalg.norm(dx)
    for _ in range(depth):
        params = encoder_block_init(rng, config=config, dtype=np.float64)
        x, cache = encoder_block_forward(params, x, config=config)
        caches.append(cache)
    for cache in reversed(caches):
        _, dx = encoder_block_backward(dx, cache)
    return float(np.log10(np.linalg.norm(dx) / start))
