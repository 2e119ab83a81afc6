"""How well ways of reading a model agree with what is known: lesson 19's measurements.

The model's own truth is deletion: a token is masked, as padding is, and the score is taken again.
The task's truth is which tokens decide: the mark and the letter behind it (reading_task), or of a
translation the word that another word in its place would make the next letter another.
"""

import numpy as np

from minitransformer.data.number_words import german_words
from minitransformer.data.tokenizers import PAD, START
from minitransformer.interpretability.attention_maps import attention_maps, cross_rollout, rollout
from minitransformer.interpretability.attribution import (
    gradient_times_input, integrated_gradients, occlusion)
from minitransformer.interpretability.embedded import embedded
from minitransformer.teaching.reading_task import draw_marked_texts

ATTENTION, ALL_BLOCKS, ROLLOUT = "attention, last block", "attention, all blocks", "rollout"
GRADIENT, INTEGRATED = "gradient x input", "integrated gradients"
AVERAGED, DELETED = "average in its place", "deletion"
WAYS = (ATTENTION, ALL_BLOCKS, ROLLOUT, GRADIENT, INTEGRATED, AVERAGED, DELETED)


def against_the_rest(answer, n):
    """Weights (n,) of the logits: the answer's logit less the mean of all."""
    return np.eye(n)[answer] - 1 / n


def ranks_agree(a, b):
    """Spearman's rank correlation of a and b (T,): 1 where they order the tokens alike."""
    places = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(places)[0, 1])


def read_marked(model, ids, answer):
    """{way: (T,)} of one text of reading_task: what each token has to do with the answer."""
    T, weights = len(ids), against_the_rest(answer, model.config.n_classes)
    maps = attention_maps(model, ids)["self"]                                # (L, H, T, T)
    function = embedded(model, ids)
    without = ~np.eye(T + 1, T, dtype=bool)                                  # (T + 1, T)
    logits, _ = model.forward(ids=np.repeat([ids], T + 1, axis=0), mask=without)
    scores = logits @ weights                                                # (T + 1,)
    complete = integrated_gradients(function, weights)
    return {ATTENTION: maps[-1].mean(axis=(0, 1)), ALL_BLOCKS: maps.mean(axis=(0, 1, 2)),
            ROLLOUT: rollout(maps)[-1].mean(axis=0),  # the mean reads all tokens alike
            GRADIENT: gradient_times_input(function, weights), INTEGRATED: complete.tokens,
            AVERAGED: occlusion(function, weights), DELETED: scores[-1] - scores[:-1]}, complete


def measure_marked(model, rng, count):
    """{"accuracy", "gap", "steps", "ways": {way: its five measures}}, of right answers alone.

    "letter", "mark": the share of texts whose highest token that is; "both": whose two highest
    tokens are these two; "by size": the same without the signs, a negative share counting as much
    as a positive one; "agreement": the mean rank correlation with deletion.
    """
    texts = draw_marked_texts(rng, count)
    right = model.predict(ids=texts.ids) == texts.classes                    # (B,)
    rows, gaps, steps = {way: [] for way in WAYS}, [], []
    for row in np.flatnonzero(right):
        found, complete = read_marked(model, texts.ids[row], texts.classes[row])
        gaps.append(complete.gap)
        steps.append(complete.steps)
        place = texts.places[row]
        for way, values in found.items():
            order = np.argsort(-values)
            rows[way].append([order[0] == place + 1, order[0] == place,
                              set(order[:2]) == {place, place + 1},
                              set(np.argsort(-np.abs(values))[:2]) == {place, place + 1},
                              ranks_agree(values, found[DELETED])])
    names = ("letter", "mark", "both", "by size", "agreement")
    return {"accuracy": float(right.mean()), **_gaps(gaps, steps),
            "ways": {way: dict(zip(names, np.mean(values, axis=0).tolist()))
                     for way, values in rows.items()}}


UNITS, TENS = "one two three four five six seven eight nine".split(), (
    "twenty thirty forty fifty sixty seventy eighty ninety".split())


