// What JavaScript, disks and strangers may bring. Each case gives a typed error that says what came, within five
// seconds, and changes nothing.
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { batches, collate, loadDataset, splitHoldout, tokenizeDataset } from '@llft/data'
import { LlftError } from '@llft/errors'
import { loadQuantizedModel, quantizationConfig } from '@llft/quant'
import {
  type CausalLM,
  generate,
  generateText,
  loadModel,
  memoryStats,
  parseConfig,
  planModel,
  saveModel,
  synchronize,
} from '@llft/runtime'
import { openCheckpoint, writeSafetensors, writeSharded } from '@llft/safetensors'
import { Tokenizer } from '@llft/tokenizer'
import { createSchedule, train } from '@llft/train'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  estimateMemory,
  injectLora,
  loadAdapter,
  loraTrain,
  mergeLora,
  removeLora,
  saveAdapter,
  saveMerged,
} from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

// What the types forbid is what is tried here.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Anything = any

let base: string
let work: string
let model: CausalLM
let tokenizer: Tokenizer
let adapter: string

beforeAll(async () => {
  base = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-hostile-'))
  model = await loadModel(base, { dtype: 'float32' })
  tokenizer = await Tokenizer.fromFolder(base)
  adapter = join(work, 'adapter')
  injectLora(model, { r: 2 })
  await saveAdapter(model, adapter)
  removeLora(model)
})

afterAll(async () => {
  model.dispose()
  await rm(base, { recursive: true })
  await rm(work, { recursive: true })
})

