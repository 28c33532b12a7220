"""Surprisals of masked tokens of models that fill masks: every 7th token from the first, the second, ... on is masked in turn.

usage: masked.py MODELS      writes MODELS/masked/NAME: two more tiny random models (RoBERTa, and a BERT whose output layer is its own) with
the ids of MODELS/bert, and MODELS/masked/surprisals.json: -log2 p of every id at its mask, by transformers in float32 with eager attention.
torch, transformers, safetensors
"""
import json, os, sys
import torch
from safetensors.torch import save_file
from transformers import AutoModelForMaskedLM, BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

ROOT, MASK, PASSES = sys.argv[1], 5, 7
ids = [i for i in json.load(open(f"{ROOT}/bert/golden.json"))["ids"] if i != 1]  # 1 pads RoBERTa
size = dict(vocab_size=48, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=48)
for name, model in (("roberta", RobertaForMaskedLM(RobertaConfig(**size, hidden_act="relu"))), ("bert-untied", BertForMaskedLM(BertConfig(**size, tie_word_embeddings=False)))):
    g = torch.Generator().manual_seed(len(name))
    with torch.no_grad():
        for key, p in model.named_parameters():
            norm = p.dim() == 1 and key.endswith("weight")
            p.copy_(norm + (0.25 if p.dim() == 2 else 0.2) * torch.randn(p.shape, generator=g))
    folder = f"{ROOT}/masked/{name}"
    os.makedirs(folder, exist_ok=True)
    state, seen = {}, set()
    for key, p in model.state_dict().items():
        if p.data_ptr() not in seen and p.dtype == torch.float32:
            seen.add(p.data_ptr())
            state[key] = p.contiguous()
    save_file(state, folder + "/model.safetensors", {"format": "pt"})
    config = model.config.to_dict()
    json.dump({k: v for k, v in config.items() if k not in ("transformers_version", "_name_or_path")}, open(folder + "/config.json", "w"), indent=1)

golden = {}
for name in ("masked/roberta", "masked/bert-untied", "bert-prefix-f32", "bert-prefix-bf16"):
    model = AutoModelForMaskedLM.from_pretrained(f"{ROOT}/{name}", dtype=torch.float32, attn_implementation="eager").eval()
    bits = [0.0] * len(ids)
    for p in range(PASSES):
        at = list(range(p, len(ids), PASSES))
        hidden = torch.tensor([ids])
        hidden[0, at] = MASK
        with torch.no_grad():
            logits = model(hidden).logits[0].double()
        for t in at:
            bits[t] = (-torch.log_softmax(logits[t], -1)[ids[t]] / torch.log(torch.tensor(2.0, dtype=torch.float64))).item()
    golden[name] = dict(ids=ids, mask=MASK, passes=PASSES, bits=bits)
    print(name, len(ids), round(sum(bits) / len(bits), 3))
json.dump(golden, open(f"{ROOT}/masked/surprisals.json", "w"))
