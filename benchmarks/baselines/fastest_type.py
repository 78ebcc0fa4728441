"""How fast PyTorch computes a linear layer, forward and backward, in each type that training may use.

Where the processor has no instructions for bfloat16, PyTorch emulates it, many times slower than its float32. A
measurement sees that whatever the reason. One thread and its own time, as others may use the machine too.

Prints {"float32": FLOP/s, "bfloat16": FLOP/s}, each the best of a few tries.
"""

import json
import time

import torch

TOKENS, INPUTS, OUTPUTS = 128, 576, 1536
# The first ones load and prepare what the libraries need.
WARM, TRIES = 2, 6


def speed(dtype):
    x = torch.randn(TOKENS, INPUTS, dtype=dtype, requires_grad=True)
    w = torch.randn(OUTPUTS, INPUTS, dtype=dtype, requires_grad=True)
    dy = torch.randn(TOKENS, OUTPUTS, dtype=dtype)
    flops = 3 * 2 * TOKENS * INPUTS * OUTPUTS
    best = 0.0
    for attempt in range(WARM + TRIES):
        start = time.process_time()
        torch.autograd.grad(torch.nn.functional.linear(x, w), (x, w), dy)
        if attempt >= WARM:
            best = max(best, flops / (time.process_time() - start))
    return best


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({str(dtype).removeprefix("torch."): speed(dtype) for dtype in (torch.float32, torch.bfloat16)}))