/** The typed error with which `attempt` ends, in time and without leaving memory behind. */
async function refusal(attempt: () => unknown): Promise<LlftError> {
  await synchronize()
  const { handles } = memoryStats()
  const started = performance.now()
  const error = await new Promise<unknown>((resolve) => resolve(attempt())).then(
    () => 'nothing was refused',
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(LlftError)
  expect(performance.now() - started).toBeLessThan(5000)
  await synchronize()
  expect(memoryStats().handles).toBe(handles)
  const { code, message } = error as LlftError
  expect(code).toMatch(/^ERR_LLFT_/)
  expect(message.length).toBeLessThan(3000)
  return error as LlftError
}

const rows = questions(4)
const columns = { user: 'question', assistant: 'answer' }
const trainWith = (more: Anything) =>
  loraTrain({ model: base, data: rows, columns, output: join(work, 'out'), maxSteps: 1, ...more })
const generateWith = (more: Anything) => generate(model, [[1]], more)
const data = async () => (await loadDataset(rows, { columns })).samples
const examples = async () => (await tokenizeDataset(await data(), tokenizer)).examples

describe('options', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['loraTrain without any', () => loraTrain(undefined as Anything), /loraTrain/],
    ['loraTrain of a list', () => loraTrain([] as Anything), /loraTrain/],
    ['loraTrain with an unknown one', () => trainWith({ epoch: 1 }), /Did you mean 'epochs'/],
    [
      'loraTrain with PEFT names',
      () => trainWith({ per_device_train_batch_size: 1 }),
      /known options/,
    ],
    [
      'loraTrain with a number for a flag',
      () => trainWith({ packing: 1 }),
      /packing.*true or false/,
    ],
    [
      'loraTrain with a text for a number',
      () => trainWith({ learningRate: '1e-4' }),
      /learningRate/,
    ],
    ['loraTrain with infinity', () => trainWith({ learningRate: Infinity }), /learningRate/],
    ['loraTrain with half a step', () => trainWith({ maxSteps: 0.5 }), /maxSteps/],
    ['loraTrain with no rows a batch', () => trainWith({ batchSize: 0 }), /batchSize/],
    ['loraTrain with 2^60 rows a batch', () => trainWith({ batchSize: 2 ** 60 }), /batchSize/],
    [
      'loraTrain with an unknown schedule',
      () => trainWith({ schedule: 'poly' }),
      /'linear', 'cosine'/,
    ],
    ['loraTrain with an unknown dtype', () => trainWith({ dtype: 'float8' }), /dtype/],
    ['loraTrain with an unknown optimiser', () => trainWith({ optimizer: 'sgdm' }), /optimizer/],
    [
      'loraTrain with turns of no kind',
      () => trainWith({ train: 'last' }),
      /train.*'last-assistant'/,
    ],
    ['loraTrain with a signal of no kind', () => trainWith({ signal: {} }), /AbortSignal/],
    ['loraTrain with a handler of no kind', () => trainWith({ onEvent: 'log' }), /onEvent/],
    ['loraTrain with warnings of no kind', () => trainWith({ onWarning: true }), /onWarning/],
    ['loraTrain with progress of no kind', () => trainWith({ progress: 'bar' }), /progress/],
    ['loraTrain with a share above one', () => trainWith({ evalFraction: 1.5 }), /evalFraction/],
    [
      'loraTrain with too few to hold out',
      () => trainWith({ evalFraction: 0.1 }),
      /loraTrain.evalFraction.*0 of 4/,
    ],
    [
      'loraTrain with two ways to hold out',
      () => trainWith({ evalFraction: 0.5, evalCount: 1 }),
      /one of/,
    ],
    ['loraTrain with documents of no kind', () => trainWith({ documents: 'pages' }), /documents/],
    ['loraTrain with a tokenizer of no kind', () => trainWith({ tokenizer: {} }), /tokenizer/],
    ['loraTrain with rank 0', () => trainWith({ lora: { r: 0 } }), /r: must be at least 1/],
    ['loraTrain with a rank in words', () => trainWith({ lora: { rank: 8 } }), /got 'rank'/],
    ['loraTrain with dropout 1', () => trainWith({ lora: { dropout: 1 } }), /dropout/],
    [
      'loraTrain with no targets',
      () => trainWith({ lora: { targetModules: [] } }),
      /targetModules/,
    ],
    [
      'loraTrain with quantisation of no kind',
      () => trainWith({ quantization: 'nf3' }),
      /quantization/,
    ],
    ['loraTrain with an empty output', () => trainWith({ output: '' }), /output/],
    ['loraTrain with a NUL in the output', () => trainWith({ output: 'a\0b' }), /output/],
    ['loraTrain with data of no kind', () => trainWith({ data: 5 }), /data/],
    ['loraTrain with no data', () => trainWith({ data: [] }), /at least one row/],
    ['generate with an unknown one', () => generateWith({ max_new_tokens: 4 }), /maxNewTokens/],
    [
      'generate with a negative temperature',
      () => generateWith({ temperature: -1 }),
      /temperature/,
    ],
    ['generate with NaN', () => generateWith({ temperature: Number.NaN }), /temperature/],
    ['generate with topP 0', () => generateWith({ topP: 0 }), /topP/],
    ['generate with no tokens', () => generateWith({ maxNewTokens: 0 }), /maxNewTokens/],
    ['generate with an end of no kind', () => generateWith({ eosTokenIds: 2 }), /eosTokenIds/],
    ['generate of a text', () => generate(model, ['hello'] as Anything), /Encode it/],
    [
      'generate of one prompt',
      () => generate(model, [1, 2] as Anything),
      /prompt 0 must be a list/,
    ],
    ['generate of a text alone', () => generate(model, 'hello' as Anything), /must be a list/],
    ['generate of nothing', () => generate(model, []), /there must be a prompt/],
    ['generate of an empty prompt', () => generate(model, [[]]), /must have a token/],
    ['generate of NaN', () => generate(model, [[Number.NaN]]), /whole numbers below.*got NaN/],
    ['generate of half an id', () => generate(model, [[1.5]]), /got 1.5 at 0/],
    [
      'generate of an id that wraps',
      () => generate(model, [[1, 2 ** 32 + 5]]),
      /got 4294967301 at 1/,
    ],
    ['generate of -1', () => generate(model, [[-1]]), /got -1/],
    ['generate of the vocabulary', () => generate(model, [[2048]]), /vocabulary of 2048; got 2048/],
    [
      'generate beyond the context',
      () => generate(model, [new Array(128).fill(1)]),
      /context of 128/,
    ],
    [
      'generate with a path',
      () => generate('model' as Anything, [[1]]),
      /Call loadModel\('model'\)/,
    ],
    [
      'generateText with one stop',
      () => generateText(model, tokenizer, ['a'], { stop: 'END' as Anything }),
      /stop: must be a list of strings; got 'END'/,
    ],
    [
      'generateText with an empty stop',
      () => generateText(model, tokenizer, ['a'], { stop: [''] }),
      /not empty/,
    ],
    [
      'loadModel with an unknown one',
      () => loadModel(base, { dtpye: 'float32' } as Anything),
      /'dtype'/,
    ],
    [
      'loadModel of an unknown dtype',
      () => loadModel(base, { dtype: 'half' as Anything }),
      /dtype/,
    ],
    [
      'loadModel with a mapping of no kind',
      () => loadModel(base, { mmap: 'no' as Anything }),
      /mmap/,
    ],
    [
      'loadQuantizedModel with an unknown one',
      () => loadQuantizedModel(base, { bits: 4 } as Anything),
      /bits/,
    ],
    [
      'quantizationConfig of a block of 3',
      () => quantizationConfig({ format: 'nf4', block: 3 } as Anything),
      /block/,
    ],
    [
      'planModel of an unknown dtype',
      () => planModel(base, { dtype: 'half' as Anything }),
      /dtype|half/,
    ],
    [
      'saveModel with an unknown one',
      () => saveModel(join(work, 's'), model, { shards: 2 } as Anything),
      /shards/,
    ],
    [
      'saveModel with files of no size',
      () => saveModel(join(work, 's'), model, { maxShardBytes: -1 }),
      /maxShardBytes/,
    ],
    [
      'saveMerged without an adapter',
      () => saveMerged(model, join(work, 's')),
      /must have an adapter/,
    ],
    ['saveAdapter without one', () => saveAdapter(model, join(work, 's')), /must have an adapter/],
    ['mergeLora without one', () => mergeLora(model), /must have an adapter/],
    ['removeLora without one', () => removeLora(model), /must have an adapter/],
    [
      'loadAdapter with an unknown one',
      () => loadAdapter(model, adapter, { train: true } as Anything),
      /trainable/,
    ],
    [
      'injectLora with an unknown one',
      () => injectLora(model, { lora_alpha: 3 } as Anything),
      /'alpha'/,
    ],
    [
      'injectLora of what is not there',
      () => injectLora(model, { targetModules: ['qproj'] }),
      /q_proj/,
    ],
    [
      'injectLora by a broken pattern',
      () => injectLora(model, { targetModules: '(' }),
      /regular expression/,
    ],
    [
      'injectLora by a pattern too long',
      () => injectLora(model, { targetModules: 'a'.repeat(20_000) }),
      /10000/,
    ],
    [
      'injectLora with a rank of a pattern below 1',
      () => injectLora(model, { rankPattern: { q_proj: 0 } }),
      /rankPattern/,
    ],
    [
      'injectLora of a module that is not there',
      () => injectLora(model, { modulesToSave: ['head'] }),
      /head/,
    ],
    [
      'estimateMemory of a dtype of no kind',
      () => estimateMemory({ model: base, dtype: 'x' as Anything }),
      /dtype/,
    ],
    [
      'estimateMemory beyond the context',
      () => estimateMemory({ model: base, maxLength: 5000 }),
      /context/,
    ],
    [
      'loadDataset with an unknown one',
      () => loadDataset(rows, { column: {} } as Anything),
      /columns/,
    ],
    [
      'loadDataset of a format of no kind',
      () => loadDataset(rows, { format: 'csv' as Anything }),
      /format/,
    ],
    [
      'tokenizeDataset with a length of 1',
      async () => tokenizeDataset(await data(), tokenizer, { maxLength: 1 }),
      /maxLength/,
    ],
    [
      'tokenizeDataset with truncation of no kind',
      async () => tokenizeDataset(await data(), tokenizer, { truncation: 'cut' as Anything }),
      /truncation/,
    ],
    ['batches of 0 rows', async () => batches(await examples(), { batchSize: 0 }), /batchSize/],
    [
      'batches with an unknown one',
      async () => batches(await examples(), { size: 2 } as Anything),
      /size/,
    ],
    [
      'packs without a length',
      async () => batches(await examples(), { packing: true }),
      /maxTokens/,
    ],
    [
      'a batch beyond the last',
      async () => batches(await examples()).at(99),
      /index must be below/,
    ],
    [
      'collate with an unknown one',
      async () => collate(await examples(), { pad: 0 } as Anything),
      /pad/,
    ],
    ['collate to less than a row', async () => collate(await examples(), { padTo: 2 }), /padTo/],
    ['splitHoldout of nothing', () => splitHoldout([1, 2], { count: 2 }), /both parts/],
    ['createSchedule without steps', () => createSchedule({ totalSteps: 0 }), /totalSteps/],
    [
      'createSchedule with two warm-ups',
      () => createSchedule({ totalSteps: 9, warmupSteps: 1, warmupRatio: 0.5 }),
      /warmupRatio/,
    ],
    ['train without a model', () => train({} as Anything), /train/],
    [
      'writeSharded with files of no size',
      () => writeSharded(join(work, 's'), [], { maxShardBytes: -1 }),
      /maxShardBytes/,
    ],
    [
      'writeSharded with an unknown one',
      () => writeSharded(join(work, 's'), [], { shard: 1 } as Anything),
      /shard/,
    ],
    [
      'writeSafetensors of a type of no kind',
      () =>
        writeSafetensors(join(work, 't'), {
          a: { dtype: 'F31', shape: [], data: new Uint8Array(4) },
        } as Anything),
      /dtype/,
    ],
    [
      'writeSafetensors of too few bytes',
      () =>
        writeSafetensors(join(work, 't'), {
          a: { dtype: 'F32', shape: [2], data: new Uint8Array(4) },
        }),
      /must bring 8 bytes; got 4/,
    ],
    ['encode of a number', () => tokenizer.encode(5 as Anything), /must be a string; got 5/],
    [
      'encode with an unknown one',
      () => tokenizer.encode('a', { addSpecial: true } as Anything),
      /addSpecialTokens/,
    ],
    [
      'decode with a flag of no kind',
      () => tokenizer.decode([1], { skipSpecialTokens: 1 as Anything }),
      /skipSpecialTokens/,
    ],
    [
      'a conversation that is a text',
      () => tokenizer.applyChatTemplate('hi' as Anything),
      /must be a list/,
    ],
    [
      'a conversation of null',
      () => tokenizer.applyChatTemplate([null] as Anything),
      /messages\[0\]/,
    ],
    [
      'a turn without a role',
      () => tokenizer.encodeChat([{ content: 'hi' }] as Anything),
      /messages\[0\]/,
    ],
    [
      'a template with an unknown one',
      () => tokenizer.applyChatTemplate([], { add_generation_prompt: true } as Anything),
      /addGenerationPrompt/,
    ],
    [
      'tools that are none',
      () => tokenizer.applyChatTemplate([], { tools: 'f' as Anything }),
      /tools/,
    ],
    [
      'variables that replace the messages',
      () => tokenizer.applyChatTemplate([], { variables: { messages: [] } }),
      /must not replace/,
    ],
    ['a folder of no kind', () => Tokenizer.fromFolder(7 as Anything), /must be a string; got 7/],
  ]
  it.each(cases)('%s', async (_, attempt, message) => {
    expect((await refusal(attempt)).message).toMatch(message)
  })
})

