"""Writes small random models of each supported family, with what PyTorch, transformers and PEFT say of them.

OUT/FAMILY is a Hugging Face model folder (config.json, model.safetensors) with expect.safetensors, expect.json and
adapter/ beside it; README.md says what they hold, expectations.py how it comes about.

The environment: Python >= 3.10 with `pip install -r requirements.txt` (the CPU build of torch will do).
Usage: python make_model_cases.py OUT [SEED [FAMILY...]]
"""
import copy, pathlib, sys
import torch
import transformers as tf
from expectations import write

common = dict(vocab_size=320, hidden_size=64, intermediate_size=160, num_hidden_layers=2, max_position_embeddings=256,
              bos_token_id=1, eos_token_id=2, pad_token_id=0)
# The matrices of this one are as production kernels see them: over 65536 elements each; 392, 512 and 776 numbers along the
# sums, more than the 384 float32 numbers or pairs of bfloat16 of a block; most sizes are such that no tile divides them.
wide = dict(common, vocab_size=264, hidden_size=392, intermediate_size=776, num_hidden_layers=1)
FAMILIES = {
    "llama-mha": tf.LlamaConfig(**common, num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=False),
    "llama3-gqa-rope": tf.LlamaConfig(**common, num_attention_heads=8, num_key_value_heads=2, tie_word_embeddings=True, rope_theta=500000.0,
        rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)),
    "llama-linear-rope": tf.LlamaConfig(**common, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False,
        rope_scaling=dict(rope_type="linear", factor=2.0)),
    "mistral-window": tf.MistralConfig(**common, num_attention_heads=4, num_key_value_heads=2, sliding_window=8, head_dim=16),
    "qwen2-bias": tf.Qwen2Config(**common, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, rope_theta=1000000.0),
    "qwen3-qknorm": tf.Qwen3Config(**common, num_attention_heads=4, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True),
    "phi3-fused": tf.Phi3Config(**common, num_attention_heads=4, num_key_value_heads=2),
    "llama-wide": tf.LlamaConfig(**wide, num_attention_heads=8, num_key_value_heads=4, head_dim=64, tie_word_embeddings=True),
}
WIDE = "llama-wide"
TARGETS = {"phi3-fused": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]}
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Tokens of padding in the shortest of three rows. Fewer than a window's, so that no position has all its keys masked.
PADDING = {"mistral-window": 7}


def make(name, config, out, seed):
    torch.manual_seed(seed)
    model = random_model(name, config)
    copy.deepcopy(model).to(torch.bfloat16 if name == WIDE else torch.float32).save_pretrained(out)
    ids, mask, labels = random_batch(config.vocab_size, 96 if name == WIDE else 24, PADDING.get(name, 11))
    losses, spread = write(
        out, model, seed, 0.02, dict(transformers=tf.__version__), ids=ids, mask=mask, labels=labels,
        lora=dict(r=8, lora_alpha=16, target_modules=TARGETS.get(name, ALL)), steps=20, weight_decay=0.01,
        # At the rate of the others the wide one learns so fast that roundings grow a hundredfold.
        learning_rate=5e-4 if name == WIDE else 5e-3, prompt_tokens=6, new_tokens=16)
    shown = {dtype: {key: f"{value:.1e}" for key, value in of.items()} for dtype, of in spread.items()}
    print(f"{name}: loss {losses[0]:.4f} -> {losses[-1]:.4f}; spread {shown}", flush=True)


def random_model(name, config):
    config._attn_implementation = "eager"
    config.torch_dtype = torch.float32
    model = tf.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for key, p in model.named_parameters():   # norms and biases away from 1 and 0, so that skipping them shows
            if "norm" in key:
                p.add_(0.2 * torch.randn_like(p))
            elif key.endswith("bias"):
                p.copy_(0.1 * torch.randn_like(p))
            elif name != WIDE:
                p.mul_(3.0)
            p.copy_(p.bfloat16())   # so that a bfloat16 run has the same weights
    return model


def random_batch(vocabulary, tokens, padding):
    """Three rows, padded on the right; labels leave out padding and the first 3 tokens."""
    ids = torch.randint(3, vocabulary, (3, tokens))
    mask = torch.ones_like(ids)
    for row, length in enumerate((tokens, tokens - 5, tokens - padding)):
        ids[row, length:] = 0
        mask[row, length:] = 0
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :3] = -100
    return ids, mask, labels


def main(out, seed=20, *names):
    for i, (name, config) in enumerate(FAMILIES.items()):
        if names and name not in names:
            continue
        folder = pathlib.Path(out, name)
        folder.mkdir(parents=True, exist_ok=True)
        make(name, config, folder, int(seed) + 100 * i)


if __name__ == "__main__":
    main(*sys.argv[1:])
