"""Single ops of PyTorch on the CPU, one round per line of standard input.

Versions that the published figures were taken with: benchmarks/baselines/requirements.txt.
Protocol: prints {"ready": ..., versions} once; then for each line, a case as benchmarks/src/ops-case.ts has it with the
work of one call, repeats it for a while and prints {"work": FLOPs, "seconds": s, "peakResident": bytes}; an empty line
ends it. With --dtype TYPE, every case runs in that type, whatever it says itself.
"""

import argparse
import json
import math
import resource
import sys
import time

import torch
from torch.nn.functional import linear, scaled_dot_product_attention

ROUND_SECONDS = 0.2


def prepare_linear(case):
    dtype = getattr(torch, case["dtype"])
    x = torch.randn(case["rows"], case["into"], dtype=dtype)
    dy = torch.randn(case["rows"], case["out"], dtype=dtype)
    w = torch.randn(case["out"], case["into"], dtype=dtype)
    products = dict(y=lambda: linear(x, w), dx=lambda: dy @ w, dw=lambda: dy.T @ x)
    return torch.no_grad()(products[case["product"]])


def heads(case, count):
    """[B, H, T, Dh] over the memory of [B, T, H, Dh], as models have it."""
    shape = case["sequences"], case["tokens"], count, case["width"]
    operand = torch.randn(shape, dtype=getattr(torch, case["dtype"])).transpose(1, 2)
    return operand.requires_grad_(case["backward"])


def window_mask(tokens, window):
    distance = torch.arange(tokens)[:, None] - torch.arange(tokens)[None, :]
    return (distance >= 0) & (distance < window)


def prepare_attention(case):
    q, k, v = (heads(case, case[count]) for count in ("heads", "kvHeads", "kvHeads"))
    dy = torch.randn_like(q)
    # Only a window needs a mask that is written down.
    mask = window_mask(case["tokens"], case["window"]) if case["window"] > 0 else None

    def once():
        y = scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=True)
        if case["backward"]:
            q.grad = k.grad = v.grad = None
            y.backward(dy)

    return once


def timed(once, repeats):
    start = time.perf_counter()
    for _ in range(repeats):
        once()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dtype", choices=("float32", "bfloat16"))
    dtype = parser.parse_args().dtype
    about = dict(torch=torch.__version__, ATen=torch.backends.cpu.get_cpu_capability())
    print(json.dumps(dict(ready=True, threads=torch.get_num_threads(), **about)), flush=True)
    current = None
    for line in sys.stdin:
        if not line.strip():
            break
        case = json.loads(line)
        case["dtype"] = dtype or case["dtype"]
        if line != current:
            once = (prepare_linear if case["op"] == "linear" else prepare_attention)(case)
            timed(once, 1)
            repeats = math.ceil(ROUND_SECONDS / timed(once, 1))
            current = line
        seconds = timed(once, repeats)
        resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(dict(work=repeats * case["work"], seconds=seconds, peakResident=resident)), flush=True)


if __name__ == "__main__":
    main()
