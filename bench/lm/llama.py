"""Synthetic Llamas with random bfloat16 weights, in the shapes of Llama 3.2 1B and Llama 2 7B.

usage: llama.py 1b|7b TOKENIZER_JSON OUT_DIR
Needs numpy. TOKENIZER_JSON is one of testdata/lm/tokenizers: llama3 for 1b, llama2 for 7b. Writes 2.5 and 13.5 GB; shards are
written tensor by tensor, so that a model needs no more memory than its largest tensor.

Weights are normal with a standard deviation of 0.02, norms are 1. Tensors are cut from one pool of random numbers at random
places: the arithmetic does not mind, and to draw 7 billion numbers takes minutes.
"""
import json, os, shutil, sys
import numpy as np

SHARD = 1 << 30  # bytes of weights per shard, at least one tensor
SIZES = {
    "1b": dict(vocab_size=128256, hidden_size=2048, intermediate_size=8192, num_hidden_layers=16, num_attention_heads=32,
               num_key_value_heads=8, head_dim=64, max_position_embeddings=131072, rms_norm_eps=1e-5, tie_word_embeddings=True,
               rope_theta=500000.0, rope_scaling=dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                                      original_max_position_embeddings=8192)),
    "7b": dict(vocab_size=32000, hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32,
               num_key_value_heads=32, head_dim=128, max_position_embeddings=4096, rms_norm_eps=1e-5, tie_word_embeddings=False,
               rope_theta=10000.0),
}
size, tokenizer, out = sys.argv[1:4]
c = SIZES[size]
special = {t["content"]: t["id"] for t in json.load(open(tokenizer, encoding="utf-8"))["added_tokens"]}
start, end = ("<|begin_of_text|>", "<|end_of_text|>") if size == "1b" else ("<s>", "</s>")
c.update(model_type="llama", architectures=["LlamaForCausalLM"], hidden_act="silu", torch_dtype="bfloat16",
         bos_token_id=special[start], eos_token_id=special[end])

h, f, q = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"] * c["head_dim"]
kv = c["num_key_value_heads"] * c["head_dim"]
tensors = [("model.embed_tokens.weight", (c["vocab_size"], h))]
for l in range(c["num_hidden_layers"]):
    p = f"model.layers.{l}."
    tensors += [(p + "input_layernorm.weight", (h,)), (p + "self_attn.q_proj.weight", (q, h)), (p + "self_attn.k_proj.weight", (kv, h)),
                (p + "self_attn.v_proj.weight", (kv, h)), (p + "self_attn.o_proj.weight", (h, q)), (p + "post_attention_layernorm.weight", (h,)),
                (p + "mlp.gate_proj.weight", (f, h)), (p + "mlp.up_proj.weight", (f, h)), (p + "mlp.down_proj.weight", (h, f))]
tensors.append(("model.norm.weight", (h,)))
if not c["tie_word_embeddings"]:
    tensors.append(("lm_head.weight", (c["vocab_size"], h)))

rng = np.random.default_rng(0)


def bfloat16(x):
    bits = x.astype("<f4").view("<u4")
    return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype("<u2")  # round to nearest even


pool = bfloat16(rng.normal(0, 0.02, 1 << 24))


def draw(shape):
    if len(shape) == 1:
        return bfloat16(np.ones(shape))
    n = int(np.prod(shape))
    at = int(rng.integers(0, len(pool)))
    return np.resize(np.roll(pool, -at), n)


shards, size_of = [[]], lambda shape: 2 * int(np.prod(shape))
for name, shape in tensors:
    if shards[-1] and sum(size_of(s) for _, s in shards[-1]) + size_of(shape) > SHARD:
        shards.append([])
    shards[-1].append((name, shape))
os.makedirs(out, exist_ok=True)
index = {}
for i, shard in enumerate(shards):
    file = f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors"
    header, at = {}, 0
    for name, shape in shard:
        header[name] = dict(dtype="BF16", shape=shape, data_offsets=[at, at + size_of(shape)])
        at += size_of(shape)
        index[name] = file
    text = json.dumps(header).encode()
    with open(os.path.join(out, file), "wb") as w:
        w.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shard:
            w.write(draw(shape).tobytes())
json.dump(dict(metadata=dict(total_size=sum(size_of(s) for _, s in tensors)), weight_map=index),
          open(os.path.join(out, "model.safetensors.index.json"), "w"))
json.dump(c, open(os.path.join(out, "config.json"), "w"), indent=1)
shutil.copy(tokenizer, os.path.join(out, "tokenizer.json"))
print(sum(int(np.prod(s)) for _, s in tensors), "parameters in", len(shards), "shards")
