import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { createModel, parseConfig, saveModel } from '@llft/runtime'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completionScript } from '../src/completion.js'
import { runCli } from '../src/index.js'
import { createProgram } from '../src/program.js'

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

/** Runs a command and gives what it wrote. */
async function llft(args: readonly string[], input = '') {
  let [stdout, stderr] = ['', '']
  const streams = {
    stdin: Readable.from([input]) as never,
    stdout: { columns: 120, write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  }
  const code = await runCli(args, streams)
  const events = () =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  return { code, stdout, stderr, events }
}

async function configured(name: string): Promise<string> {
  const file = join(work, `${name}.yaml`)
  const flags = ['--model', model, '--data', data, '--output', join(work, 'runs', name)]
  const { code, stdout } = await llft(['init', ...flags, '--file', file])
  expect(code).toBe(0)
  expect(stdout).toContain('llft train')
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
    const trained = await llft(['train', file, ...QUICK, '--quiet'])
    expect([trained.code, trained.stderr]).toEqual([0, ''])
    const run = join(work, 'runs', 'road')
    expect((await readdir(run)).sort()).toEqual([
      'adapter',
      'checkpoints',
      'config.json',
      'metrics.jsonl',
      'report.html',
      'run.json',
    ])
    const report = await readFile(join(run, 'report.html'), 'utf8')
    expect(report).toMatch(/<h2>Samples/)
    const listed = await llft(['runs', join(work, 'runs')])
    expect(listed.stdout).toMatch(/road {2}done {2}4\/4 steps {2}loss \d/)
    const chat = await llft([
      'chat',
      run,
      '--compare',
      '--prompt',
      'What is 1?',
      '--max-tokens',
      '4',
    ])
    expect(chat.stdout).toMatch(/^base +tuned/)
    const merged = join(work, 'merged')
    expect((await llft(['merge', model, merged, '--adapter', run])).code).toBe(0)
    const inspected = await llft(['inspect', merged, '--json'])
    expect(inspected.events()[0]).toMatchObject({ type: 'inspection', kind: 'model', problems: [] })
    const measured = await llft(['eval', model, '--adapter', run, '--data', data, '--json'])
    expect(measured.events()[0]).toMatchObject({ type: 'evaluation', tokens: expect.any(Number) })
  })

  it('is refused twice, and gone on with where it stopped', async () => {
    const file = await configured('stopped')
    const run = join(work, 'runs', 'stopped')
    const going = llft(['train', file, '--steps', '500', '--set', 'model.dtype=float32', '--json'])
    await waitForStep(join(run, 'metrics.jsonl'), 3)
    process.emit('SIGINT', 'SIGINT')
    const stopped = await going
    expect(stopped.code).toBe(0)
    const types = stopped.events().map(({ type }) => type)
    expect(types).toEqual(expect.arrayContaining(['ready', 'start', 'step', 'checkpoint', 'saved']))
    const again = await llft(['train', file])
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining(`llft resume ${run}`)])
    const runs = await llft(['runs', join(work, 'runs'), '--json'])
    const summary = runs.events().find(({ folder }) => folder === run)
    expect(summary).toMatchObject({ state: 'stopped', resume: `llft resume ${run}` })
    const other = await llft(['resume', run, '--set', 'training.learning_rate=1'])
    expect([other.code, other.stderr]).toEqual([
      2,
      expect.stringMatching(/learningRate: 0.0002 recorded, 1 now/),
    ])
    const steps = String(summary.step + 2)
    const allowed = ['--allow-changes', 'configuration', '--steps', steps]
    const resumed = await llft(['resume', run, ...allowed, '--json'])
    expect(resumed.code).toBe(0)
    expect(resumed.events().find(({ type }) => type === 'start')).toMatchObject({
      firstStep: summary.step,
    })
    const done = await llft(['resume', run])
    expect(done.stderr).toMatch(/must not be done; got one that is. Train on from its weights/)
  })

  it('begins with the weights of another run', async () => {
    const file = await configured('more')
    const from = join(work, 'runs', 'road')
    const { code, events } = await llft([
      'train',
      file,
      ...QUICK,
      '--continue-from',
      from,
      '--json',
    ])
    expect(code).toBe(0)
    const [before] = events().filter(({ type }) => type === 'eval')
    const road = await readFile(join(from, 'metrics.jsonl'), 'utf8')
    const ends = road.split('\n').filter((line) => line.includes('"type":"eval"'))
    expect(before.loss).toBeCloseTo(JSON.parse(ends.at(-1) as string).loss, 6)
  })

  it('trains every parameter, and shows its plan first', async () => {
    const file = await configured('full')
    const plan = await llft(['train', file, '--method', 'full', '--dry-run'])
    expect(plan.stdout).toMatch(/method: full[\s\S]*in all +\d+/)
    const { code } = await llft(['train', file, '--method', 'full', ...QUICK, '--quiet'])
    expect(code).toBe(0)
    expect(await readdir(join(work, 'runs', 'full', 'model'))).toContain('config.json')
    const chat = await llft(
      ['chat', join(work, 'runs', 'full'), '--max-tokens', '2'],
      'Hi\n/quit\n',
    )
    expect(chat.code).toBe(0)
  })

  it('can be estimated', async () => {
    const { stdout } = await llft(['estimate', await configured('estimate'), ...QUICK])
    expect(stdout).toMatch(/activations +[\d.]+ MB[\s\S]*tokens\/s, measured here[\s\S]*steps +4/)
  })
})

