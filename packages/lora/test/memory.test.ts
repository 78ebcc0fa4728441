import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantizationConfig, quantizeLinear } from '@llft/quant'
import {
  loadModel,
  memoryStats,
  OutOfMemoryError,
  parseConfig,
  planModel,
  readConfig,
  synchronize,
  trimMemory,
} from '@llft/runtime'
import { Tokenizer } from '@llft/tokenizer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cgroupMemoryLimit } from '../../train/src/memory/memory-limit.js'
import { estimateOf, type MemoryPlan } from '../../train/src/memory/memory-plan.js'
import { fullWorkload } from '../../train/src/memory/memory-workload.js'
import { requireMemory } from '../../train/src/memory/require-memory.js'
import {
  type EstimateMemoryOptions,
  estimateMemory,
  InsufficientMemoryError,
  type LoraTrainOptions,
  loraAdaptation,
  loraTrain,
  type RunEvent,
} from '../src/index.js'
import { questions, tinyCheckpoint } from './tiny-checkpoint.js'

let model: string
let work: string
let runs = 0

beforeAll(async () => {
  model = await tinyCheckpoint()
  work = await mkdtemp(join(tmpdir(), 'llft-memory-'))
})

afterAll(async () => {
  await rm(model, { recursive: true })
  await rm(work, { recursive: true })
})

function options(more: Partial<LoraTrainOptions> = {}): LoraTrainOptions {
  return {
    model,
    data: questions(40),
    columns: { user: 'question', assistant: 'answer' },
    output: join(work, `run-${runs++}`),
    dtype: 'float32',
    maxSteps: 5,
    ...more,
  }
}

function held() {
  const { handles, bytesInUse } = memoryStats()
  return { handles, bytesInUse }
}

describe('estimateMemory', () => {
  it.each<Partial<LoraTrainOptions>>([
    {},
    { checkpointing: true },
    { batchSize: 16 },
    { batchSize: 1, gradientAccumulation: 4 },
    { dtype: 'bfloat16' },
    { dtype: 'bfloat16', checkpointing: true, batchSize: 8 },
    { packing: true, maxLength: 100, batchSize: 3 },
    { evalCount: 8, evalBatchSize: 8 },
    { optimizer: 'adamw8bit' },
    { optimizer: 'paged-adamw8bit' },
    { lora: { r: 4, useDora: true, dropout: 0.1 } },
    { lora: { modulesToSave: ['embed_tokens'] } },
    { quantization: 'nf4' },
    { quantization: { format: 'int8' }, dtype: 'bfloat16', checkpointing: false },
  ])('foretells the native peak with %j', async (more) => {
    const given = options(more)
    await synchronize()
    trimMemory()
    const before = held()
    const { peakBytes, parts, peakResidentBytes, batchTokens } = await estimateMemory(given)
    expect(held()).toEqual(before)
    const result = await loraTrain(given)
    await synchronize()
    expect(held()).toEqual(before)
    const real = result.peakBytes - before.bytesInUse
    // Sums that loading checks the weights by, and figures on their way, are not rehearsed: some blocks of 64 bytes.
    expect(Math.abs(peakBytes - real)).toBeLessThanOrEqual(0.02 * real + 64 * 40)
    const { gradients, adapters, optimizer } = parts
    expect(gradients).toBe(4 * result.trainableParameters)
    expect(adapters).toBeGreaterThanOrEqual(4 * result.trainableParameters)
    if (given.optimizer === undefined) expect(optimizer).toBeGreaterThanOrEqual(2 * gradients)
    if (given.optimizer === 'paged-adamw8bit') expect(optimizer).toBe(0)
    expect(peakResidentBytes).toBeGreaterThan(peakBytes + parts.process)
    expect(batchTokens).toBeGreaterThan(0)
  })

  it('takes a configuration, a loaded model and no data', async () => {
    const { data: _, output: __, columns: ___, model: ____, ...rest } = options({ batchSize: 2 })
    const config = await readConfig(model)
    const full: EstimateMemoryOptions = { ...rest, model: config, maxLength: 64 }
    const fromConfig = await estimateMemory(full)
    expect(fromConfig.batchTokens).toBe(128)
    expect(await estimateMemory({ ...full, model })).toMatchObject({
      peakBytes: fromConfig.peakBytes,
      batchTokens: 128,
    })
    const loaded = await loadModel(model, { dtype: 'float32' })
    const { parts } = await estimateMemory({ ...full, model: loaded })
    expect(parts.weights).toBe(0)
    expect(parts.activations).toBe(fromConfig.parts.activations)
    const { data, columns } = options()
    const withData = { ...full, model: loaded, data: data ?? [], columns: columns as never }
    await expect(estimateMemory(withData)).rejects.toThrow(
      /estimateMemory.tokenizer: must be given/,
    )
    const tokenizer = await Tokenizer.fromFolder(model)
    const { batchTokens } = await estimateMemory({ ...withData, tokenizer })
    expect(batchTokens).toBeLessThan(128)
    loaded.dispose()
  })

  it('refuses what loraTrain refuses', async () => {
    await expect(estimateMemory({ ...options(), batchsize: 1 } as never)).rejects.toThrow(
      /estimateMemory: .*Did you mean 'batchSize'/,
    )
    const lora = { targetModules: ['query'] }
    await expect(estimateMemory(options({ lora }))).rejects.toThrow(/got 'query'/)
    await expect(estimateMemory({ model, maxLength: 129 })).rejects.toThrow(/128 tokens; got 129/)
  })
})

