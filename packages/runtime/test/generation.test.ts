import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { StopBuffer } from '../src/generation/stop-buffer.js'
import {
  AbortedError,
  batchOf,
  type CausalLM,
  ConfigError,
  createModel,
  DataError,
  generate,
  generateStream,
  generateText,
  noGrad,
  scope,
  streamText,
  type TextCodec,
} from '../src/index.js'
import { expectNoLeak } from './memory.js'
import { LIMIT, tinyConfig } from './tiny-config.js'

/** One letter for each token: codes 32 to 126 of ASCII. */
const codec: TextCodec = {
  encode: (text) => [...text].map((letter) => letter.charCodeAt(0) - 30),
  streamDecoder: () => ({ push: (id) => String.fromCharCode(id + 30), flush: () => '' }),
}

async function greedyWithoutCache(model: CausalLM, prompt: number[], count: number) {
  const ids = [...prompt]
  for (let step = 0; step < count; step++) {
    const logits = scope(() =>
      noGrad(() => model.logits(model.forward(batchOf([ids])), Int32Array.of(ids.length - 1))),
    )
    const values = await logits.read()
    logits.dispose()
    ids.push(values.indexOf(Math.max(...values) as never))
  }
  return ids.slice(prompt.length)
}

describe('generate', () => {
  let model: CausalLM
  const prompts = [[5, 6, 7], [11], [20, 21, 22, 23, 24, 25, 26]]

  beforeAll(() => {
    model = createModel(tinyConfig(), { seed: 3 })
  })

  afterAll(() => model.dispose())

  it('gives a ragged batch what each prompt gives alone, without a cache', async () => {
    const { ids } = await generate(model, prompts, { maxNewTokens: 12 })
    for (const [index, prompt] of prompts.entries()) {
      expect(ids[index]).toEqual(await greedyWithoutCache(model, prompt, 12))
    }
  })

  it('does the same with a sliding window and with longrope across its border', async () => {
    const factors = { short_factor: [1, 1.1, 1.2, 1.3], long_factor: [1, 2, 4, 8] }
    const others = [
      { model_type: 'mistral', sliding_window: 4 },
      {
        model_type: 'phi3',
        original_max_position_embeddings: 10,
        rope_scaling: { type: 'longrope', ...factors },
      },
    ]
    for (const extra of others) {
      const other = createModel(tinyConfig(extra), { seed: 4 })
      const prompt = [5, 6, 7, 8, 9]
      const { ids } = await generate(other, [prompt], { maxNewTokens: 12 })
      expect(ids[0]).toEqual(await greedyWithoutCache(other, prompt, 12))
      other.dispose()
    }
  })

  // What `generateStream` says of itself: the longest row of a batch decides the frequencies of all.
  it.each([
    ['longrope', { model_type: 'phi3', original_max_position_embeddings: 10 }],
    ['dynamic', { max_position_embeddings: 10 }],
  ])('gives a short row beside a long one other tokens with %s', async (type, extra) => {
    const factors =
      type === 'longrope'
        ? { short_factor: [1, 1, 1, 1], long_factor: [1, 8, 64, 512] }
        : { factor: 64 }
    const other = createModel(tinyConfig({ ...extra, rope_scaling: { type, ...factors } }), {
      seed: 7,
    })
    const short = [5, 6, 7, 8, 9]
    const long = Array.from({ length: 20 }, (_, index) => index + 3)
    const alone = await generate(other, [short], { maxNewTokens: 4 })
    const same = await generate(other, [short, short], { maxNewTokens: 4 })
    const beside = await generate(other, [short, long], { maxNewTokens: 4 })
    other.dispose()
    expect(same.ids[0]).toEqual(alone.ids[0])
    expect(beside.ids[0]).not.toEqual(alone.ids[0])
  })

  it('grows its cache', async () => {
    const wide = createModel(tinyConfig({ max_position_embeddings: 1024 }), { seed: 3 })
    const options = { maxNewTokens: 150 }
    const both = await generate(wide, [[5, 6, 7], [11]], options)
    const alone = await generate(wide, [[11]], options)
    expect(both.ids[1]).toHaveLength(150)
    expect(both.ids[1]).toEqual(alone.ids[0])
    wide.dispose()
  })

  it('draws the same for the same seed, others for another, each row its own', async () => {
    const draw = (seed: number) =>
      generate(model, [[5], [5]], { maxNewTokens: 16, temperature: 1.5, seed })
    const [first, again, other] = [await draw(1), await draw(1), await draw(2)]
    expect(again).toEqual(first)
    expect(other.ids[0]).not.toEqual(first.ids[0])
    expect(first.ids[0]).not.toEqual(first.ids[1])
    // Row 1 of seed 1 draws from seed 2, as row 0 of seed 2 does.
    expect(other.ids[0]).toEqual(first.ids[1])
  })

  it('with top-k 1 draws what greedy takes', async () => {
    const greedy = await generate(model, prompts, { maxNewTokens: 8 })
    const top = await generate(model, prompts, { maxNewTokens: 8, temperature: 1, topK: 1 })
    expect(top).toEqual(greedy)
  })

  it('ends at an end token, which is left out, while others go on', async () => {
    const { ids } = await generate(model, prompts, { maxNewTokens: 8 })
    const end = ids[0]?.[3] as number
    const ended = await generate(model, prompts, { maxNewTokens: 8, eosTokenIds: [end] })
    for (const [index, all] of ids.entries()) {
      const at = all.indexOf(end)
      expect(ended.ids[index]).toEqual(at < 0 ? all : all.slice(0, at))
      expect(ended.finishReasons[index]).toBe(at < 0 ? 'length' : 'eos')
    }
  })

  it('ends where the context is full', async () => {
    const prompt = new Array<number>(LIMIT - 3).fill(5)
    const { ids, finishReasons } = await generate(model, [prompt], { maxNewTokens: 50 })
    expect(ids[0]).toHaveLength(3)
    expect(finishReasons).toEqual(['context'])
  })

  it('runs a step ahead, but none past the last token', async () => {
    const forward = vi.spyOn(model, 'forward')
    await generate(model, prompts, { maxNewTokens: 5 })
    expect(forward).toHaveBeenCalledTimes(5)
    const stream = generateStream(model, prompts.slice(0, 1), { maxNewTokens: 5 })
    await stream.next()
    expect(forward).toHaveBeenCalledTimes(7)
    await stream.return()
    forward.mockClear()
    await generate(model, [new Array<number>(LIMIT - 3).fill(5)], { maxNewTokens: 50 })
    expect(forward).toHaveBeenCalledTimes(3)
    forward.mockRestore()
  })

  it('refuses prompts and options that do not fit', async () => {
    const run = (prompt: number[][], options = {}) => generate(model, prompt, options)
    await expect(run([])).rejects.toThrow(DataError)
    await expect(run([[1], []])).rejects.toThrow(/prompt 1 must have a token/)
    await expect(run([new Array<number>(LIMIT).fill(1)])).rejects.toThrow(
      /prompt 0 must be shorter than the context of 64 tokens; got 64/,
    )
    await expect(run([[97]])).rejects.toThrow(/below the vocabulary of 97; got 97/)
    await expect(run([[1]], { temperature: -1 })).rejects.toThrow(ConfigError)
    await expect(run([[1]], { top_k: 4 })).rejects.toThrow(/got 'top_k'. Did you mean 'topK'/)
    await expect(run([[1]], { maxNewTokens: 1.5 })).rejects.toThrow(
      /generate.maxNewTokens: must be a whole number; got 1.5/,
    )
    await expect(run([[1]], { topP: 0 })).rejects.toThrow(/generate.topP: must be above 0; got 0/)
  })

  it('leaves no memory behind: finished, left early, aborted, failed', async () => {
    await generate(model, prompts, { maxNewTokens: 4 })
    await expectNoLeak(() => generate(model, prompts, { maxNewTokens: 8 }))
    await expectNoLeak(async () => {
      for await (const event of generateStream(model, prompts)) if (event.index === 1) break
    })
    const controller = new AbortController()
    await expectNoLeak(async () => {
      const run = async () => {
        for await (const _ of generateStream(model, prompts, { signal: controller.signal })) {
          controller.abort()
        }
      }
      await expect(run()).rejects.toThrow(AbortedError)
      await expect(run()).rejects.toThrow(
        /^generate: was stopped by its AbortSignal after \d tokens\.$/,
      )
    })
    await expectNoLeak(() => expect(generate(model, [[500]])).rejects.toThrow(DataError))
  })
})