describe('what is passed as a model', () => {
  const cases: [string, () => Promise<string>, RegExp][] = [
    ['a name of the Hub', async () => 'HuggingFaceTB/SmolLM2-135M', /hf download HuggingFaceTB/],
    ['a tilde', async () => '~/models/x', /Only shells replace '~'/],
    ['nothing there', async () => join(work, 'nowhere', 'x'), /does not exist/],
    ['a name with a letter too many', async () => `${adapter}s`, /Did you mean '.*adapter'/],
    ['an adapter', async () => adapter, /holds an adapter.*its base model/],
    ['an empty folder', async () => made('empty'), /which is empty/],
    ['a GGUF file', async () => file('m.gguf', 'GGUF'), /a GGUF file/],
    ['a GGUF file of another name', async () => file('model', 'GGUF\u0003'), /a GGUF file/],
    [
      'a weight file',
      async () => join(base, 'model.safetensors'),
      /one file of a model.*Pass the folder/,
    ],
    ['a device', async () => '/dev/zero', /a special file/],
    [
      'weights of PyTorch',
      async () => made('bin', { 'config.json': '{}', 'pytorch_model.bin': '' }),
      /PyTorch files/,
    ],
    [
      'a pointer',
      async () =>
        made('lfs', {
          'config.json': '{}',
          'model.safetensors': 'version https://git-lfs.github.com/spec/v1\n',
        }),
      /lfs pull/,
    ],
    [
      'a cache',
      async () => made('cache', { 'snapshots/abc/config.json': '{}' }),
      /The model lies in '.*snapshots\/abc'/,
    ],
    ['no config.json', async () => made('half', { 'notes.txt': '' }), /no config.json/],
    [
      'tokenizer.model alone',
      async () =>
        made('sp', { 'config.json': '{}', 'model.safetensors': '', 'tokenizer.model': '' }),
      /tokenizer.model in place of tokenizer.json/,
    ],
  ]
  it.each(cases)('%s', async (_, make, message) => {
    const given = await make()
    expect((await refusal(() => trainWith({ model: given }))).message).toMatch(message)
  })
})

