"""Tiny random language models of every variant that lm reads, with the outputs of each tap.

usage: models.py OUT_DIR [NAME...]      all variants, or those of the names given
Needs torch, transformers, safetensors, numpy (versions are written into OUT_DIR/versions.json).

One folder per variant: config.json, model.safetensors (or shards with their index), golden.json
(token ids) and golden.safetensors: per tap (tokens, layers x units) float32, layer-major columns,
from transformers in float32 with eager attention, which loads the folder as it was saved. Taps are read with hooks:
  ffn.out   output of the second feed-forward layer     ffn.act   its input
  attn.out  output of the attention output projection   hidden    output of the block
  attn.q, attn.k  outputs of the query and key projections, before any rotation
  attn.qk   each query unit times the mean over the tokens of its key unit (numpy, float64)
"""
import json, os, shutil, sys
import numpy as np
import torch, transformers, safetensors, tokenizers
from safetensors.torch import save_file, load_file
from transformers import (BertConfig, BertModel, BertForMaskedLM, LlamaConfig, LlamaModel, LlamaForCausalLM,
                          AutoModel, AutoModelForCausalLM, MistralConfig, Qwen2Config, Qwen3Config, Gemma2Config, OPTConfig, GPTNeoXConfig, GPT2Config, GPT2Model, GPT2LMHeadModel, RobertaConfig, RobertaModel)

out_dir, names = sys.argv[1], sys.argv[2:]
VOCAB, HIDDEN, FFN, LAYERS, TOKENS = 48, 24, 40, 2, 14