describe('text', () => {
  let model: CausalLM
  let free: string

  beforeAll(async () => {
    model = createModel(tinyConfig(), { seed: 3 })
    const [result] = await generateText(model, codec, ['hello'], { maxNewTokens: 20 })
    free = result?.text as string
  })

  afterAll(() => model.dispose())

  it('refuses a stop string that would always stop', async () => {
    await expect(generateText(model, codec, ['a'], { stop: ['x', ''] })).rejects.toThrow(
      "generateText.stop.1: must be a string that is not empty; got ''.",
    )
  })

  it('streams the text that it returns', async () => {
    expect(free).toHaveLength(20)
    let streamed = ''
    for await (const event of streamText(model, codec, ['hello'], { maxNewTokens: 20 })) {
      if (event.type === 'text') streamed += event.text
      else
        expect(event).toEqual({ type: 'end', index: 0, reason: 'length', text: free, tokens: 20 })
    }
    expect(streamed).toBe(free)
  })

  it('stops before a stop string across tokens, and never shows a part of it', async () => {
    const stop = free.slice(7, 10)
    const expected = free.slice(0, free.indexOf(stop))
    let streamed = ''
    for await (const event of streamText(model, codec, ['hello'], {
      stop: [stop],
      maxNewTokens: 20,
    })) {
      if (event.type === 'text') streamed += event.text
      else expect([event.reason, event.text]).toEqual(['stop', expected])
      expect(expected.startsWith(streamed)).toBe(true)
    }
    expect(streamed).toBe(expected)
  })

  it('takes token lists and leaves no memory behind', async () => {
    await expectNoLeak(async () => {
      const options = { maxNewTokens: 20, stop: [free.slice(2, 4)] }
      const [byText, byIds] = await generateText(
        model,
        codec,
        ['hello', codec.encode('hello')],
        options,
      )
      expect(byIds).toEqual(byText)
    })
  })
})

describe('StopBuffer', () => {
  it('holds back what may become a stop string and gives it back when it does not', () => {
    const buffer = new StopBuffer(['END', 'NDX'])
    expect(buffer.push('abE')).toEqual({ text: 'ab', stopped: false })
    expect(buffer.push('N')).toEqual({ text: '', stopped: false })
    expect(buffer.push('E')).toEqual({ text: 'EN', stopped: false })
    expect(buffer.push('!')).toEqual({ text: 'E!', stopped: false })
    expect(buffer.push('xEN')).toEqual({ text: 'x', stopped: false })
    expect(buffer.flush()).toBe('EN')
    expect(buffer.push('1NDX2')).toEqual({ text: '1', stopped: true })
  })
})
