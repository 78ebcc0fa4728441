"""Float32 logits of model folders by transformers, with an adapter of PEFT on them where one is named.

Reads a JSON list of {"model": FOLDER, "adapter": FOLDER or null, "ids": [...]} from stdin.
Prints a JSON list of {"logits": [...]}, row by row, as the last line.
"""
import json, sys
import peft, torch, transformers

results = []
for job in json.load(sys.stdin):
    model = transformers.AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32, attn_implementation="eager")
    if job["adapter"]: model = peft.PeftModel.from_pretrained(model, job["adapter"])
    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor([job["ids"]])).logits[0]
    results.append(dict(logits=logits.flatten().tolist()))
print(json.dumps(results))