describe('llft', () => {
  it.each([
    [['frobnicate'], 2, /unknown command 'frobnicate'/],
    [['train'], 2, /missing required argument 'config'/],
    [['train', 'x.yaml', '--epoch', '3'], 2, /unknown option '--epoch'.*\n.*--epochs/],
    [['train', '/no/such.yaml'], 3, /such.yaml: the file must be readable/],
    [['chat', '/no/model', '--prompt', 'x'], 3, /no\/model/],
    [['inspect', '/no/such'], 3, /must be a file or a folder/],
    [['completion', 'tcsh'], 2, /must be bash, zsh or fish/],
  ])('says what is wrong with %j', async (args, code, message) => {
    const given = await llft(args)
    expect(given.stderr).toMatch(message)
    expect(given.code).toBe(code)
    expect(given.stderr).not.toMatch(/ at .*\.[jt]s:/)
  })

  it('says it as an object with --json', async () => {
    const { events, code } = await llft(['inspect', '/no/such', '--json'])
    expect(events()).toEqual([
      { type: 'error', code: 'ERR_LLFT_DATA', message: expect.any(String), exitCode: 3 },
    ])
    expect(code).toBe(3)
  })

  it('takes a configuration of another tool over', async () => {
    const from = join(work, 'axolotl.yml')
    await writeFile(
      from,
      `base_model: ${model}\ndatasets: [{ path: ${data} }]\nadapter: lora\noutput_dir: ${work}/o\nflash_attention: true\n`,
    )
    const { stdout, code } = await llft([
      'init',
      '--from',
      from,
      '--file',
      join(work, 'taken.yaml'),
    ])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /a configuration of axolotl[\s\S]*left out \(\d+\)[\s\S]*flash_attention: true +LLFT has its own kernels/,
    )
  })

  it('looks at data, adapters and the machine', async () => {
    const rows = await llft(['inspect', data, '--model', model])
    expect(rows.stdout).toMatch(/rows +20[\s\S]*⟦It is 0\./)
    const { events, code } = await llft(['doctor', '--json'])
    expect(code).toBe(0)
    expect(events().map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Node.js', 'kernels', 'memory']),
    )
  })

  it('completes commands and options in bash', async () => {
    const streams = { stdin: process.stdin, stdout: { write: () => 0 }, stderr: { write: () => 0 } }
    const script = completionScript(
      createProgram(streams, () => undefined),
      'bash',
    )
    const complete = async (...words: string[]) => {
      const line = `${script}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _llft; echo "\${COMPREPLY[@]}"`
      return (await promisify(execFile)('bash', ['-c', line])).stdout.trim()
    }
    expect(await complete('llft', 'res')).toBe('resume')
    expect(await complete('llft', 'train', '--training.learn')).toBe('--training.learning-rate')
  })
})
