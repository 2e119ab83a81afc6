"""The mistakes of the article's two programs, each in the least code that makes it, on PyTorch.

    python -m minitransformer.teaching.article_code     renew lessons/results/article_code.json

Nothing here is the article's listing: each source is our own, with the mistake of a line of it.
Where PyTorch is installed the attempts are run, elsewhere what was recorded is read.
"""

import ast
import json
import warnings
from typing import NamedTuple

from minitransformer import PROJECT
from minitransformer.teaching.run_command import run_command

RESULTS = PROJECT / "lessons" / "results" / "article_code.json"
INSTALL = "pip install torch"
STACK = "stack = torch.nn.Transformer(16, 2, 1, 1, 32)\n"  # small: one block on each side
X = "x, mask = torch.zeros(3, 2, 16), torch.zeros(3, 3)\n"  # (T, B, D), (T, T)


class Attempt(NamedTuple):
    listing: str   # the section that the listing stands in
    lines: str     # its lines, counted from the first import
    stops: bool    # whether PyTorch stops; if not, the last expression's value tells what is wrong
    source: str


ATTEMPTS = {
    "argument": Attempt("2.2.4", "38", True,
                        "def model(src_vocab_size, tgt_vocab_size, d_model=512, nhead=8):\n"
                        "    pass\n"
                        "model(20000, d_model=512, nhead=8)"),
    "power": Attempt("2.2.4", "26", True, "torch.arange(4.0).pow(10000.0, -0.5)"),
    "assign": Attempt("2.2.4", "27-28", True,
                      "pe = torch.zeros(1, 8, 8)\n"
                      "pe[:, 0::2] = torch.sin(torch.ones(8, 8))"),
    "undefined": Attempt("2.2.4", "11", True, "TransformerEncoderDecoder(16, 2, 100)"),
    "axes": Attempt("2.2.4", "29", False,
                    "torch.zeros(1, 8, 8).unsqueeze(0).transpose(0, 1).shape"),
    "add": Attempt("2.2.4", "33", True, "torch.ones(2, 3, 8) + torch.zeros(1, 1, 8, 8)[:2, :]"),
    "grows": Attempt("2.2.4", "33", False,
                     "(torch.ones(6, 1, 8) + torch.zeros(1, 1, 8, 8)[:6, :]).shape"),
    "masks": Attempt("2.2.4", "14-15", True, STACK + "stack.decoder_mask(torch.zeros(3, 2))"),
    "encoder": Attempt("2.2.4", "16", True, STACK + X + "stack.encoder(mask, mask, x, x)"),
    "ids": Attempt("2.2.4", "16", True, STACK + "stack.encoder(torch.tensor([[5, 2], [7, 4]]))"),
    "unpack": Attempt("2.2.4", "16", True, STACK + X + "enc_out, proj_out = stack.encoder(x)"),
    "decoder": Attempt("2.2.4", "17", True,
                       STACK + X + "stack.decoder(x, x, mask, mask, x, x)"),
    "names": Attempt("2.4", "34", True, "vocab_size"),
    "swapped": Attempt("2.4", "27", True,
                       "def transformer(src_vocab, tgt_vocab, d_model=16, nhead=2):\n"
                       "    return torch.nn.Transformer(d_model, nhead, 1, 1)\n"
                       "transformer(20000, 512, 8, 5120)"),
    "third": Attempt("2.4", "13", False, "len(torch.nn.Transformer(16, 2, 20).encoder.layers)"),
    "padding": Attempt("2.4", "37", False,
                       "logits, targets = torch.zeros(4, 3), torch.tensor([1, 2, 0, 0])\n"
                       "counted = torch.nn.CrossEntropyLoss(reduction='sum')\n"
                       "meant = torch.nn.CrossEntropyLoss(reduction='sum', ignore_index=0)\n"
                       "counted(logits, targets).item() / meant(logits, targets).item()"),
    "dataset": Attempt("2.4", "48", True,
                       "torch.utils.data.TensorDataset([['<PAD>', '<START>']], batch_size=16)"),
    "list": Attempt("2.4", "48", True,
                    "torch.utils.data.TensorDataset([['<PAD>', '<START>']])"),
    "view": Attempt("2.4", "56", True, "torch.zeros(1, 1, 16).view(-1, 20000)"),
    "no_step": Attempt("2.4", "57", False,
                       "torch.manual_seed(0)\n"
                       "model = torch.nn.Linear(4, 3)\n"
                       "optimizer = torch.optim.Adam(model.parameters(), lr=0.001)\n"
                       "before, running_loss = model.weight.clone(), 0.0\n"
                       "for epoch in range(5):\n"
                       "    loss = torch.nn.functional.cross_entropy(\n"
                       "        model(torch.ones(6, 4)), torch.tensor([0, 1, 2, 0, 1, 2]))\n"
                       "    running_loss += loss.item()\n"
                       "(model.weight - before).abs().max().item()"),
    "item": Attempt("2.4", "59", True, "running_loss = 3.5\n(running_loss / 6).item()"),
    "string": Attempt("2.4", "64", True, "torch.tensor('<PAD>')"),
}


def attempt(source, torch):
    """What becomes of a source: "TypeError: ..." in one line, or the value of its last line."""
    *before, last = ast.parse(source).body
    names = {"torch": torch}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of slow paths, which is not the question
        try:
            exec(compile(ast.Module(before, []), "attempt", "exec"), names)
            if not isinstance(last, ast.Expr):
                exec(compile(ast.Module([last], []), "attempt", "exec"), names)
                return "nothing"
            value = eval(compile(ast.Expression(last.value), "attempt", "eval"), names)
        except Exception as error:
            words = str(error).partition("\n")[0].partition(", but expected one of")[0]
            return f"{type(error).__name__}: {words.partition('.  Target')[0]}"
    return str(list(value) if isinstance(value, torch.Size) else value)


def run_attempts():
    """(what it was run with, {name: what became of it}): live, or as recorded without PyTorch."""
    try:
        import torch
    except ImportError:
        recorded = json.loads(RESULTS.read_text(encoding="utf-8"))
        version = recorded["versions"]["torch"]
        return (f"recorded with PyTorch {version}; to run it yourself: {INSTALL}",
                recorded["attempts"])
    return f"run with PyTorch {torch.__version__}", {
        name: attempt(a.source, torch) for name, a in ATTEMPTS.items()}


def main():
    """Run all attempts and write their file. Raises ImportError where PyTorch is missing."""
    import platform

    import torch
    found = {"command": "python -m minitransformer.teaching.article_code", "seed": 0,
             "versions": {"python": platform.python_version(), "torch": torch.__version__},
             "attempts": run_attempts()[1]}
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, text in found["attempts"].items():
        print(f"{name:10} {text}")


if __name__ == "__main__":
    run_command(__doc__, main)
