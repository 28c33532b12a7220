"""What is left of the tiny models when some of their units are 0, by forward hooks of transformers.

usage: lesion.py MODELS      writes MODELS/lesion.json: for each of a few models and lesions the units that are 0 (layer, tap, unit), the
outputs of the last block (tokens x units) and, of models that predict words, the surprisals of the golden ids in bits. torch, transformers
"""
import json, sys
import torch
from transformers import AutoModel, AutoModelForCausalLM

ROOT = sys.argv[1]
CASES = {  # model: lesions, each of taps with units of layers
    "gpt2": [{"ffn.out": {0: [1, 5, 23], 1: [0]}}, {"ffn.act": {1: [3, 4, 95]}, "attn.out": {0: [2]}}, {"attn.q": {0: [0, 9]}, "attn.k": {1: [7]}}, {"attn.heads": {0: list(range(8)), 1: [20]}, "hidden": {0: [11]}}],
    "llama3-gqa": [{"ffn.out": {0: [1, 5]}, "ffn.act": {0: [0], 1: [2, 3]}}, {"attn.k": {0: [0, 1]}, "attn.q": {1: [3]}, "attn.heads": {1: [5]}}, {"hidden": {1: [4, 5]}, "attn.out": {1: [0]}}],
    "gemma2": [{"ffn.out": {0: [1, 5], 1: [7]}, "attn.out": {0: [3]}}, {"attn.q": {0: [1]}, "hidden": {0: [2]}, "ffn.act": {1: [0]}}],
    "qwen3": [{"attn.q": {0: [1, 2]}, "attn.k": {0: [0], 1: [1]}}, {"ffn.out": {1: [0]}, "attn.heads": {0: [3]}}],
    "neox": [{"ffn.out": {0: [1, 5]}, "attn.out": {1: [3]}}, {"ffn.act": {0: [8]}, "attn.heads": {1: [1]}, "hidden": {0: [2]}}],
    "opt": [{"ffn.out": {0: [1, 5]}, "attn.q": {1: [3]}}, {"ffn.act": {0: [8]}, "attn.heads": {1: [1]}, "hidden": {0: [2]}}],
    "bert": [{"ffn.out": {0: [1, 5]}, "attn.q": {1: [3]}}, {"ffn.act": {0: [8]}, "attn.heads": {1: [1]}, "hidden": {0: [2]}}],
}


def blocks(model):
    kind = model.config.model_type
    if kind == "bert":
        return [dict(block=l, ffn=l.output.dense, attn=l.attention.output.dense, q=l.attention.self.query, k=l.attention.self.key) for l in model.encoder.layer]
    if kind == "opt":
        return [dict(block=l, ffn=l.fc2, attn=l.self_attn.out_proj, q=l.self_attn.q_proj, k=l.self_attn.k_proj) for l in model.decoder.layers]
    if kind == "gpt_neox":
        return [dict(block=l, ffn=l.mlp.dense_4h_to_h, attn=l.attention.dense) for l in model.layers]
    if kind == "gpt2":
        return [dict(block=l, ffn=l.mlp.c_proj, attn=l.attn.c_proj, qkv=l.attn.c_attn) for l in model.h]
    return [dict(block=l, ffn=l.mlp.down_proj, attn=l.self_attn.o_proj, q=l.self_attn.q_proj, k=l.self_attn.k_proj) for l in model.layers]


def zero(x, units):
    x = x.clone()
    x[..., units] = 0
    return x


def output(units):
    def hook(module, args, y):
        return (zero(y[0], units), *y[1:]) if isinstance(y, tuple) else zero(y, units)
    return hook


def entry(units):
    return lambda module, args: (zero(args[0], units), *args[1:])


def lesioned(base, lesion, hidden):
    handles = []
    for tap, layers in lesion.items():
        for layer, units in layers.items():
            m = blocks(base)[layer]
            if tap in ("ffn.act", "attn.heads"):
                handles.append(m["ffn" if tap == "ffn.act" else "attn"].register_forward_pre_hook(entry(units)))
            elif tap in ("attn.q", "attn.k") and "qkv" in m:
                handles.append(m["qkv"].register_forward_hook(output([u + (hidden if tap == "attn.k" else 0) for u in units])))
            else:
                name = {"ffn.out": "ffn", "attn.out": "attn", "attn.q": "q", "attn.k": "k", "hidden": "block"}[tap]
                handles.append(m[name].register_forward_hook(output(units)))
    return handles


found = []
for name, lesions in CASES.items():
    folder = f"{ROOT}/{name}"
    ids = torch.tensor([json.load(open(folder + "/golden.json"))["ids"]])
    kind = AutoModel if name == "bert" else AutoModelForCausalLM
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    base = model if name == "bert" else model.base_model
    for lesion in [{}] + lesions:
        last = {}
        handles = lesioned(base, lesion, model.config.hidden_size)
        handles.append(blocks(base)[-1]["block"].register_forward_hook(lambda m, a, y: last.update(x=y[0] if isinstance(y, tuple) else y) and None))
        with torch.no_grad():
            out = model(ids)
        for h in handles:
            h.remove()
        bits = None
        if name != "bert":
            logits = out.logits[0].double()
            bits = (-torch.log_softmax(logits[:-1], -1)[torch.arange(ids.shape[1] - 1), ids[0, 1:]] / torch.log(torch.tensor(2.0, dtype=torch.float64))).tolist()
        units = [[int(l), tap, u] for tap, layers in lesion.items() for l, us in layers.items() for u in us]
        found.append(dict(model=name, units=units, hidden=[[float(f"{v:.7g}") for v in row] for row in last["x"].reshape(ids.shape[1], -1).tolist()],
                          bits=bits and [float(f"{b:.7g}") for b in bits]))
        print(name, len(units), bits and round(sum(bits) / len(bits), 3))
json.dump(found, open(ROOT + "/lesion.json", "w"))
