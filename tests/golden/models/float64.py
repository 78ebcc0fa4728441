"""Runs a model of transformers in float64 throughout, also where its code asks for float32."""
import contextlib
import torch


@contextlib.contextmanager
def float64_throughout():
    """Inside, a conversion to float32 is one to float64: those of norms, rotary angles and softmax."""
    def wide(dtype):
        return torch.float64 if dtype is torch.float32 else dtype

    to, as_float, softmax, arange = torch.Tensor.to, torch.Tensor.float, torch.nn.functional.softmax, torch.arange
    torch.Tensor.to = lambda self, *a, **k: to(self, *map(wide, a), **{name: wide(v) for name, v in k.items()})
    torch.Tensor.float = lambda self: to(self, torch.float64)
    torch.nn.functional.softmax = lambda *a, dtype=None, **k: softmax(*a, dtype=wide(dtype), **k)
    torch.arange = lambda *a, dtype=None, **k: arange(*a, dtype=wide(dtype), **k)
    try:
        yield
    finally:
        torch.Tensor.to, torch.Tensor.float, torch.nn.functional.softmax, torch.arange = to, as_float, softmax, arange


def compute_frequencies_again(model):
    """Rotary frequencies are buffers, computed in float32 when the model was made. Call it inside float64_throughout."""
    for module in model.modules():
        if not hasattr(module, "inv_freq"):
            continue
        module.inv_freq = module.original_inv_freq = type(module)(module.config).inv_freq
        assert module.inv_freq.dtype == torch.float64
