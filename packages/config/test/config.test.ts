import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  checkConfig,
  configJsonSchema,
  configYaml,
  describeFields,
  readConfig,
  runOptionsOf,
  yamlSource,
} from '../src/index.js'

let work: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-config-'))
})

afterAll(() => rm(work, { recursive: true }))

async function read(text: string, name = 'config.yaml', options = {}) {
  const path = join(work, name)
  await writeFile(path, text)
  return readConfig(path, options)
}

function problemsOf(text: string): string[] {
  try {
    checkConfig(yamlSource(text, 'c.yaml'))
    return []
  } catch (error) {
    return (error as Error).message.split('\n')
  }
}

const SHORT = 'model: m\ndata: { train: t.jsonl }\noutput: runs/x\n'

describe('a configuration', () => {
  it('is read with its defaults', async () => {
    const config = await read(`
model: models/SmolLM2      # or { path, dtype, quantization: nf4 }
data: { train: train.jsonl, eval: 0.05, max_length: 512, packing: true }
output: runs/gsm8k
lora: { r: 16, alpha: 32, targets: [q_proj, v_proj], dropout: 0.05 }
training: { epochs: 3, steps: null, batch_size: 4, gradient_accumulation: 4, learning_rate: 2e-4, schedule: cosine,
  warmup_steps: 20, optimizer: adamw, save_steps: 50, save_total_limit: 3, eval_steps: 50, log_steps: 1, seed: 42 }
report: [jsonl, tensorboard, html]
`)
    expect(config.model).toEqual({ path: 'models/SmolLM2', from_scratch: false })
    expect(config.method).toBe('lora')
    const { options, method } = runOptionsOf(config)
    expect(method).toBe('lora')
    expect(options).toMatchObject({
      model: 'models/SmolLM2',
      data: 'train.jsonl',
      evalFraction: 0.05,
      output: 'runs/gsm8k/adapter',
      checkpoints: 'runs/gsm8k/checkpoints',
      learningRate: 2e-4,
      epochs: 3,
      lora: { r: 16, alpha: 32, targetModules: ['q_proj', 'v_proj'], dropout: 0.05 },
    })
  })

  it('takes the plain form and the names of others', async () => {
    const config = await read(
      'model: { type: models/m }\ndata: { train: t.jsonl }\noutput: o\ntraining: { batch_size: 2, learning_rate: 1e-4, num_epochs: 2 }\nlora: { lora_alpha: 8, target_modules: all-linear }',
    )
    expect(config.model.path).toBe('models/m')
    expect(config.training).toMatchObject({ epochs: 2, batch_size: 2, learning_rate: 1e-4 })
    expect(config.lora).toMatchObject({ alpha: 8, targets: 'all-linear' })
  })

  it('is JSON or a module, too', async () => {
    const value = { model: 'm', data: { train: 't.jsonl' }, output: 'o' }
    const json = await read(JSON.stringify(value), 'config.json')
    const module = await read(`export default ${JSON.stringify(value)}`, 'config.mjs')
    expect(module).toEqual(json)
  })

  it('gives way to the environment, to assignments and to values, in that order', async () => {
    const options = {
      environment: { LLFT_TRAINING__EPOCHS: '5', LLFT_TRAINING__SEED: '7' },
      set: ['training.seed=8', 'data.packing=true', 'training.steps=9', 'lora.targets=[q_proj]'],
      values: [{ path: 'training.steps', value: 10, place: '--training.steps' }],
    }
    const { training, data, lora } = await read(SHORT, 'config.yaml', options)
    expect(training).toMatchObject({ epochs: 5, seed: 8, steps: 10 })
    expect(data.packing).toBe(true)
    expect(lora?.targets).toEqual(['q_proj'])
  })

  it('holds rows out by share, number or file', async () => {
    const heldOut = async (text: string) =>
      runOptionsOf(await read(`model: m\noutput: o\ndata: { train: t, eval: ${text} }`)).options
    expect(await heldOut('0.1')).toMatchObject({ evalFraction: 0.1 })
    expect(await heldOut('200')).toMatchObject({ evalCount: 200 })
    expect(await heldOut('e.jsonl')).toMatchObject({ evalData: 'e.jsonl' })
  })
})

