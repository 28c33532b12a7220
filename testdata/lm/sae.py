"""Sparse autoencoders of random weights on taps of the tiny models, and their features of the golden ids.

usage: sae.py MODELS      writes MODELS/sae/NAME/sae_weights.safetensors (tensors as SAELens and Gemma Scope name them), cfg.json of
those that have one, and MODELS/sae/golden.safetensors: features (tokens, features), in float64 by torch from the models' golden
outputs at the tap and rounded to float32. No pre-activation lies within 1e-3 of a threshold, and of TopK none of those left out
within that of the last that stays. torch, safetensors
"""
import json, os, sys
import torch
from safetensors.torch import load_file, save_file

FEATURES = 41
# name: model, tap, layer, thresholds, b_dec subtracted, cfg.json, dtype
CASES = {
    "standard": ("gpt2", "hidden", 1, False, True, {"architecture": "standard", "activation_fn": "relu", "apply_b_dec_to_input": True, "normalize_activations": "none"}, torch.float32),
    "standard-input": ("llama3-gqa", "hidden", 0, False, False, {"architecture": "standard", "activation_fn_str": "relu", "apply_b_dec_to_input": False, "d_in": 24}, torch.float32),
    "bare": ("bert", "ffn.act", 1, False, True, None, torch.float16),
    "jumprelu": ("gemma2", "hidden", 1, True, False, {"architecture": "jumprelu", "activation_fn": "relu", "apply_b_dec_to_input": False}, torch.float32),
    "jumprelu-bare": ("neox", "attn.out", 0, True, False, None, torch.bfloat16),
    "jumprelu-input": ("gpt2", "ffn.out", 0, True, True, {"architecture": "jumprelu", "apply_b_dec_to_input": True}, torch.float32),
    "topk": ("gpt2", "hidden", 1, False, True, {"architecture": "topk", "k": 7, "rescale_acts_by_decoder_norm": False, "apply_b_dec_to_input": True}, torch.float32),
    "topk-bare": ("bert", "ffn.out", 0, False, True, {"architecture": "standard", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 30}}, torch.bfloat16),
    "topk-rescaled": ("gemma2", "ffn.act", 1, False, False, {"architecture": "topk", "k": 3, "rescale_acts_by_decoder_norm": True, "apply_b_dec_to_input": False}, torch.float32),
}
golden = {}
for name, (model, tap, layer, jump, subtract, config, dtype) in CASES.items():
    x = load_file(f"{sys.argv[1]}/{model}/golden.safetensors")[tap].double()
    units = x.shape[1] // 2
    x = x[:, layer * units:(layer + 1) * units]
    for seed in range(1000):
        g = torch.Generator().manual_seed(seed)
        random = lambda *shape: torch.randn(*shape, generator=g)
        scale = x.std().item()
        sae = dict(W_enc=random(units, FEATURES) / units**0.5, b_enc=0.2 * scale * random(FEATURES), W_dec=random(FEATURES, units), b_dec=0.3 * scale * random(units))
        if jump:
            sae["threshold"] = scale * (0.4 * random(FEATURES) + 0.2)  # some below 0
        sae = {k: v.to(dtype).contiguous() for k, v in sae.items()}
        wide = {k: v.double() for k, v in sae.items()}
        z = (x - wide["b_dec"] if subtract else x) @ wide["W_enc"] + wide["b_enc"]
        if config and config.get("rescale_acts_by_decoder_norm"):
            z = z * wide["W_dec"].norm(dim=-1)
        f = z.clamp(min=0)
        k = config and (config.get("k") or config.get("activation_fn_kwargs", {}).get("k"))
        if k:
            top = z.topk(k + 1, dim=-1)
            f = torch.zeros_like(z).scatter(-1, top.indices[:, :k], top.values[:, :k].clamp(min=0))
            if (top.values[:, k - 1] - top.values[:, k]).min() > 1e-3 * scale:
                break
            continue
        if not jump:
            break
        f = f * (z > wide["threshold"])
        if (z - wide["threshold"]).abs().min() > 1e-3 * scale:
            break
    else:
        sys.exit(f"{name}: no seed without a pre-activation near a threshold")
    folder = f"{sys.argv[1]}/sae/{name}"
    os.makedirs(folder, exist_ok=True)
    save_file(sae, folder + "/sae_weights.safetensors")
    if config:
        json.dump(config, open(folder + "/cfg.json", "w"), indent=1)
    golden[name] = f.float().contiguous()
    print(name, seed, round((f > 0).double().mean().item(), 2), "active")
save_file(golden, sys.argv[1] + "/sae/golden.safetensors")
