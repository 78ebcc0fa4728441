"""Loads a model with transformers, and bitsandbytes, on the CPU, once for each line of standard input.

Versions that the published figures were taken with: benchmarks/baselines/requirements.txt.
Protocol: prints {"ready": ..., versions} once; then for each line, the bytes of the checkpoint, loads it and prints
{"work": bytes, "seconds": s, "peakResident": bytes}; an empty line ends it.

Usage: python transformers_load.py MODEL_FOLDER --base bf16|nf4-double
"""

import argparse
import gc
import json
import resource
import sys
import time

import torch
import transformers


def seconds(folder, quantization):
    start = time.perf_counter()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.bfloat16, quantization_config=quantization
    )
    taken = time.perf_counter() - start
    del model
    gc.collect()
    return taken


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--base", choices=("bf16", "nf4-double"), default="bf16")
    args = parser.parse_args()
    versions = dict(torch=torch.__version__, transformers=transformers.__version__)
    quantization = None
    if args.base == "nf4-double":
        import bitsandbytes

        versions["bitsandbytes"] = bitsandbytes.__version__
        quantization = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    seconds(args.model, quantization)
    print(json.dumps(dict(ready=True, threads=torch.get_num_threads(), **versions)), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        taken = seconds(args.model, quantization)
        resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(dict(work=int(line), seconds=taken, peakResident=resident)), flush=True)


if __name__ == "__main__":
    main()
