import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { SafetensorsFile, writeSafetensors } from '@llft/safetensors'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { InspectionEvent } from '../src/index.js'
import { run } from './run.js'
import { type TinyRun, tinyRun } from './tiny-run.js'

let tiny: TinyRun
let work: string

beforeAll(async () => {
  tiny = await tinyRun()
})

afterAll(async () => {
  for (const folder of [tiny.model, tiny.run]) await rm(folder, { recursive: true })
})

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-inspect-'))
  return () => rm(work, { recursive: true })
})

interface Inspected extends InspectionEvent {
  readonly code: number
}

async function inspect(...args: string[]): Promise<Inspected> {
  const { code, events, stderr } = await run(['inspect', ...args, '--json'])
  expect([stderr, events.length]).toEqual(['', 1])
  return { ...(events[0] as InspectionEvent), code }
}

/** A copy of the model with changed keys in one of its JSON files; undefined takes a key away. */
async function changed(file: string, change: Record<string, unknown>): Promise<string> {
  await cp(tiny.model, work, { recursive: true })
  const json = JSON.parse(await readFile(join(work, file), 'utf8')) as object
  await writeFile(join(work, file), JSON.stringify({ ...json, ...change }))
  return work
}

/** Writes a file again with other values in its first tensor. */
async function spoil(path: string, value: number): Promise<void> {
  const file = await SafetensorsFile.open(path)
  const tensors = await Promise.all(
    [...file.tensors.values()].map(async ({ name, dtype, shape }, index) => {
      const data = await file.read(name)
      if (index === 0) new DataView(data.buffer).setFloat32(8, value, true)
      return { name, dtype, shape, data }
    }),
  )
  await writeSafetensors(path, tensors)
}