def deciding_words(source_tokens):
    """[(word's place in the source, letter's place in the German)], for each unit and ten in it.

    Another unit, or ten, in the word's place makes another number, whose German is the same up to
    the letter. Of all that could stand there, the one that is other first.
    """
    german, found = german_words(_number_of(source_tokens)), []
    for place, word in enumerate(source_tokens):
        kin = UNITS if word in UNITS else TENS if word in TENS else ()
        first = []
        for other in kin:
            if other != word:
                changed = _number_of(source_tokens[:place] + [other] + source_tokens[place + 1:])
                first.append(_common(german, german_words(changed)))
        if first:
            found.append((place, min(first)))
    return found


def read_translation(translator, source, target, letter):
    """({way: (S,)}, Attributions): what each source token has to do with target[letter]."""
    model = translator.model
    src, ids = np.array(translator.source.encode(source)), translator.target.encode(target)
    tgt, S = np.array([START, *ids[:letter]]), len(src)
    weights = against_the_rest(ids[letter], model.config.tgt_vocab_size)
    maps = attention_maps(model, src, tgt)
    function = embedded(model, src, tgt=tgt)
    without = np.where(np.eye(S + 1, S, dtype=bool), PAD, src)               # (S + 1, S)
    logits, _ = model.forward(without, np.repeat(tgt[None], S + 1, axis=0))
    scores = logits[:, -1] @ weights                                         # (S + 1,)
    complete = integrated_gradients(function, weights)
    cross = maps["cross"][:, :, -1]                                          # (L, H, S)
    return {ATTENTION: cross[-1].mean(axis=0), ALL_BLOCKS: cross.mean(axis=(0, 1)),
            ROLLOUT: cross_rollout(maps)[1][-1, -1],
            GRADIENT: gradient_times_input(function, weights), INTEGRATED: complete.tokens,
            AVERAGED: occlusion(function, weights), DELETED: scores[-1] - scores[:-1]}, complete


def measure_translator(translator, pairs):
    """{"letters", "words", "gap", "steps", "ways": {way: {"word", "agreement"}}} of number words.

    word: the share of deciding letters whose highest source token is the word that decides;
    agreement as in measure_marked; words: the mean number of source tokens, one in so many being
    what a guess would hit. Of letters that the model gets right alone.
    """
    rows, gaps, steps, sizes = {way: [] for way in WAYS}, [], [], []
    for source, target in pairs:
        src, ids = translator.source.encode(source), translator.target.encode(target)
        for place, letter in deciding_words(translator.source.split(source)):
            logits, _ = translator.model.forward([src], [[START, *ids[:letter]]])
            if np.argmax(logits[0, -1]) != ids[letter] or len(src) < 2:  # one token has no rival
                continue
            found, complete = read_translation(translator, source, target, letter)
            gaps.append(complete.gap)
            steps.append(complete.steps)
            sizes.append(len(src))
            for way, values in found.items():
                rows[way].append([np.argmax(values) == place, ranks_agree(values, found[DELETED])])
    return {"letters": len(sizes), "words": float(np.mean(sizes)), **_gaps(gaps, steps),
            "ways": {way: dict(zip(("word", "agreement"), np.mean(values, axis=0).tolist()))
                     for way, values in rows.items()}}


def _gaps(gaps, steps):
    return {"gap": float(max(gaps)), "steps": float(np.mean(steps))}


def _common(a, b):
    """How many letters a and b begin alike with."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


_VALUES = {word: i + 1 for i, word in enumerate(UNITS)} | {
    word: 10 * (i + 2) for i, word in enumerate(TENS)} | {word: 10 + i for i, word in enumerate(
        "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split())}


def _number_of(tokens):
    """The number that English tokens name, "-", "," and "and" left out."""
    total = part = 0
    for token in tokens:
        if token == "thousand":
            total, part = 1000 * part, 0
        elif token == "hundred":
            part *= 100
        else:
            part += _VALUES.get(token, 0)
    return total + part