describe('a run that does not fit', () => {
  it('is refused before anything is loaded, with its parts', async () => {
    const events: RunEvent[] = []
    const given = options({ memoryLimit: 1000, onEvent: (event) => events.push(event) })
    await synchronize()
    const before = held()
    const error = await loraTrain(given).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(InsufficientMemoryError)
    expect(events).toEqual([])
    expect(held()).toEqual(before)
    expect(await readdir(given.output).catch(() => 'none')).toBe('none')
    const { code, message, estimate, limit } = error as InsufficientMemoryError
    expect(code).toBe('ERR_LLFT_OUT_OF_MEMORY')
    expect(limit).toBe(1000)
    expect(estimate?.parts.activations).toBeGreaterThan(0)
    expect(message).toMatch(
      /^loraTrain: the run must fit into 0\.0 MB; got .* \(weights .*, activations .*, process .*\)\. No /,
    )
  })

  // 8 layers of 2 million elements and 8 x 512 tokens, of which nothing exists.
  async function largePlan(): Promise<MemoryPlan> {
    const config = parseConfig({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      vocab_size: 4096,
      hidden_size: 512,
      intermediate_size: 1024,
      num_hidden_layers: 8,
      num_attention_heads: 8,
      max_position_embeddings: 1024,
      rms_norm_eps: 1e-6,
    })
    return {
      model: await planModel(config, { dtype: 'float32' }),
      quantizedModel: undefined,
      adaptation: loraAdaptation(),
      optimizer: 'adamw',
      checkpointing: false,
      workload: fullWorkload(8, 512, 1),
    }
  }

  it('refuses what no machine could address as anything else that does not fit', async () => {
    const plan = await largePlan()
    const build = () => {
      throw new OutOfMemoryError('empty: no addresses left.')
    }
    const huge = { ...plan, model: { ...plan.model, build } }
    const limits = { batchSize: 1, gradientAccumulation: 1, packing: false }
    expect(() => requireMemory(huge, 1e9, { ...limits, where: 'x' })).toThrow(
      InsufficientMemoryError,
    )
    expect(() => requireMemory(huge, 1e9, { ...limits, where: 'x' })).toThrow(
      /got more than any machine has/,
    )
  })

  function refusal(plan: MemoryPlan, limit: number): string[] {
    try {
      requireMemory(plan, limit, {
        where: 'loraTrain',
        batchSize: 8,
        gradientAccumulation: 1,
        packing: false,
      })
    } catch (error) {
      expect(error).toBeInstanceOf(InsufficientMemoryError)
      return [...(error as InsufficientMemoryError).settings]
    }
    return ['fits']
  }

  it('names a quantised base where the weights are what does not fit', async () => {
    const plan = await largePlan()
    const few = { ...plan, workload: fullWorkload(1, 64, 1) }
    const loadLinear = quantizeLinear(quantizationConfig())
    const quantizedModel = await planModel(plan.model.config, { dtype: 'float32', loadLinear })
    const limit = () => estimateOf(few).peakResidentBytes - (20 << 20)
    expect(refusal(few, limit())).not.toContain("quantization: 'nf4'")
    expect(refusal({ ...few, quantizedModel }, limit())).toContain("quantization: 'nf4'")
  })

  it('names the settings that would fit, the least change first', async () => {
    const plan = await largePlan()
    const { parts } = estimateOf(plan)
    // Whatever the process holds by now, with a quarter, a tenth or a hundredth of the activations.
    const limit = (share: number) => {
      const now = estimateOf(plan)
      return now.peakResidentBytes - (1 - share) * parts.activations + (4 << 20)
    }
    expect(refusal(plan, limit(1))).toEqual(['fits'])
    expect(refusal(plan, limit(0.55))).toEqual([
      'checkpointing: true',
      'batchSize: 4 with gradientAccumulation: 2',
    ])
    expect(refusal(plan, limit(0.04))).toEqual([
      expect.stringMatching(
        /^checkpointing: true with batchSize: [12] with gradientAccumulation: [48]$/,
      ),
    ])
    expect(refusal(plan, limit(-1))).toEqual([])
  })

  it('is told to shorten its rows where nothing else helps', async () => {
    const plan = await largePlan()
    const long = { ...plan, checkpointing: true, workload: fullWorkload(1, 4096, 1) }
    const limit = estimateOf({ ...long, workload: fullWorkload(1, 1024, 2) }).peakResidentBytes
    const [setting] = refusal(long, limit + (16 << 20))
    expect(setting).toMatch(/maxLength: 1024$/)
  })

  it('goes on with a loaded model where there is room', async () => {
    const loaded = await loadModel(model, { dtype: 'float32' })
    const tokenizer = await Tokenizer.fromFolder(model)
    const { steps } = await loraTrain(options({ model: loaded, tokenizer, maxSteps: 1 }))
    expect(steps).toBe(1)
    loaded.dispose()
  })
})

describe('cgroupMemoryLimit', () => {
  it('takes the least of the groups above, of both versions', async () => {
    const write = async (path: string, text: string) => {
      const file = join(work, 'cgroup', path)
      await mkdir(join(file, '..'), { recursive: true })
      await writeFile(file, text)
    }
    await write('memory.max', 'max\n')
    await write('a/memory.max', '5000\n')
    await write('a/b/memory.max', '7000\n')
    await write('memory/memory.limit_in_bytes', '9223372036854771712\n')
    await write('memory/x/memory.limit_in_bytes', '3000\n')
    const root = join(work, 'cgroup')
    expect(cgroupMemoryLimit('0::/a/b\n', root)).toBe(5000)
    expect(cgroupMemoryLimit('0::/\n', root)).toBe(Number.POSITIVE_INFINITY)
    expect(cgroupMemoryLimit('4:cpu,memory:/x\n1:cpu:/a\n', root)).toBe(3000)
    expect(cgroupMemoryLimit('', root)).toBe(Number.POSITIVE_INFINITY)
  })
})