describe('config.json', () => {
  const wrong = [-1, 1.5, 2 ** 53, 1e300, 'two', true, [], {}]
  const keys = [
    'hidden_size',
    'num_hidden_layers',
    'num_attention_heads',
    'num_key_value_heads',
    'intermediate_size',
    'vocab_size',
    'max_position_embeddings',
  ]
  const cases = keys.flatMap((key) => wrong.map((value) => [key, value] as const))
  it.each(cases)('%s of %j', async (key, value) => {
    const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'))
    const error = await refusal(() => parseConfig({ ...config, [key]: value }, 'config.json'))
    expect(error.message).toContain(key)
  })

  it.each([
    ['no object', '[]', /must hold a JSON object; got a list/],
    ['a text that ends', '{"a":', /must be JSON/],
    ['deep nests', `{"a":${'['.repeat(1000)}`, /64 levels/],
    ['no architecture', '{"model_type":"gpt2"}', /gpt2/],
    ['rms_norm_eps of 0', '{"rms_norm_eps":0}', /rms_norm_eps/],
    ['rope of no kind', '{"rope_scaling":{"rope_type":"x"}}', /rope/],
    ['rope without its factor', '{"rope_scaling":{"rope_type":"linear"}}', /factor/],
    ['another quantisation', '{"quantization_config":{"quant_method":"gptq"}}', /bitsandbytes/],
  ])('%s', async (_, text, message) => {
    const folder = join(work, 'config')
    await cp(base, folder, { recursive: true })
    const config = JSON.parse(await readFile(join(base, 'config.json'), 'utf8'))
    const isWhole =
      text.startsWith('{"rms') || text.startsWith('{"rope') || text.startsWith('{"quant')
    const content = isWhole ? JSON.stringify({ ...config, ...JSON.parse(text) }) : text
    await writeFile(join(folder, 'config.json'), content)
    expect((await refusal(() => loadModel(folder))).message).toMatch(message)
  })
})

