"""Input embeddings of the golden ids of every model, as get_input_embeddings() gives them (Gemma 2's are scaled).

usage: embeddings.py MODELS      writes MODELS/embeddings.safetensors, an array (tokens, units) per folder; torch, transformers 5.24
Each folder is loaded as it was saved, in float32.
"""
import glob, json, os, sys
import torch
from safetensors.torch import save_file
from transformers import AutoModel

arrays = {}
for path in sorted(glob.glob(sys.argv[1] + "/*/golden.json")):
    folder = os.path.dirname(path)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        arrays[os.path.basename(folder)] = model.get_input_embeddings()(torch.tensor(json.load(open(path))["ids"])).contiguous()
save_file(arrays, sys.argv[1] + "/embeddings.safetensors")
print(len(arrays), "models")
