"""What transformers writes with SmolLM2's file, for lesson 17 to compare with.

    python -m pip install torch transformers accelerate gguf
    python -m minitransformer.teaching.smollm2_runs          2 minutes

Ten prompts, of each the 64 tokens that transformers finds likeliest, one after another, in float32,
and of each prompt's last token the five highest scores. The results stand in
lessons/results/smollm2.json.
"""

import importlib.metadata
import json
import platform

from minitransformer.pretrained.gguf_file import GgufFile
from minitransformer.pretrained.install import PRETRAINED, pretrained_file
from minitransformer.pretrained.smollm2 import read_tokenizer
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command

RESULTS = LADDER.with_name("smollm2.json")
PROMPTS = ("The capital of France is", "Once upon a time, in a small village by the sea,",
           "def fibonacci(n):\n    ", "Water boils at 100 degrees", "The three primary colors are",
           "In 1969, Neil Armstrong", "To make a good cup of tea, first",
           "Dear Sir or Madam,\n\nI am writing to",
           "The theory of evolution, proposed by Charles Darwin,", "Q: What is 7 times 8?\nA:")
NEW, BEST = 64, 5


def main():
    """Run transformers and write the file."""
    import torch
    import transformers

    path = pretrained_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    tokenizer = read_tokenizer(GgufFile(path))
    model = transformers.AutoModelForCausalLM.from_pretrained(
        str(path.parent), gguf_file=path.name, local_files_only=True, dtype=torch.float32).eval()
    texts = []
    for prompt in PROMPTS:
        ids = torch.tensor([tokenizer.encode(prompt)])                           # (1, T)
        with torch.inference_mode():
            scores, best = torch.topk(model(ids).logits[0, -1], BEST)            # (5,) each
            written = model.generate(ids, max_new_tokens=NEW, min_new_tokens=NEW, do_sample=False,
                                     eos_token_id=None, pad_token_id=0)
        new = written[0, ids.shape[1]:].tolist()
        texts.append({"prompt": prompt, "best": best.tolist(), "scores": scores.tolist(),
                      "new": new, "text": tokenizer.decode(new)})
        print(f"{prompt!r} {texts[-1]['text']!r}", flush=True)
    versions = {name: importlib.metadata.version(name)
                for name in ("torch", "transformers", "gguf")}
    RESULTS.write_text(json.dumps({
        "command": "python -m minitransformer.teaching.smollm2_runs",
        "package": PRETRAINED["smollm2"].package, "versions": versions,
        "machine": platform.machine(), "texts": texts}, indent=1) + "\n", encoding="utf-8")
    print(f"wrote {RESULTS}")


if __name__ == "__main__":
    run_command(__doc__, main)