describe('weights', () => {
  const damages: [string, (bytes: Buffer) => Buffer][] = [
    ['that are empty', () => Buffer.alloc(0)],
    ['of seven bytes', (bytes) => bytes.subarray(0, 7)],
    ['cut in the header', (bytes) => bytes.subarray(0, 100)],
    ['cut in the data', (bytes) => bytes.subarray(0, bytes.length - 1)],
    ['with a byte more', (bytes) => Buffer.concat([bytes, Buffer.of(0)])],
    ['with a header of 2^60', (bytes) => edited(bytes, (copy) => copy.writeBigUInt64LE(2n ** 60n))],
    ['with a header of 0', (bytes) => edited(bytes, (copy) => copy.writeBigUInt64LE(0n))],
    ['of zeros', (bytes) => Buffer.alloc(bytes.length)],
    ['with a brace gone', (bytes) => edited(bytes, (copy) => copy.write(' ', 8))],
    ['with another type', (bytes) => replaced(bytes, '"F32"', '"F33"')],
    ['with another name', (bytes) => replaced(bytes, 'model.norm', 'model.nrom')],
    ['with a shape below 0', (bytes) => replaced(bytes, '"shape":[32]', '"shape":[-2]')],
    [
      'with NaN',
      (bytes) => edited(bytes, (copy) => copy.writeFloatLE(Number.NaN, copy.length - 4)),
    ],
    [
      'with infinity',
      (bytes) => edited(bytes, (copy) => copy.writeFloatLE(Infinity, copy.length - 4)),
    ],
  ]
  it.each(damages)('%s', async (_, damage) => {
    const folder = join(work, 'weights')
    await cp(base, folder, { recursive: true })
    const path = join(folder, 'model.safetensors')
    await writeFile(path, damage(await readFile(join(base, 'model.safetensors'))))
    expect((await refusal(() => loadModel(folder, { dtype: 'float32' }))).message).toContain(folder)
  })

  it.each([
    ['an index that leads out', '{"weight_map":{"a":"../x.safetensors"}}'],
    ['an index of nothing', '{}'],
    ['an index with a shard that is missing', '{"weight_map":{"a":"x.safetensors"}}'],
    ['an index with a list', '{"weight_map":[]}'],
  ])('%s', async (_, text) => {
    const folder = await made('index', { 'model.safetensors.index.json': text })
    expect((await refusal(() => openCheckpoint(folder))).message).toContain(folder)
  })
})

