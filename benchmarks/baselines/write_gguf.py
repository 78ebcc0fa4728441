"""A GGUF file of a Llama with random weights, for timing llama.cpp on a shape without its checkpoint.

Every matrix is of the named type, as llama.cpp's own --pure makes it; norms are 1.

Usage: python write_gguf.py CONFIG.json OUT.gguf --type Q8_0
"""

import argparse
import json

import gguf
import numpy


def blocks(rng, shape, kind):
    """Random blocks of 32 weights of a row: a float16 scale, then int8 or 4-bit codes."""
    rows, columns = shape
    count = rows * columns // 32
    codes = 32 if kind == gguf.GGMLQuantizationType.Q8_0 else 16
    data = numpy.empty((count, 2 + codes), dtype=numpy.uint8)
    data[:, 2:] = rng.integers(0, 256, (count, codes), dtype=numpy.uint8)
    scale = 2.5e-4 if codes == 32 else 4e-3
    data[:, :2] = numpy.full(count, scale, dtype=numpy.float16).view(numpy.uint8).reshape(count, 2)
    return data.reshape(rows, -1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("config")
    parser.add_argument("out")
    parser.add_argument("--type", choices=("Q8_0", "Q4_0"), required=True)
    args = parser.parse_args()
    with open(args.config) as file:
        config = json.load(file)
    kind = gguf.GGMLQuantizationType[args.type]
    width, feed_forward = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    vocabulary, kv = config["vocab_size"], width // heads * kv_heads

    writer = gguf.GGUFWriter(args.out, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(width)
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(feed_forward)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(width // heads)
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_vocab_size(vocabulary)
    writer.add_file_type(getattr(gguf.LlamaFileType, f"MOSTLY_{args.type}"))
    writer.add_tokenizer_model("llama")
    special, raw = ["<unk>", "<s>", "</s>"], [f"<0x{byte:02X}>" for byte in range(256)]
    known = len(special) + len(raw)
    writer.add_token_list(special + raw + [f"token{i}" for i in range(known, vocabulary)])
    writer.add_token_scores([0.0] * vocabulary)
    writer.add_token_types([2, 3, 3] + [6] * len(raw) + [1] * (vocabulary - known))

    rng = numpy.random.default_rng(1)

    def matrix(name, rows, columns):
        writer.add_tensor(f"{name}.weight", blocks(rng, (rows, columns), kind), raw_dtype=kind)

    def norm(name):
        writer.add_tensor(f"{name}.weight", numpy.ones(width, dtype=numpy.float32))

    matrix("token_embd", vocabulary, width)
    for layer in range(config["num_hidden_layers"]):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm")
        matrix(f"{block}.attn_q", width, width)
        matrix(f"{block}.attn_k", kv, width)
        matrix(f"{block}.attn_v", kv, width)
        matrix(f"{block}.attn_output", width, width)
        norm(f"{block}.ffn_norm")
        matrix(f"{block}.ffn_gate", feed_forward, width)
        matrix(f"{block}.ffn_up", feed_forward, width)
        matrix(f"{block}.ffn_down", width, feed_forward)
    norm("output_norm")
    if not config.get("tie_word_embeddings", False):
        matrix("output", vocabulary, width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