describe('a model', () => {
  test('is known with its sizes, architecture, tokenizer and template', async () => {
    const { code, kind, facts, problems } = await inspect(tiny.model, '--deep')
    expect([code, kind, problems]).toEqual([0, 'model', []])
    // 2048 x 32 of the embedding, which is the head too; 2 layers of q, k, v, o, 3 x 32 x 48 and 2 norms; a last norm.
    const parameters = 2048 * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 32 * 48 + 64) + 32
    expect(facts).toMatchObject({
      parameters,
      quantization: null,
      architecture: { layers: 2, width: 32, heads: 4, kvHeads: 2, vocabulary: 2048 },
      weights: { tensors: 20, elements: parameters, dtypes: { F32: { bytes: 4 * parameters } } },
      tokenizer: { kind: 'BPE', vocabulary: 2048, eos: expect.any(Number) },
      deep: { nonFinite: [], skipped: 0 },
    })
    expect(facts.tokenizer).toMatchObject({
      chatTemplateSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  test('is shown in aligned columns that fit', async () => {
    const { stdout, stderr } = await run(['inspect', tiny.model], { terminalColumns: 80 })
    const lines = stripVTControlCharacters(stdout).split('\n')
    expect(lines[0]).toMatch(
      /: a model, LlamaForCausalLM, [\d,]+ parameters, [\d.]+ kB in \d files$/,
    )
    expect(Math.max(...lines.slice(1).map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines).toContain('  heads         4 of 8, 2 of keys and values')
    expect(lines).toContain('Largest tensors (--tensors lists all)')
    expect(stderr).toContain('# talk with it')
    const all = await run(['inspect', tiny.model, '--tensors'])
    expect(all.stdout).toContain('model.layers.1.post_attention_layernorm.weight')
    expect(stdout).not.toContain('model.layers.1.post_attention_layernorm.weight')
  })

  test('is meant by its config.json too', async () => {
    expect((await inspect(join(tiny.model, 'config.json'))).kind).toBe('model')
  })

  test('of an architecture that is not supported still shows what there is', async () => {
    const folder = await changed('config.json', { model_type: 'gpt2' })
    const { code, problems, facts } = await inspect(folder)
    expect(code).toBe(3)
    expect(problems).toEqual([expect.stringMatching(/gpt2/)])
    expect(facts).toMatchObject({ weights: { tensors: 20 }, tokenizer: { vocabulary: 2048 } })
  })

  test('whose tensors are not those of config.json', async () => {
    const folder = await changed('config.json', { num_hidden_layers: 3 })
    const { code, problems } = await inspect(folder)
    expect([code, problems]).toEqual([3, [expect.stringMatching(/model\.layers\.2\./)]])
  })

  test('that lacks a shard', async () => {
    await cp(tiny.model, work, { recursive: true })
    await rm(join(work, 'model.safetensors'))
    const map = { weight_map: { 'model.norm.weight': 'model-00001-of-00001.safetensors' } }
    await writeFile(join(work, 'model.safetensors.index.json'), JSON.stringify(map))
    const { code, problems } = await inspect(work)
    expect([code, problems]).toEqual([
      3,
      [expect.stringMatching(/missing model-00001-of-00001.safetensors/)],
    ])
  })

  test('that holds NaN, which --deep finds', async () => {
    await cp(tiny.model, work, { recursive: true })
    await spoil(join(work, 'model.safetensors'), Number.NaN)
    expect((await inspect(work)).problems).toEqual([])
    const { code, problems } = await inspect(work, '--deep')
    expect([code, problems]).toEqual([3, [expect.stringMatching(/^NaN or infinity in /)]])
  })
})

describe('a tokenizer', () => {
  test.each([
    ['{{ messages[0].content }}', /leaves answers out/],
    ['{% for m in messages %}{{ m.content }}{% endfor %}', /writes no end token/],
    ["{{ raise_exception('no') }}", /does not render a conversation: .*no/],
  ])('with the template %s has a problem', async (template, problem) => {
    const folder = await changed('tokenizer_config.json', { chat_template: template })
    const { code, problems } = await inspect(folder)
    expect([code, problems]).toEqual([3, [expect.stringMatching(problem)]])
  })

  test('without a template, and with an end that pads, has notes', async () => {
    const config = JSON.parse(await readFile(join(tiny.model, 'tokenizer_config.json'), 'utf8'))
    const change = { chat_template: undefined, pad_token: config.eos_token }
    const { code, notes } = await inspect(await changed('tokenizer_config.json', change))
    expect(code).toBe(0)
    expect(notes).toEqual([
      expect.stringMatching(/padding token is the end token/),
      expect.stringMatching(/no chat template/),
    ])
  })

  test('that names no end, and that is larger than the model', async () => {
    const folder = await changed('tokenizer_config.json', { eos_token: undefined })
    expect((await inspect(folder)).problems).toEqual(
      expect.arrayContaining([expect.stringMatching(/names no eos token/)]),
    )
    await changed('config.json', { vocab_size: 100 })
    expect((await inspect(folder)).problems).toEqual(
      expect.arrayContaining([expect.stringMatching(/2,048 tokens and the model 100/)]),
    )
  })

  test('alone is known, and a control character of its template does nothing', async () => {
    const name = 'tokenizer_config.json'
    await cp(join(tiny.model, 'tokenizer.json'), join(work, 'tokenizer.json'))
    const config = JSON.parse(await readFile(join(tiny.model, name), 'utf8'))
    const chat_template = `{# \u001b[2J #}${config.chat_template}`
    await writeFile(join(work, name), JSON.stringify({ ...config, chat_template }))
    expect((await inspect(work)).kind).toBe('tokenizer')
    const { stdout } = await run(['inspect', work])
    expect(stdout).toContain('{# [2J #}')
    expect(stdout).not.toContain('\u001b')
  })
})

describe('an adapter', () => {
  test('is known with its settings and its base', async () => {
    const { code, kind, facts, notes } = await inspect(tiny.adapter, '--deep')
    expect([code, kind, notes]).toEqual([0, 'adapter', []])
    expect(facts).toMatchObject({ config: { r: 8, lora_alpha: 64 }, base: tiny.model })
    const { stdout, stderr } = await run(['inspect', tiny.adapter])
    expect(stdout).toMatch(/alpha +64, so its scale is 8\n/)
    expect(stdout).toMatch(/targets +down_proj.* in 14 layers\n/)
    expect(stderr).toContain(`llft chat ${tiny.adapter} --compare`)
  })

  test('with infinity, without its base, and one that has learnt nothing', async () => {
    await cp(tiny.adapter, work, { recursive: true })
    await spoil(join(work, 'adapter_model.safetensors'), Number.POSITIVE_INFINITY)
    const path = join(work, 'adapter_config.json')
    const json = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...json, base_model_name_or_path: 'some/model' }))
    const { code, problems, notes } = await inspect(work, '--deep')
    expect([code, problems]).toEqual([3, [expect.stringMatching(/^NaN or infinity/)]])
    expect(notes).toEqual([expect.stringMatching(/got 'some\/model'/)])
  })

  test('of another kind is a problem', async () => {
    await cp(tiny.adapter, work, { recursive: true })
    await writeFile(join(work, 'adapter_config.json'), '{"peft_type":"IA3"}')
    expect((await inspect(work)).problems).toEqual([expect.stringMatching(/kind IA3/)])
  })
})

describe('data', () => {
  const rows = (...lines: object[]) =>
    writeFile(join(work, 'rows.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const ROW = { instruction: 'Name a colour.', output: 'Blue.' }

  test('are known with format, rows and columns', async () => {
    await rows(ROW, { ...ROW, input: 'of the sky' })
    const { code, kind, facts } = await inspect(join(work, 'rows.jsonl'))
    expect([code, kind]).toEqual([0, 'data'])
    expect(facts).toMatchObject({
      format: 'alpaca',
      rows: 2,
      columns: ['instruction', 'output', 'input'],
    })
    const { stdout } = await run(['inspect', join(work, 'rows.jsonl')])
    expect(stdout).toContain('  user: Name a colour.\n  assistant: Blue.\n')
  })

  test('with a model show the tokens that are learnt', async () => {
    await rows(ROW)
    const args = [join(work, 'rows.jsonl'), '--model', tiny.model]
    const { stdout } = await run(['inspect', ...args])
    expect(stdout).toMatch(/⟦Blue\.<[^⟦]*⟧/)
    const { facts } = await inspect(...args)
    expect(facts.report).toMatchObject({ rows: 1, examples: 1, eosTrained: 1 })
  })

  test('that cannot be trained on name the row', async () => {
    await rows(ROW, { instruction: 'Name a colour.' })
    const { code, problems, facts } = await inspect(join(work, 'rows.jsonl'))
    expect([code, facts.rows]).toEqual([3, 2])
    expect(problems).toEqual([expect.stringMatching(/rows\.jsonl:2: .*output/)])
    await appendFile(join(work, 'rows.jsonl'), '{broken')
    expect((await inspect(join(work, 'rows.jsonl'))).code).toBe(3)
  })

  test('with columns of their own say how to name them', async () => {
    await rows({ question: 'a', answer: 'b' })
    const guessed = await inspect(join(work, 'rows.jsonl'))
    expect(guessed.facts).toMatchObject({ rows: 1, columns: ['question', 'answer'] })
    expect(guessed.notes).toEqual([expect.stringMatching(/data\.columns/)])
    await rows({ colour: 'a', size: 'b' })
    const { problems, facts } = await inspect(join(work, 'rows.jsonl'))
    expect(facts).toMatchObject({ format: null, columns: ['colour', 'size'] })
    expect(problems).toEqual([expect.stringMatching(/columns/)])
  })
})

test('one file of safetensors is known with its tensors and metadata', async () => {
  const { kind, facts } = await inspect(join(tiny.model, 'model.safetensors'))
  expect(kind).toBe('safetensors')
  expect(facts).toMatchObject({ weights: { tensors: 20 }, metadata: { format: 'pt' } })
})

test('what is not there or not known is refused, with what may be meant', async () => {
  await writeFile(join(work, 'model.gguf'), 'GGUF')
  const refused = async (path: string) => {
    const { code, stderr } = await run(['inspect', path])
    expect(code).toBe(3)
    return stderr
  }
  expect(await refused(join(work, 'model.ggu'))).toContain(
    `Did you mean '${join(work, 'model.gguf')}'`,
  )
  expect(await refused(join(work, 'model.gguf'))).toContain('got a GGUF file')
  expect(await refused(work)).toContain('got model.gguf.')
  expect(await refused(tiny.run)).toContain(`Look at its result: llft inspect ${tiny.adapter}`)
})
