import { rmSync, writeFileSync } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadModel, memoryStats, synchronize, Tensor } from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type LoraTrainOptions,
  loadAdapter,
  loraTrain,
  RunAbortedError,
  type RunEvent,
  RunSaveError,
  saveAdapter,
} from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

const FILES = ['README.md', 'adapter_config.json', 'adapter_model.safetensors']
let base: string
let work: string

beforeAll(async () => {
  base = await tinyCheckpoint()
  return () => rm(base, { recursive: true })
})

beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'llft-saving-'))
})

afterEach(async () => {
  await rm(work, { recursive: true, force: true })
})

function options(more: Partial<LoraTrainOptions> = {}): LoraTrainOptions {
  return {
    model: base,
    data: questions(8),
    columns: { user: 'question', assistant: 'answer' },
    output: join(work, 'runs', 'out'),
    maxSteps: 3,
    warmupSteps: 0,
    dtype: 'float32',
    onWarning: () => undefined,
    ...more,
  }
}

/** Does `act` when the figures of the first step are told. */
function afterFirstStep(act: () => unknown) {
  return (event: RunEvent) => (event.type === 'step' && event.step === 1 ? act() : undefined)
}

async function loads(folder: string): Promise<void> {
  const model = await loadModel(base, { dtype: 'float32' })
  await loadAdapter(model, folder).finally(() => model.dispose())
}

describe('loraTrain', () => {
  it('follows a symbolic link to a folder', async () => {
    await mkdir(join(work, 'real'))
    await symlink(join(work, 'real'), join(work, 'link'))
    await loraTrain(options({ output: join(work, 'link') }))
    expect((await readdir(join(work, 'real'))).sort()).toEqual(FILES)
  })

  it('trains twice into one folder, one after the other', async () => {
    await loraTrain(options())
    await loraTrain(options({ lora: { r: 2 } }))
    const text = await readFile(join(work, 'runs', 'out', 'adapter_config.json'), 'utf8')
    expect(text).toContain('"r": 2')
  })

  it('refuses the output of a run that is not done', async () => {
    const first = loraTrain(options())
    await expect(loraTrain(options())).rejects.toThrow(/one run at a time/)
    await first
    expect((await readdir(join(work, 'runs', 'out'))).sort()).toEqual(FILES)
  })

  it('refuses the folder of the model, and one with a README.md of somebody', async () => {
    await expect(loraTrain(options({ output: base }))).rejects.toThrow(/which holds .*config.json/)
    await mkdir(join(work, 'mine'))
    await writeFile(join(work, 'mine', 'README.md'), '# Mine')
    await expect(loraTrain(options({ output: join(work, 'mine') }))).rejects.toThrow(
      /which holds 'README.md'/,
    )
    expect(await readFile(join(work, 'mine', 'README.md'), 'utf8')).toBe('# Mine')
  })

  it('saves beside a folder that fails in the end, and keeps the adapter in the model', async () => {
    const model = await loadModel(base, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(base)
    const output = join(work, 'runs', 'out')
    const onEvent = afterFirstStep(() => {
      rmSync(output, { recursive: true })
      writeFileSync(output, 'a file now')
    })
    const given = options({ model, tokenizer, onEvent })
    const error = await loraTrain(given).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RunSaveError)
    const { code, message, folder, cause } = error as RunSaveError
    expect(code).toBe('ERR_LLFT_SAVE')
    expect((cause as NodeJS.ErrnoException).code).toBe('ENOTDIR')
    expect(folder).toMatch(/runs\/out-rescued-\w{6}$/)
    expect(message).toContain(`It is saved in ${folder} instead.`)
    expect((await readdir(folder as string)).sort()).toEqual(FILES)
    await saveAdapter(model, join(work, 'again'))
    await loads(join(work, 'again'))
    model.dispose()
    expect(await readFile(output, 'utf8')).toBe('a file now')
  })

  it('gives the model with the adapter where nothing can be written', async () => {
    const temporary = process.env.TMPDIR
    const onEvent = afterFirstStep(() => {
      rmSync(work, { recursive: true })
      process.env.TMPDIR = join(work, 'no-such-folder')
    })
    try {
      const error = await loraTrain(options({ onEvent })).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(RunSaveError)
      const { folder, model, message } = error as RunSaveError
      expect(folder).toBeUndefined()
      expect(message).toMatch(/It is in memory: call saveAdapter\(error.model, FOLDER\)/)
      await saveAdapter(model as never, join(work, 'later'))
      await loads(join(work, 'later'))
      model?.dispose()
    } finally {
      if (temporary === undefined) delete process.env.TMPDIR
      else process.env.TMPDIR = temporary
    }
  })

  it.each([
    ['a handler that throws', fail, /^broken$/],
    ['NaN in a later step', undefined, /in step \d/],
  ])('saves the steps that were done before %s, and says so', async (_, act, message) => {
    await synchronize()
    const { handles } = memoryStats()
    const model = await loadModel(base, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(base)
    const poison = () => {
      const found = [...model.parameters()].find(([, tensor]) => tensor.requiresGrad)
      const [, weight] = found as [string, Tensor]
      weight.grad = Tensor.full(weight.shape, Number.NaN)
    }
    const onEvent = afterFirstStep(act ?? poison)
    const codes: string[] = []
    const onWarning = ({ code }: { code: string }) => codes.push(code)
    const given = options({ model, tokenizer, onEvent, onWarning, maxSteps: 8, maxSkippedSteps: 1 })
    await expect(loraTrain(given)).rejects.toThrow(message)
    expect(codes).toEqual(['WARN_LLFT_STOPPED_EARLY'])
    await loads(given.output)
    model.dispose()
    await synchronize()
    expect(memoryStats().handles).toBe(handles)
  })

  it('leaves nothing behind if an abort is not to save', async () => {
    const controller = new AbortController()
    const onEvent = afterFirstStep(() => controller.abort())
    const given = options({ onEvent, signal: controller.signal, saveOnAbort: false, maxSteps: 9 })
    await expect(loraTrain(given)).rejects.toBeInstanceOf(RunAbortedError)
    await expect(access(join(work, 'runs'))).rejects.toThrow()
  })
})

function fail(): never {
  throw new Error('broken')
}
