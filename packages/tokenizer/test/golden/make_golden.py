"""Trains four small tokenizers and writes what the reference makes of some texts: ids and decoded text.

Needs tokenizers (ran with 0.23.2) and transformers (5.18.0) for chat templates.
Usage: python make_golden.py          writes NAME.json and chat.json beside this file
"""
import json, pathlib
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.utils.chat_template_utils import render_jinja_template

here = pathlib.Path(__file__).resolve().parent
corpus = (here.parents[3] / "demo" / "finetuning-qa.jsonl").read_text(encoding="utf8").splitlines()
corpus = [turn["content"] for line in corpus for turn in json.loads(line)["messages"]]

TEXTS = [
    "", " ", "\n", "Hello, world!", " leading and trailing ", "two  spaces   three", "tab\tand\r\nline ends\n\n\nend",
    "It's we'll they'd I'm you've can't LL'S", "What is the learning rate of 2e-4 in 2024?", "1234567890 3.14 ½ ① ² ٣ Ⅷ",
    "\n\n1. list\n  - item\n\n2. more", "微调是什么？LoRA冻结原有权重。", "中文 and English 混合 text，标点。", "繁體字與罕見字：龘𠮷",
    "émigré naïve e\u0301 Ångström ſ İ", "emoji 😀 👩‍👩‍👧‍👦 🇨🇳 ❤️ end", "한국어 नमस्ते العربية עברית ไทย",
    "def f(x):\n    return [i ** 2 for i in range(x)]\n", "const a = {\"k\": `v${1}`} // ok", "a\u00a0b\u3000c\u2028d\u0085e\ufefff\u200bg",
    "<|im_start|>user\nHi<|im_end|>\n", "text<|im_end|>more <s>x</s> <|eot|>", "<|im_end", "\u0000\u0001\u001f", "\ufdd0 mark \ufdd0\ufdd0",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ALL CAPS TEXT", "CamelCaseWords_and_snake", "http://example.org/?q=1&r=2#x",
    "....!!!???", "▁ already ▁there", "'s at start", "x'S", "end with space ", "日本語のテキストです。", "Привет, мир", "𝒜𝓑 math",
] + corpus[:40]

CHATML = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(pre, ignore_merges=False, post=None):
    tok = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tok.pre_tokenizer, tok.decoder = pre, decoders.ByteLevel()
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=480, special_tokens=CHATML, show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tok.add_tokens([AddedToken("<think>", normalized=False)])
    if post: tok.post_processor = post
    return tok


def sentence_piece(metaspace):
    words = ["<unk>", "<s>", "</s>"]
    pieces = [f"<0x{b:02X}>" for b in range(256)]
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    # Words are split for training only, so that no token spans two of them.
    tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tok.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=560, special_tokens=words + pieces, limit_alphabet=90, show_progress=False))
    spec = json.loads(tok.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] in words]
    tok = Tokenizer.from_str(json.dumps(spec))
    if metaspace:
        tok.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tok.pre_tokenizer = None
        tok.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tok.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tok


gpt2 = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
llama3 = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORDS), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
for name, tok in {
    "byte-level": byte_level(gpt2),
    "llama3-split": byte_level(llama3, True, processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])),
    "byte-fallback": sentence_piece(False),
    "metaspace-first": sentence_piece(True),
}.items():
    cases = []
    for text in TEXTS:
        ids = tok.encode(text, add_special_tokens=False).ids
        cases.append(dict(text=text, ids=ids, with_special=tok.encode(text).ids[:2], decoded=tok.decode(ids), decoded_all=tok.decode(ids, skip_special_tokens=False)))
    spec = json.loads(tok.to_str())
    (here / f"{name}.json").write_text(json.dumps(dict(tokenizer=spec, cases=cases), ensure_ascii=False) + "\n", encoding="utf8")
    print(name, tok.get_vocab_size(), sum(len(c["ids"]) for c in cases))

TEMPLATES = {
    "chatml": """{% for m in messages %}
    {% if loop.first and m['role'] != 'system' %}
{{ '<|im_start|>system\\nBe helpful.<|im_end|>\\n' }}
    {% endif %}
{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "inst": """{{ bos_token }}{% if messages[0].role == 'system' %}{% set sys = '<<SYS>>\\n' ~ messages[0].content ~ '\\n<</SYS>>\\n\\n' %}{% set turns = messages[1:] %}{% else %}{% set sys = '' %}{% set turns = messages %}{% endif %}
{%- for m in turns -%}
{%- if (m.role == 'user') != (loop.index0 % 2 == 0) -%}{{ raise_exception('roles must alternate') }}{%- endif -%}
{%- if m.role == 'user' -%}{{ '[INST] ' + (sys if loop.index0 == 0 else '') + m.content | trim + ' [/INST]' }}{%- else -%}{{ ' ' + m.content | trim + ' ' + eos_token }}{%- endif -%}
{%- endfor -%}""",
    "think": """{%- set ns = namespace(last=-1) -%}
{%- for m in messages -%}{%- if m.role == 'assistant' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- if tools is not none and tools is defined -%}{{ '# Tools\\n' }}{%- for t in tools -%}{{ t | tojson }}{{ '\\n' }}{%- endfor -%}{%- endif -%}
{%- for m in messages -%}
{{ '<|im_start|>' ~ m.role ~ '\\n' }}{%- if m.role == 'assistant' and loop.last -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}{{ m.content ~ '<|im_end|>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and not enable_thinking -%}{{ '<think>\\n\\n</think>\\n\\n' }}{%- endif -%}{%- endif -%}""",
}
user, bot, system = (lambda t: dict(role="user", content=t)), (lambda t: dict(role="assistant", content=t)), dict(role="system", content="简短回答 \"quote\"")
CHATS = [[user("Hi")], [user(" spaced "), bot("Yes.\n")], [system, user("你好"), bot("好"), user("再见 {{ x }} & <b>"), bot("Bye")]]
TOOLS = [dict(type="function", function=dict(name="f", description="naïve \"x\" <é>", parameters=dict(type="object", properties={})))]
chat = {}
for name, template in TEMPLATES.items():
    cases = []
    for messages in CHATS:
        for prompt in (False, True):
            for tools in ((None, TOOLS) if name == "think" else (None,)):
                text = render_jinja_template([messages], tools=tools, chat_template=template, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>")[0][0]
                cases.append(dict(messages=messages, prompt=prompt, tools=tools, text=text))
    chat[name] = dict(template=template, cases=cases)
(here / "chat.json").write_text(json.dumps(chat, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
