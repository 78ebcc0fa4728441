"""Hugging Face tokenizers on one thread, one round for each line of standard input.

Versions that the published figures were taken with: benchmarks/baselines/requirements.txt.
Protocol: prints {"ready": ..., versions} once; then for each line, "encode" or "decode", goes through the documents for a
while and prints {"work": bytes of UTF-8, "seconds": s, "peakResident": bytes}; an empty line ends it.

Usage: python hf_tokenizers.py MODEL_FOLDER DOCUMENTS.json
"""

import json
import os
import resource
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers  # noqa: E402

ROUND_SECONDS = 0.2


def main():
    folder, path = sys.argv[1:]
    tokenizer = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    with open(path, encoding="utf-8") as file:
        documents = json.load(file)
    size = sum(len(document.encode()) for document in documents)

    def encode():
        # Without offsets, which ours does not compute; with the ids as Python's own, as ours are JavaScript's.
        return [encoding.ids for encoding in tokenizer.encode_batch_fast(documents, add_special_tokens=False)]

    ids = encode()
    passes = dict(encode=encode, decode=lambda: tokenizer.decode_batch(ids))

    def repeat(once):
        start = time.perf_counter()
        work = seconds = 0
        while seconds < ROUND_SECONDS:
            once()
            work += size
            seconds = time.perf_counter() - start
        return dict(work=work, seconds=seconds)

    for once in passes.values():
        repeat(once)
    print(json.dumps(dict(ready=True, threads=1, tokenizers=tokenizers.__version__)), flush=True)
    for line in sys.stdin:
        if not line.strip():
            break
        measured = repeat(passes[json.loads(line)])
        resident = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps(dict(**measured, peakResident=resident)), flush=True)


if __name__ == "__main__":
    main()
