"""The language model: text in, text out. writer, settings, yardsticks, training, in this order."""

from minitransformer.language_model.training import (
    SETTINGS, make_tokenizer, make_trainer, train_language_model)
from minitransformer.language_model.writer import FILE, LanguageModel
from minitransformer.language_model.yardsticks import NGram, gzip_bits, ngram_bits
