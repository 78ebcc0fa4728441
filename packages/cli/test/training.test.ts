import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createModel, parseConfig, saveModel } from '@llft/runtime'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from './run.js'

const TOKENIZER = join(import.meta.dirname, '../../../demo/model')
let work: string
let model: string
let data: string

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-cli-'))
  model = join(work, 'model')
  const config = parseConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 2048,
    hidden_size: 32,
    intermediate_size: 48,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-6,
    initializer_range: 0.1,
    tie_word_embeddings: true,
  })
  const tiny = createModel(config, { seed: 1, dtype: 'float32' })
  await saveModel(model, tiny)
  tiny.dispose()
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join(TOKENIZER, name), join(model, name))
  }
  data = join(work, 'data.jsonl')
  const rows = Array.from({ length: 20 }, (_, i) => ({
    question: `What is ${i}?`,
    answer: `It is ${i}.`,
  }))
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'))
})

afterAll(() => rm(work, { recursive: true }))

async function configured(name: string): Promise<string> {
  const file = join(work, `${name}.yaml`)
  const flags = ['--model', model, '--data', data, '--output', join(work, 'runs', name)]
  const { code, stderr } = await run(['init', ...flags, '--file', file])
  expect(code).toBe(0)
  expect(stderr).toContain('llft train')
  return file
}

async function waitForStep(metrics: string, step: number): Promise<void> {
  for (;;) {
    const lines = await readFile(metrics, 'utf8').catch(() => '')
    if (lines.includes(`"step":${step},`)) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const QUICK = ['--steps', '4', '--set', 'training.save_steps=2', '--set', 'model.dtype=float32']

describe('the road of a run', () => {
  it('leads from init to a merged model', async () => {
    const file = await configured('road')
    expect(await readFile(file, 'utf8')).toMatch(/columns: \{ user: question, assistant: answer \}/)
    const trained = await run(['train', file, ...QUICK, '--quiet'])
    expect([trained.code, trained.stderr]).toEqual([0, ''])
    const folder = join(work, 'runs', 'road')
    expect((await readdir(folder)).sort()).toEqual([
      'adapter',
      'checkpoints',
      'config.json',
      'metrics.jsonl',
      'report.html',
      'run.json',
    ])
    const report = await readFile(join(folder, 'report.html'), 'utf8')
    expect(report).toMatch(/<h2>Samples/)
    const listed = await run(['runs', join(work, 'runs')])
    expect(listed.stdout).toMatch(/road {2}done {2}4\/4 steps {2}loss \d/)
    const chat = await run([
      'chat',
      folder,
      '--compare',
      '--prompt',
      'What is 1?',
      '--max-tokens',
      '4',
    ])
    expect(chat.stdout).toMatch(/base[\s\S]*tuned/)
    const merged = join(work, 'merged')
    expect((await run(['merge', model, merged, '--adapter', folder])).code).toBe(0)
    const inspected = await run(['inspect', merged, '--json'])
    expect(inspected.events[0]).toMatchObject({ type: 'inspection', kind: 'model', problems: [] })
    const measured = await run(['eval', model, '--adapter', folder, '--data', data, '--json'])
    expect(measured.events[0]).toMatchObject({ type: 'evaluation', tokens: expect.any(Number) })
  })

  it('is refused twice, and gone on with where it stopped', async () => {
    const file = await configured('stopped')
    const path = join(work, 'runs', 'stopped')
    const going = run(['train', file, '--steps', '500', '--set', 'model.dtype=float32', '--json'])
    await waitForStep(join(path, 'metrics.jsonl'), 3)
    process.emit('SIGINT', 'SIGINT')
    const stopped = await going
    expect(stopped.code).toBe(0)
    const types = stopped.events.map(({ type }) => type)
    expect(types).toEqual(expect.arrayContaining(['ready', 'start', 'step', 'checkpoint', 'saved']))
    const again = await run(['train', file])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining(`llft resume ${path}`)])
    const runs = await run(['runs', join(work, 'runs'), '--json'])
    const summary = runs.events.find((event) => event.type === 'runs' && event.folder === path)
    const step = summary?.type === 'runs' ? summary.step : 0
    expect(summary).toMatchObject({ state: 'stopped', resume: `llft resume ${path}` })
    const other = await run(['resume', path, '--set', 'training.learning_rate=1'])
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/learningRate: 0.0002 recorded, 1 now/),
    ])
    const steps = String(step + 2)
    const allowed = ['--allow-changes', 'configuration', '--steps', steps]
    const resumed = await run(['resume', path, ...allowed, '--json'])
    expect(resumed.code).toBe(0)
    expect(resumed.events.find(({ type }) => type === 'start')).toMatchObject({
      firstStep: step,
    })
    const done = await run(['resume', path])
    expect(done.stderr).toMatch(/must not be done; got one that is. Train on from its weights/)
  })

  it('leaves its folder free if it never began', async () => {
    const file = await configured('free')
    const folder = join(work, 'runs', 'free')
    const failed = await run(['train', file, '--data.train', '/no/such.jsonl'])
    expect([failed.code, failed.stderr]).toEqual([3, expect.stringContaining('/no/such.jsonl')])
    await expect(readdir(folder)).rejects.toThrow(/ENOENT/)
    expect((await run(['train', file, ...QUICK, '--quiet'])).code).toBe(0)
  })

  it('begins with the weights of another run', async () => {
    const file = await configured('more')
    const from = join(work, 'runs', 'road')
    const { code, events } = await run(['train', file, ...QUICK, '--continue-from', from, '--json'])
    expect(code).toBe(0)
    const before = events.find(({ type }) => type === 'eval')
    const road = await readFile(join(from, 'metrics.jsonl'), 'utf8')
    const ends = road.split('\n').filter((line) => line.includes('"type":"eval"'))
    expect(before && 'loss' in before && before.loss).toBeCloseTo(
      JSON.parse(ends.at(-1) as string).loss,
      6,
    )
  })

  it('goes on with a run that began with the weights of another one', async () => {
    const file = await configured('again')
    const from = ['--continue-from', join(work, 'runs', 'road'), '--set', 'model.dtype=float32']
    const whole = join(work, 'runs', 'again')
    expect((await run(['train', file, ...from, '--steps', '4', '--quiet'])).code).toBe(0)
    const parts = await configured('parts')
    const going = run(['train', parts, ...from, '--steps', '4', '--training.save-steps', '2'])
    await waitForStep(join(work, 'runs', 'parts', 'metrics.jsonl'), 2)
    process.emit('SIGINT', 'SIGINT')
    await going
    await run(['resume', join(work, 'runs', 'parts'), '--quiet'])
    const adapters = [whole, join(work, 'runs', 'parts')].map((folder) =>
      readFile(join(folder, 'adapter', 'adapter_model.safetensors'), 'base64'),
    )
    const [uninterrupted, resumed] = await Promise.all(adapters)
    expect(resumed).toBe(uninterrupted)
  })

  it('begins with random weights', async () => {
    const file = await configured('scratch')
    const scratch = ['--model.from-scratch', 'true', '--method', 'full']
    const { code, events } = await run(['train', file, ...scratch, ...QUICK, '--json'])
    expect(code).toBe(0)
    const before = events.find(({ type }) => type === 'eval')
    // Nothing is known yet: as likely as any other of 2048 tokens.
    expect(before && 'loss' in before && before.loss).toBeCloseTo(Math.log(2048), 0)
    const refused = await run([
      'train',
      file,
      '--model.from-scratch',
      'true',
      '--output',
      `${work}/x`,
    ])
    expect(refused.stderr).toMatch(/must come with method: full/)
  })

  it('trains every parameter, and shows its plan first', async () => {
    const file = await configured('full')
    const plan = await run(['train', file, '--method', 'full', '--dry-run'])
    expect(plan.stdout).toMatch(/method: full[\s\S]*in all +\d+/)
    const { code } = await run(['train', file, '--method', 'full', ...QUICK, '--quiet'])
    expect(code).toBe(0)
    expect(await readdir(join(work, 'runs', 'full', 'model'))).toContain('config.json')
    const chat = await run(['chat', join(work, 'runs', 'full'), '--max-tokens', '2'], {
      stdin: 'Hi\n/quit\n',
    })
    expect(chat.code).toBe(0)
  })

  it('can be estimated', async () => {
    const { stdout } = await run(['estimate', await configured('estimate'), ...QUICK])
    expect(stdout).toMatch(/activations +[\d.]+ MB[\s\S]*tokens\/s, measured here[\s\S]*steps +4/)
  })
})

