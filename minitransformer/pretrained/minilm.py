"""MiniLM: sentences to vectors that lie close together where the meaning does."""

import numpy as np

from minitransformer.models import blocks_forward, encoder_embedding_forward
from minitransformer.pretrained.huggingface import Settings, load_huggingface
from minitransformer.pretrained.install import pretrained_file
from minitransformer.pretrained.wordpiece import WordPiece
from minitransformer.variants import mean_pooling_forward


def load():
    """all-MiniLM-L6-v2, from its package.

    The package's own limit: it reads the first 256 tokens of a text, [CLS] and [SEP] included.
    Raises ModuleNotFoundError where it is missing; as load_huggingface does, naming the file, where
    a file is missing, damaged or another model's.
    """
    folder = pretrained_file("minilm", "model")
    settings = Settings(folder / "sentence_bert_config.json")
    return SentenceEncoder(load_huggingface(folder), WordPiece.load(folder / "vocab.txt"),
                           max_tokens=settings.count("max_seq_length"))


class SentenceEncoder:
    """A BERT encoder and its tokenizer; a sentence is the mean of its tokens, of length 1.

    model: an EncoderOnly, of which embedding and blocks are used. max_tokens: a sentence's further
    tokens are not read.
    """

    def __init__(self, model, tokenizer, max_tokens):
        self.model, self.tokenizer, self.max_tokens = model, tokenizer, max_tokens

    def encode(self, sentences, batch_size=8):
        """A list of N texts -> (N, D) float32, rows of length 1: their dot products are cosines.

        Texts of like length share a batch, so that little padding is computed (batches of 32 take
        1.8 times as long as those of 8, on sentences of the Python manual); the rows are in the
        order of the texts. An empty text has a vector too, that of [CLS] and [SEP].
        Raises TypeError for what is no list of texts, ValueError for a batch_size below 1.
        """
        if isinstance(sentences, str):
            raise TypeError("sentences is one text, expected a list of them: [text]")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected at least 1")
        rows = [self.tokenizer.encode(text, self.max_tokens) for text in sentences]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        vectors = np.zeros((len(rows), self.model.config.d_model), np.float32)    # (N, D)
        for start in range(0, len(rows), batch_size):
            chosen = order[start:start + batch_size]
            vectors[chosen] = self.pooled(*padded([rows[i] for i in chosen]))     # (B, D)
        return vectors

    def pooled(self, ids, mask):
        """ids (B, T), mask (B, T) True = real token -> (B, D): the mean, divided by its length."""
        mean, _ = mean_pooling_forward(self.token_vectors(ids, mask), mask=mask)  # (B, D)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)                 # (B, D)

    def token_vectors(self, ids, mask):
        """ids (B, T), mask (B, T) -> x (B, T, D): what leaves the last block."""
        params, config = self.model.params, self.model.config
        mask = mask[:, None, None, :]                                             # (B, 1, 1, T)
        x, _ = encoder_embedding_forward(params, ids=ids, mask=mask, config=config)  # (B, T, D)
        for block in params["blocks"]:  # one by one, so that no cache outlives its block
            x, _ = blocks_forward([block], x, config=config, mask=mask)           # (B, T, D)
        return x


def padded(rows, pad_id=0):
    """Lists of ids -> ids (B, T), mask (B, T): filled up at the end to the longest."""
    lengths = np.array([len(row) for row in rows])                                # (B,)
    mask = np.arange(lengths.max()) < lengths[:, None]                            # (B, T)
    ids = np.full(mask.shape, pad_id)                                             # (B, T)
    ids[mask] = np.concatenate(rows)
    return ids, mask
