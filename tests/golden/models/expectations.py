"""What PyTorch says of one model and one batch: the truth in float64, and how far PyTorch itself strays from it.

The same work (logits, loss, greedy tokens, gradients of a LoRA adapter, AdamW steps) is done three times: in float64, in
float32, and with a bfloat16 base (adapter and optimiser in float32, as PEFT has them). The first, rounded to float32, is
what a case expects. `spread` says how far the other two are from it, in the measure of each quantity:

  logits, loss, train_losses   largest absolute difference (logits: where attention_mask is 1)
  lora_grad, lora_final        largest over the tensors of |difference| / |expected|, Euclidean

So another implementation can be asked to be as exact as PyTorch is, times a small factor. Where a case is badly
conditioned (an element of the adapter whose gradient is near AdamW's epsilon, say), its spread is large and says so.
"""
import contextlib, copy, json
from dataclasses import dataclass
import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from float64 import compute_frequencies_again, float64_throughout


@dataclass
class Work:
    """What is done with a model. `init`: the adapter at the start, by parameter name, in float32."""
    ids: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    lora: dict
    init: dict
    steps: int
    learning_rate: float
    weight_decay: float
    prompt_tokens: int
    new_tokens: int


def adapter_of(model, lora):
    """-> (PEFT model, its adapter's parameters by name)"""
    peft = get_peft_model(model, LoraConfig(lora_dropout=0.0, task_type="CAUSAL_LM", **lora))
    return peft, {name: p for name, p in peft.named_parameters() if p.requires_grad}


def initial_adapter(base, lora, seed, b_std):
    """A as PEFT draws it, B normal, so that gradients of A are not 0 -> (by parameter name, by name in PEFT's files)"""
    torch.manual_seed(seed)
    peft, parameters = adapter_of(copy.deepcopy(base), lora)
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, p in parameters.items():
            if "lora_B" in name:
                p.copy_(b_std * torch.randn(p.shape, generator=generator))
    files = {name: t.clone() for name, t in get_peft_model_state_dict(peft).items()}
    return {name: p.detach().clone() for name, p in parameters.items()}, files


def run(base, dtype, work):
    """-> (every quantity in float64, the trained PEFT model)"""
    with float64_throughout() if dtype == torch.float64 else contextlib.nullcontext():
        model = copy.deepcopy(base).to(dtype)
        if dtype == torch.float64:
            compute_frequencies_again(model)
        said = of_base(model, work)
        trained, peft = of_training(model, dtype, work)
    return said | trained, peft


@torch.no_grad()
def of_base(model, work):
    batch = dict(input_ids=work.ids, attention_mask=work.mask)
    prompt = work.ids[:1, :work.prompt_tokens]
    greedy = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                            min_new_tokens=work.new_tokens, max_new_tokens=work.new_tokens)
    return dict(logits=model(**batch).logits.double(), loss=model(**batch, labels=work.labels).loss.double(), greedy=greedy)


def of_training(model, dtype, work):
    peft, parameters = adapter_of(model, work.lora)
    for name, p in parameters.items():
        p.data = work.init[name].clone().to(torch.float64 if dtype == torch.float64 else torch.float32)
    optimizer = torch.optim.AdamW(parameters.values(), lr=work.learning_rate, weight_decay=work.weight_decay,
                                  betas=(0.9, 0.999), eps=1e-8)
    mixed = torch.autocast("cpu", dtype=torch.bfloat16) if dtype == torch.bfloat16 else contextlib.nullcontext()
    losses, gradients = [], None
    for _ in range(work.steps):
        optimizer.zero_grad()
        with mixed:
            loss = peft(input_ids=work.ids, attention_mask=work.mask, labels=work.labels).loss
        loss.backward()
        losses.append(loss.detach().double())
        if gradients is None:   # names as in PEFT's files
            gradients = {name.replace(".default", ""): p.grad.double().clone() for name, p in parameters.items()}
        optimizer.step()
    final = {name: t.double().clone() for name, t in get_peft_model_state_dict(peft).items()}
    return dict(lora_grad=gradients, train_losses=torch.stack(losses), lora_final=final), peft


def spread(truth, other, mask):
    def absolute(key, where=...):
        return (other[key] - truth[key])[where].abs().max().item()

    def relative(key):
        return max(((other[key][name] - t).norm() / t.norm()).item() for name, t in truth[key].items())

    return dict(logits=absolute("logits", mask.bool()), loss=absolute("loss"), lora_grad=relative("lora_grad"),
                train_losses=absolute("train_losses"), lora_final=relative("lora_final"))


def write(out, base, seed, b_std, about, **work):
    """Writes expect.safetensors, expect.json and adapter/ into the folder `out` -> (training losses, spreads)"""
    init, init_files = initial_adapter(base, work["lora"], seed, b_std)
    work = Work(init=init, **work)
    truth, peft = run(base, torch.float64, work)
    spreads = {name: spread(truth, run(base, dtype, work)[0], work.mask)
               for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))}
    tensors = dict(input_ids=work.ids, attention_mask=work.mask, labels=work.labels, greedy=truth["greedy"])
    tensors |= {key: truth[key].float() for key in ("logits", "loss", "train_losses")}
    for key, named in (("lora_init", init_files), ("lora_grad", truth["lora_grad"]), ("lora_final", truth["lora_final"])):
        tensors |= {f"{key}.{name}": t.float() for name, t in named.items()}
    save_file({name: t.contiguous() for name, t in tensors.items()}, out / "expect.safetensors")
    save_adapter(peft, out / "adapter")
    about = dict(about, seed=seed, steps=work.steps, learning_rate=work.learning_rate, weight_decay=work.weight_decay,
                 **work.lora, prompt_tokens=work.prompt_tokens, spread=spreads, torch=torch.__version__)
    (out / "expect.json").write_text(json.dumps(about, indent=1))
    return truth["train_losses"].tolist(), spreads


def save_adapter(peft, folder):
    """As PEFT saves it, without the empty form it adds and the random order in which it lists a set."""
    peft.peft_config["default"].base_model_name_or_path = None   # a folder of this machine
    peft.float().save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | dict(target_modules=sorted(config["target_modules"])), indent=2))
