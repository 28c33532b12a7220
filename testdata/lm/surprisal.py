"""Surprisals of the golden ids of the causal models: -log2 p of every token after the first, given those before it.

usage: surprisal.py MODELS      writes MODELS/*/surprisal.json; torch, transformers
Each folder is loaded as it was saved, in float32 with eager attention. Left out: encoders, models whose tokens see those after
them, and folders without an output layer.
"""
import glob, json, os, sys
import torch
from transformers import AutoModelForCausalLM

for path in sorted(glob.glob(sys.argv[1] + "/*/golden.json")):
    folder = os.path.dirname(path)
    config = json.load(open(folder + "/config.json"))
    if config["model_type"] in ("bert", "roberta") or config.get("is_causal") is False or os.path.basename(folder).startswith("llama2-bare"):
        continue
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.tensor([json.load(open(path))["ids"]])
    with torch.no_grad():
        logits = model(ids).logits[0].double()
    bits = -torch.log_softmax(logits[:-1], -1)[torch.arange(ids.shape[1] - 1), ids[0, 1:]] / torch.log(torch.tensor(2.0, dtype=torch.float64))
    json.dump(dict(bits=bits.tolist()), open(folder + "/surprisal.json", "w"))
    print(os.path.basename(folder), round(bits.mean().item(), 3))
