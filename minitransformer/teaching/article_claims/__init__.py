"""The article's claims, one row for each sentence and each line of its programs, as data.

The article: 禅与计算机程序设计艺术, "深度学习中的 Transformer 挑战" (the challenges of the
Transformer in deep learning). It is not copied here: a row says in our own words, in English and
in Chinese, what a place of it says, what is true, and what was measured. Both notebooks of lesson
24 are made of it.
"""

from minitransformer.teaching.article_claims import (
    listing_one,
    listing_two,
    opening,
    principle,
    remedies,
)
from minitransformer.teaching.article_claims.claim import KINDS, PROMISES, VERDICTS, Claim

LANGUAGES = ("en", "zh")
CLAIMS = (*opening.CLAIMS, *principle.CLAIMS, *listing_one.CLAIMS, *listing_two.CLAIMS,
          *remedies.CLAIMS)

# How many sentences each paragraph of each section has. Headings that announce something, and
# listings, have rows of their own.
SENTENCES = {"1": (4, 1), "2.1": (3,), "2.2.1": (2,), "2.2.2": (1,), "2.2.3": (1, 1),
             "2.2.4": (1,), "2.3": (2, 2), "2.4": (1,), "2.5.1": (2,), "2.5.2": (2,),
             "2.5.3": (1,), "7.1": (1,), "7.2": (1,), "7.3": (1,), "7.4": (1,)}
HEADINGS = ("2.2", "2.3")
LINES = {  # of each program: those that are not empty
    "2.2.4": (*range(1, 3), *range(4, 12), *range(13, 19), *range(20, 31), *range(32, 35),
              *range(36, 39)),
    "2.4": (*range(1, 4), *range(5, 14), *range(15, 21), *range(22, 28), *range(29, 32),
            33, 34, *range(36, 39), *range(40, 47), 48, *range(50, 60), 61, 62, 64),
}