def randomise(model, seed):
    """Weights large enough that every branch matters; norms away from 1, biases away from 0."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1 and name.endswith("weight"):
                p.copy_(1 + 0.2 * torch.randn(p.shape, generator=g))
            else:
                p.copy_((0.25 if p.dim() == 2 else 0.1) * torch.randn(p.shape, generator=g))
    return model


def hooks(model):
    """The modules of each tap, a list per layer."""
    kind = model.config.model_type
    if kind in ("bert", "roberta"):
        return [dict(block=l, ffn=l.output.dense, attn=l.attention.output.dense,
                     q=l.attention.self.query, k=l.attention.self.key) for l in model.encoder.layer]
    if kind == "opt":
        return [dict(block=l, ffn=l.fc2, attn=l.self_attn.out_proj, q=l.self_attn.q_proj, k=l.self_attn.k_proj) for l in model.decoder.layers]
    if kind == "gpt_neox":
        return [dict(block=l, ffn=l.mlp.dense_4h_to_h, attn=l.attention.dense, heads=l.attention.query_key_value) for l in model.layers]
    if kind != "gpt2":
        return [dict(block=l, ffn=l.mlp.down_proj, attn=l.self_attn.o_proj,
                     q=l.self_attn.q_proj, k=l.self_attn.k_proj) for l in model.layers]
    return [dict(block=l, ffn=l.mlp.c_proj, attn=l.attn.c_proj, qkv=l.attn.c_attn) for l in model.h]


def taps(model, ids):
    got = {}

    def keep(key, x):
        got[key] = x.detach().numpy().reshape(-1, x.shape[-1]).copy()

    handles = []
    for i, m in enumerate(hooks(model)):
        for name in ("ffn", "attn", "q", "k", "qkv", "heads"):
            if name in m:
                handles.append(m[name].register_forward_hook(
                    lambda mod, a, y, key=(i, name): (keep(key, y), keep((key[0], key[1] + ".in"), a[0])) and None))
        handles.append(m["block"].register_forward_hook(
            lambda mod, a, y, key=(i, "hidden"): keep(key, y[0] if isinstance(y, tuple) else y)))
    with torch.no_grad():
        model(torch.tensor([ids]))
    for h in handles:
        h.remove()
    c = model.config
    heads = c.num_attention_heads
    kv = getattr(c, "num_key_value_heads", None) or heads
    res = {t: [] for t in ("ffn.out", "ffn.act", "attn.out", "attn.q", "attn.k", "attn.qk", "hidden")}
    for i in range(c.num_hidden_layers):
        if (i, "qkv") in got:
            q, k, _ = np.split(got[i, "qkv"], 3, axis=1)
        elif (i, "heads") in got:  # queries, keys and values of each head side by side
            q, k, _ = np.moveaxis(got[i, "heads"].reshape(len(ids), heads, 3, -1), 2, 0).reshape(3, len(ids), -1)
        else:
            q, k = got[i, "q"], got[i, "k"]
        t = len(ids)
        mean_key = k.astype(np.float64).mean(0).reshape(kv, -1).repeat(heads // kv, axis=0).reshape(1, -1)
        for name, x in (("ffn.out", got[i, "ffn"]), ("ffn.act", got[i, "ffn.in"]), ("attn.out", got[i, "attn"]),
                        ("attn.q", q), ("attn.k", k), ("attn.qk", q * mean_key), ("hidden", got[i, "hidden"])):
            res[name].append(np.asarray(x, np.float32).reshape(t, -1))
    return {t: torch.from_numpy(np.concatenate(x, axis=1).copy()) for t, x in res.items()}


def write(name, model, dtype=torch.float32, **options):
    """Saves one variant as named, and in float32 and bfloat16 where that is another type."""
    if names and name not in names:
        return
    save(name, model, dtype=dtype, **options)
    for other, suffix in ((torch.float32, "-f32"), (torch.bfloat16, "-bf16")):
        if other != dtype:
            save(name.removesuffix("-bf16").removesuffix("-f16") + suffix, model, dtype=other, **options)


def save(name, model, edit=None, rename=None, dtype=torch.float32, shards=1, tokens=TOKENS, keep=None):
    """Saves one variant; edit changes config.json as older or newer tools spell it."""
    folder = os.path.join(out_dir, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    randomise(model, sum(map(ord, name)))
    sd = {(rename(k) if rename else k): v.detach().to(dtype).contiguous() for k, v in model.state_dict().items()}
    if keep:
        sd = {k: v for k, v in sd.items() if keep(k)}
    seen, unique = {}, {}
    for k, v in sd.items():
        if v.data_ptr() in seen and dtype == torch.float32:
            continue
        seen[v.data_ptr()] = k
        unique[k] = v
    sd = unique
    if shards == 1:
        save_file(sd, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    else:
        keys, index = sorted(sd), {}
        for s in range(shards):
            part = {k: sd[k] for k in keys[s::shards]}
            file = f"model-{s + 1:05d}-of-{shards:05d}.safetensors"
            save_file(part, os.path.join(folder, file), {"format": "pt"})
            index.update({k: file for k in part})
        total = sum(v.numel() * v.element_size() for v in sd.values())
        json.dump({"metadata": {"total_size": total}, "weight_map": index},
                  open(os.path.join(folder, "model.safetensors.index.json"), "w"), indent=1)
    conf = model.config.to_dict()
    conf = {k: conf[k] for k in conf if k not in ("transformers_version", "_name_or_path")}
    conf["dtype"] = str(dtype).split(".")[1]
    if edit:
        edit(conf)
    json.dump(conf, open(os.path.join(folder, "config.json"), "w"), indent=1, sort_keys=True)
    # What is compared is what the files hold: rounded weights, widened to float32.
    base = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    ids = np.random.default_rng(7).integers(3, VOCAB, tokens).tolist()
    save_file(taps(base, ids), os.path.join(folder, "golden.safetensors"))
    json.dump({"ids": ids}, open(os.path.join(folder, "golden.json"), "w"))
    print(name, len(sd), "tensors")


def llama(cls=LlamaForCausalLM, **kw):
    args = dict(vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS,
                num_attention_heads=3, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
    args.update(kw)
    return cls._from_config(LlamaConfig(**args), attn_implementation="eager").eval()


def bert(cls=BertModel, config=BertConfig, **kw):
    args = dict(vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS,
                num_attention_heads=3, max_position_embeddings=32)
    args.update(kw)
    return cls._from_config(config(**args), attn_implementation="eager").eval()


def gpt2(**kw):
    args = dict(vocab_size=VOCAB, n_embd=HIDDEN, n_layer=LAYERS, n_head=3, n_positions=32)
    args.update(kw)
    return GPT2LMHeadModel._from_config(GPT2Config(**args), attn_implementation="eager").eval()


def spell(**names):
    """Renames keys."""
    return lambda c: [c.update({new: c.pop(old)}) for old, new in names.items()]


def old_rope(scaling, theta=10000.0):
    """Spells the rotation as transformers 4 did."""
    def edit(c):
        c.pop("rope_parameters", None)
        c["rope_theta"], c["rope_scaling"] = theta, scaling
        c["torch_dtype"] = c.pop("dtype")
    return edit


def drop(*keys):
    return lambda c: [c.pop(k, None) for k in keys]


llama3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)

write("bert", bert())
write("bert-prefix-bf16", bert(BertForMaskedLM, hidden_act="gelu_new"), dtype=torch.bfloat16)
write("bert-relu-f16", bert(hidden_act="relu"), dtype=torch.float16)
# Llama 1: no rope key, no key-value heads, shards.
write("llama1-shards", llama(), shards=3,
      edit=drop("rope_parameters", "num_key_value_heads", "head_dim", "attention_bias", "mlp_bias", "dtype"))
# Llama 2: saved from LlamaModel, so without the prefix; bfloat16.
write("llama2-bare-bf16", llama(LlamaModel), dtype=torch.bfloat16, edit=old_rope(None))
# Llama 3: grouped queries, another base.
write("llama3-gqa", llama(num_attention_heads=6, num_key_value_heads=2, rope_parameters=dict(rope_type="default", rope_theta=500000.0)),
      edit=old_rope(None, 500000.0))
# Llama 3.1: scaled rotation in the older spelling, sharded bfloat16.
write("llama31-scaled-old", llama(num_attention_heads=4, head_dim=6, num_key_value_heads=2, rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, **llama3)),
      edit=old_rope(dict(rope_type="llama3", **llama3), 500000.0), dtype=torch.bfloat16, shards=2)
# Llama 3.2: tied embeddings, head_dim of its own, the newer spelling.
write("llama32-tied", llama(num_attention_heads=4, num_key_value_heads=2, head_dim=10, hidden_size=24, tie_word_embeddings=True,
                            rope_parameters=dict(rope_type="llama3", rope_theta=500000.0, **llama3)))
write("llama-linear-old", llama(rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.5)),
      edit=old_rope(dict(type="linear", factor=2.5)))
write("llama-linear-new", llama(rope_parameters=dict(rope_type="linear", rope_theta=20000.0, factor=4.0)))
# Dynamic scaling acts beyond max_position_embeddings only.
write("llama-dynamic-old", llama(max_position_embeddings=8, rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=2.0)),
      edit=old_rope(dict(type="dynamic", factor=2.0)))
write("llama-dynamic-new", llama(max_position_embeddings=8, rope_parameters=dict(rope_type="dynamic", rope_theta=10000.0, factor=3.0)))
write("llama-biases", llama(attention_bias=True, mlp_bias=True, hidden_act="gelu_pytorch_tanh"))
write("gpt2", gpt2())
write("roberta", bert(RobertaModel, RobertaConfig, pad_token_id=1, type_vocab_size=1, max_position_embeddings=34))
# Keys that change what is computed.
write("llama-bidirectional", llama(), edit=lambda c: c.update(is_causal=False))
write("gpt2-bidirectional", gpt2(), edit=lambda c: c.update(is_causal=False))
# Both spellings of the rotation: the older one counts, if it is not empty.
write("llama-rope-both", llama(rope_parameters=dict(rope_type="default", rope_theta=500.0)), edit=lambda c: c.update(rope_scaling=dict(type="linear", factor=2.0)))
write("llama-rope-empty", llama(rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=3.0)), edit=lambda c: c.update(rope_scaling={}))
# The positions before scaling beside the rotation count more than those within.
write("llama31-original-top", llama(rope_parameters=dict(rope_type="llama3", rope_theta=500.0, **llama3)), edit=lambda c: c.update(original_max_position_embeddings=8))
write("gpt2-spelt", gpt2(), edit=spell(n_embd="hidden_size", n_layer="num_hidden_layers", n_head="num_attention_heads", n_positions="max_position_embeddings"))
write("gpt2-unscaled", gpt2(scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True))
write("gpt2-inverse", gpt2(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True, n_inner=40))


def causal(config, **kw):
    args = dict(vocab_size=VOCAB, hidden_size=HIDDEN, intermediate_size=FFN, num_hidden_layers=LAYERS, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64)
    args.update(kw)
    return AutoModelForCausalLM.from_config(config(**{k: v for k, v in args.items() if v is not None}), attn_implementation="eager").eval()


# Windows of attention shorter than the text, in all layers, in some, in none.
write("mistral", causal(MistralConfig, sliding_window=5))
write("mistral-all", causal(MistralConfig, head_dim=10), edit=lambda c: c.update(sliding_window=None))
write("mistral-missing", causal(MistralConfig, hidden_size=32, num_attention_heads=8, num_key_value_heads=8), edit=drop("sliding_window", "num_key_value_heads", "head_dim"))
write("qwen2", causal(Qwen2Config))
write("qwen2-window", causal(Qwen2Config, use_sliding_window=True, sliding_window=4, max_window_layers=1, tie_word_embeddings=True), edit=drop("layer_types"))
write("qwen2-types", causal(Qwen2Config, use_sliding_window=True, sliding_window=6, layer_types=["sliding_attention", "full_attention"]))
write("qwen3", causal(Qwen3Config, head_dim=10))
write("qwen3-biases", causal(Qwen3Config, head_dim=6, attention_bias=True, use_sliding_window=True, sliding_window=3, max_window_layers=0))
write("gemma2", causal(Gemma2Config, head_dim=10, sliding_window=5, query_pre_attn_scalar=20, attn_logit_softcapping=2.0))
write("gemma2-full", causal(Gemma2Config, head_dim=6, attention_bias=True, num_key_value_heads=4, layer_types=["full_attention", "full_attention"]),
      edit=lambda c: c.update(attn_logit_softcapping=None, hidden_act="relu"))
write("opt", causal(OPTConfig, intermediate_size=None, num_key_value_heads=None, ffn_dim=FFN))
write("opt-350m", causal(OPTConfig, intermediate_size=None, num_key_value_heads=None, ffn_dim=FFN, do_layer_norm_before=False, word_embed_proj_dim=16, activation_function="gelu"))
write("opt-bare", causal(OPTConfig, intermediate_size=None, num_key_value_heads=None, ffn_dim=FFN, enable_bias=False, _remove_final_layer_norm=True))
write("neox", causal(GPTNeoXConfig, num_key_value_heads=None, hidden_size=32, rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.25)))
write("neox-serial", causal(GPTNeoXConfig, num_key_value_heads=None, use_parallel_residual=False, attention_bias=False, num_attention_heads=2),
      edit=lambda c: (c.pop("rope_parameters"), c.update(rotary_pct=1.0, rotary_emb_base=300)))
json.dump(dict(python=sys.version.split()[0], torch=torch.__version__.split("+")[0], transformers=transformers.__version__,
               numpy=np.__version__, safetensors=safetensors.__version__, tokenizers=tokenizers.__version__),
          open(os.path.join(out_dir, "versions.json"), "w"), indent=1)