describe('an adapter', () => {
  const changes: [string, Record<string, unknown>, RegExp][] = [
    ['of another method', { peft_type: 'PREFIX_TUNING' }, /peft_type/],
    ['of rank -1', { r: -1 }, /r/],
    ['of a rank in words', { r: 'eight' }, /r/],
    ['of another rank', { r: 4 }, /of shape/],
    [
      'with a pattern that never ends',
      { target_modules: '(([a-z._0-9])+)+!' },
      /must be done within/,
    ],
    ['with a pattern of no kind', { target_modules: '[' }, /regular expression/],
    ['for modules that are not there', { target_modules: ['query'] }, /query/],
    ['with dropout 2', { lora_dropout: 2 }, /dropout/],
    ['with a bias of no kind', { bias: 'some' }, /bias/],
    ['with layers of no kind', { layers_to_transform: 'all' }, /layers/],
    ['for another task', { task_type: 'SEQ_CLS' }, /task_type|SEQ_CLS/],
    ['with alpha of 0', { lora_alpha: 0 }, /alpha/],
  ]
  it.each(changes)(
    '%s',
    async (_, change, message) => {
      const folder = join(work, 'changed')
      await cp(adapter, folder, { recursive: true })
      const path = join(folder, 'adapter_config.json')
      const config = JSON.parse(await readFile(path, 'utf8'))
      await writeFile(path, JSON.stringify({ ...config, ...change }))
      expect((await refusal(() => loadAdapter(model, folder))).message).toMatch(message)
      await rm(folder, { recursive: true })
    },
    20_000,
  )

  it('with NaN, infinity or a weight too many', async () => {
    const folder = join(work, 'nan')
    await cp(adapter, folder, { recursive: true })
    const path = join(folder, 'adapter_model.safetensors')
    const bytes = await readFile(path)
    for (const bad of [Number.NaN, Infinity]) {
      await writeFile(
        path,
        edited(bytes, (copy) => copy.writeFloatLE(bad, copy.length - 4)),
      )
      const { message } = await refusal(() => loadAdapter(model, folder))
      expect(message).toMatch(/tensor ".*" must be finite/)
    }
    await writeFile(path, replaced(bytes, 'layers.0.self', 'layers.7.self'))
    expect((await refusal(() => loadAdapter(model, folder))).message).toMatch(/unknown ".*layers.7/)
    await rm(path)
    expect((await refusal(() => loadAdapter(model, folder))).message).toMatch(/no such file/)
  })
})

describe('rows', () => {
  const cases: [string, unknown[], RegExp][] = [
    ['null', [null], /must be an object; got null/],
    ['a number', [5], /must be an object/],
    ['a list', [[]], /must be an object; got a list/],
    ['no fields', [{}], /no fields/],
    ['fields of no format', [{ chosen: 'a', rejected: 'b' }], /"chosen", "rejected"/],
    ['messages that are a text', [{ messages: 'hi' }], /"messages" must be a list/],
    ['no messages', [{ messages: [] }], /must hold something/],
    ['a message of null', [{ messages: [null] }], /messages\[0\]/],
    ['a role of no kind', [{ messages: [{ role: 5, content: 'a' }] }], /role/],
    ['no answer', [{ messages: [{ role: 'user', content: 'a' }] }], /assistant turn/],
    ['a completion of no kind', [{ prompt: 'a', completion: 7 }], /"completion" must be a string/],
    ['a text of no kind', [{ text: null }], /"text" must be a string/],
    ['an answer that is marked as bad', [{ prompt: 'a', completion: 'b', label: false }], /label/],
    ['a second row of another format', [{ text: 'a' }, { prompt: 'a', completion: 'b' }], /row 1/],
    ['turns from nobody', [{ conversations: [{ from: 'x', value: 'a' }] }], /from/],
  ]
  it.each(cases)('%s', async (_, given, message) => {
    expect((await refusal(() => loadDataset(given as object[]))).message).toMatch(message)
  })
})

describe('tokenizer.json', () => {
  const changes: [string, (json: Anything) => Anything][] = [
    ['without a model', ({ model: _, ...rest }) => rest],
    ['with a model of no kind', (json) => ({ ...json, model: { type: 'Magic' } })],
    ['without merges', (json) => ({ ...json, model: { ...json.model, merges: undefined } })],
    ['with merges of three', (json) => ({ ...json, model: { ...json.model, merges: ['a b c'] } })],
    [
      'with merges of what is no token',
      (json) => ({ ...json, model: { ...json.model, merges: [['€', '€']] } }),
    ],
    [
      'with an id twice',
      (json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, twin: 300 } } }),
    ],
    [
      'with an id of -1',
      (json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, x: -1 } } }),
    ],
    [
      'with an id of 1e9',
      (json) => ({ ...json, model: { ...json.model, vocab: { ...json.model.vocab, x: 1e9 } } }),
    ],
    ['with added tokens of no kind', (json) => ({ ...json, added_tokens: 'none' })],
    [
      'with an added token without an id',
      (json) => ({ ...json, added_tokens: [{ content: 'x' }] }),
    ],
    ['with a pre-tokenizer of no kind', (json) => ({ ...json, pre_tokenizer: { type: 'Knife' } })],
    [
      'with a pattern of no kind',
      (json) => ({
        ...json,
        pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' },
      }),
    ],
    ['with a normalizer of no kind', (json) => ({ ...json, normalizer: { type: 'Soap' } })],
  ]
  it.each(changes)('%s', async (_, change) => {
    const json = JSON.parse(await readFile(join(base, 'tokenizer.json'), 'utf8'))
    await refusal(() => Tokenizer.fromJson(change(json)).encode('Some text'))
  })
})

async function file(name: string, content: string): Promise<string> {
  const path = join(work, name)
  await writeFile(path, content)
  return path
}

async function made(name: string, files: Record<string, string> = {}): Promise<string> {
  const folder = join(work, name)
  await mkdir(folder, { recursive: true })
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), content)
  }
  return folder
}

function edited(bytes: Buffer, edit: (copy: Buffer) => unknown): Buffer {
  const copy = Buffer.from(bytes)
  edit(copy)
  return copy
}

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString('latin1').replaceAll(from, to)
  return Buffer.from(text, 'latin1')
}
