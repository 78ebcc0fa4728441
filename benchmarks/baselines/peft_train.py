"""Training steps with PyTorch, PEFT and bitsandbytes on the CPU, one round per line of standard input.

Versions that the published figures were taken with: benchmarks/baselines/requirements.txt.
Protocol: prints {"ready": ..., versions} once; then for each line "STEPS" on stdin runs that many steps and
prints {"work": tokens, "seconds": s, "loss": l, "peakResident": bytes}; an empty line ends it.

Usage: python peft_train.py MODEL_FOLDER --batch 4 --tokens 256 --rank 16 --alpha 32 --targets q_proj,k_proj,v_proj,o_proj
"""

import argparse
import json
import resource
import sys
import time

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=float, default=32)
    parser.add_argument("--targets", default="q_proj,k_proj,v_proj,o_proj")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--base", choices=("floats", "nf4-double"), default="floats")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="bfloat16")
    parser.add_argument("--method", choices=("lora", "full"), default="lora")
    parser.add_argument("--checkpointing", action="store_true")
    return parser.parse_args()


def load(args):
    dtype = getattr(torch, args.dtype)
    quantization = None
    if args.base == "nf4-double":
        quantization = transformers.BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
        )
    model = transformers.AutoModelForCausalLM.from_pretrained(
        args.model, dtype=dtype, quantization_config=quantization
    )
    if args.checkpointing:
        model.gradient_checkpointing_enable(dict(use_reentrant=False))
        model.enable_input_require_grads()
    if args.method == "full":
        return model
    config = LoraConfig(r=args.rank, lora_alpha=args.alpha, target_modules=args.targets.split(","), task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def main():
    args = options()
    if args.threads > 0:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = load(args).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=args.learning_rate, weight_decay=0.0)
    ids = torch.randint(3, model.config.vocab_size, (args.batch, args.tokens))
    mask = torch.ones_like(ids)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = model(input_ids=ids, attention_mask=mask, labels=ids).loss
        loss.backward()
        optimizer.step()
        return loss.item()

    step()
    versions = dict(torch=torch.__version__, transformers=transformers.__version__, peft=peft.__version__)
    versions["ATen"] = torch.backends.cpu.get_cpu_capability()
    print(json.dumps(dict(ready=True, threads=torch.get_num_threads(), **versions)), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        start = time.perf_counter()
        for _ in range(int(line)):
            loss = step()
        seconds = time.perf_counter() - start
        resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(dict(work=int(line) * ids.numel(), seconds=seconds, loss=loss, peakResident=resident)), flush=True)


if __name__ == "__main__":
    main()
