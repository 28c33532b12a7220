"""Tokens per second of Hugging Face transformers on windows of 256 tokens, one after the other.

usage: hf_speed.py MODEL_DIR [--threads 2] [--windows 20] [--rounds 3] [--device cpu]
Needs torch, transformers.
"""
import argparse, time
import torch
from transformers import AutoModel

p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("--threads", type=int, default=2)
p.add_argument("--windows", type=int, default=20)
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--device", default="cpu")
p.add_argument("--attention", default="eager")
a = p.parse_args()
torch.set_num_threads(a.threads)
model = AutoModel.from_pretrained(a.model, dtype=torch.float32, attn_implementation=a.attention).eval().to(a.device)
ids = torch.randint(5, model.config.vocab_size - 5, (1, 256), generator=torch.Generator().manual_seed(0)).to(a.device)
wait = torch.cuda.synchronize if a.device != "cpu" else (lambda: None)
with torch.no_grad():
    model(ids)
    for _ in range(a.rounds):
        wait()
        start = time.perf_counter()
        for _ in range(a.windows):
            model(ids)
        wait()
        print(f"{256 * a.windows / (time.perf_counter() - start):.0f} tokens/s", flush=True)