describe('a configuration that does not hold', () => {
  it('has a line for each problem, with its place and the nearest name', () => {
    expect(
      problemsOf(
        'model: { type: m }\ndata:\n  trian: a.jsonl\n  max_length: 1\ntraining:\n  batch_size: four\noutptu: x\n',
      ),
    ).toEqual([
      'c.yaml:2:1: data.train: must be a file or a list of files; got nothing.',
      'c.yaml:4:3: data.max_length: must be at least 2; got 1.',
      "c.yaml:3:3: data.trian: must be a known option. Did you mean 'train'?",
      'c.yaml:1:1: output: must be a folder; got nothing.',
      "c.yaml:6:3: training.batch_size: must be a whole number; got 'four'.",
      "c.yaml:7:1: outptu: must be a known option. Did you mean 'output'?",
    ])
  })

  it.each([
    ['broken YAML', 'model: [a', /^c.yaml:1:\d+: the file must be YAML; got what is none/],
    ['a key that comes twice', `${SHORT}output: y\n`, /^c.yaml:4:1: .*unique/],
    ['a list', '- a\n', /must be an object of options; got/],
    [
      'two names for one option',
      `${SHORT}training: { epochs: 1, num_epochs: 2 }`,
      /num_epochs: must not be given beside training.epochs/,
    ],
    [
      'a number in the form of a program',
      `${SHORT}training: { steps: 1_000 }`,
      /c.yaml:4:13: training.steps: must be a whole number; got '1_000'/,
    ],
    [
      'a classifier',
      `${SHORT.replace('model: m', 'model: { type: m, num_labels: 2 }')}`,
      /num_labels: must be left out, as this version trains no classification/,
    ],
    [
      'an unknown schedule',
      `${SHORT}training: { schedule: cosin }`,
      /training.schedule: must be 'linear', .*; got 'cosin'/,
    ],
  ])('as %s', (_, text, message) => {
    expect(problemsOf(text).join('\n')).toMatch(message)
  })

  it('stops at ten problems', () => {
    const keys = Array.from({ length: 14 }, (_, i) => `zzz${i}: 1`).join('\n')
    const problems = problemsOf(`${SHORT}${keys}`)
    expect(problems).toHaveLength(11)
    expect(problems.at(-1)).toBe('... and 4 more.')
  })

  it('names what set the value', async () => {
    await expect(read(SHORT, 'c.yaml', { set: ['training.epochs=none'] })).rejects.toThrow(
      /^--set training.epochs: training.epochs: must be a number; got 'none'/,
    )
    await expect(read(SHORT, 'c.yaml', { set: ['training.epoch=1'] })).rejects.toThrow(
      /--set training.epoch: must name an option. Did you mean 'training.epochs'/,
    )
  })
})

describe('what is made of the schema', () => {
  it('describes every option', () => {
    const fields = describeFields()
    const rate = fields.find(({ path }) => path === 'training.learning_rate')
    expect(rate).toEqual({
      path: 'training.learning_rate',
      flag: '--training.learning-rate',
      env: 'LLFT_TRAINING__LEARNING_RATE',
      kind: 'number',
      default: 2e-4,
      isRequired: false,
      description: 'Peak learning rate',
    })
    expect(fields.filter(({ isRequired }) => isRequired).map(({ path }) => path)).toEqual([
      'model.path',
      'data.train',
      'output',
    ])
    for (const { description } of fields) expect(description).toMatch(/\w/)
  })

  it('writes a file that reads back as what it was', async () => {
    const given = {
      model: 'models/m',
      data: { train: 'a.jsonl', eval: 0.05, max_length: 256 },
      output: 'runs/x',
      training: { learning_rate: 1e-4, early_stopping: { patience: 2 } },
    }
    const text = configYaml(given)
    expect(await read(text)).toEqual(checkConfig({ ...yamlSource('', 'x'), value: given }))
    expect(text).toMatch(/^ {2}learning_rate: 1e-4 +# Peak learning rate$/m)
    expect(text).toMatch(/^ {2}# epochs: 3 +# Passes over the data$/m)
  })

  it('is a JSON Schema', () => {
    const schema = configJsonSchema() as { properties: Record<string, { description?: string }> }
    expect(Object.keys(schema.properties)).toContain('training')
    expect(schema.properties.output?.description).toMatch(/Folder of the run/)
  })
})
