"""Prints float32 logits of a model folder with transformers, with an adapter of PEFT on it where one is named.

Usage: python logits.py MODEL IDS [ADAPTER]      IDS: token ids of one sequence, separated by commas
Output: {"logits": [...], "versions": {...}} as JSON, row by row
"""
import json, sys
import torch, transformers

folder, ids = sys.argv[1], torch.tensor([[int(i) for i in sys.argv[2].split(",")]])
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
versions = dict(torch=torch.__version__, transformers=transformers.__version__)
if len(sys.argv) > 3:
    import peft
    model, versions["peft"] = peft.PeftModel.from_pretrained(model, sys.argv[3]).eval(), peft.__version__
with torch.no_grad():
    logits = model(input_ids=ids).logits[0]
print(json.dumps(dict(logits=logits.flatten().tolist(), versions=versions)))