describe('llft', () => {
  it.each([
    [['train'], 2, /missing required argument 'config'/],
    [['train', 'x.yaml', '--epoch', '3'], 2, /unknown option '--epoch'[\s\S]*--epochs/],
    [['train', '/no/such.yaml'], 3, /such.yaml: the file must be readable/],
    [['resume', '/no/such'], 2, /must be the folder of a run/],
    [['resume', '/no/such', '--set', 'x'], 2, /must be the folder of a run/],
  ])('says what is wrong with %j', async (args, code, message) => {
    const given = await run(args)
    expect(given.stderr).toMatch(message)
    expect(given.code).toBe(code)
    expect(given.stderr).not.toMatch(/ at .*\.[jt]s:/)
  })

  it('takes a configuration of another tool over', async () => {
    const from = join(work, 'axolotl.yml')
    await writeFile(
      from,
      `base_model: ${model}\ndatasets: [{ path: ${data} }]\nadapter: lora\noutput_dir: ${work}/o\nflash_attention: true\n`,
    )
    const { stdout, code } = await run(['init', '--from', from, '--file', join(work, 'taken.yaml')])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /a configuration of axolotl[\s\S]*left out \(\d+\)[\s\S]*flash_attention: true +LLFT has its own kernels/,
    )
  })

  it('takes one over whose files are elsewhere, and what flags say in its place', async () => {
    const from = join(work, 'far.yml')
    await writeFile(
      from,
      'base_model: far/away\nload_in_4bit: true\ndatasets: [{ path: far.jsonl }]\n',
    )
    const file = join(work, 'far.yaml')
    const args = ['init', '--from', from, '--file', file]
    const { stderr, code } = await run([...args, '--model', model, '--output', `${work}/far`])
    expect(code).toBe(0)
    expect(stderr).toContain(
      'far.jsonl is not here: put the file there, or name yours in data.train',
    )
    const written = await readFile(file, 'utf8')
    expect(written).toMatch(new RegExp(`path: ${model} [\\s\\S]*quantization: nf4`))
    expect(written).toContain('train: far.jsonl')
    const again = await run([...args, '--force', '--data', data, '--output', `${work}/far`])
    expect(again.code).toBe(0)
    expect(await readFile(file, 'utf8')).toContain(`train: ${data}`)
  })
})
