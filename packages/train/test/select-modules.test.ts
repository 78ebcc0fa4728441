import { type CausalLM, createModel, parseConfig } from '@llft/runtime'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  freeze,
  freezeLayers,
  type ModuleSelection,
  trainAllParameters,
  trainableParameters,
} from '../src/index.js'

function create(tied: boolean): CausalLM {
  const config = parseConfig({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 16,
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 12,
    num_attention_heads: 2,
    tie_word_embeddings: tied,
  })
  return createModel(config, { seed: 3, dtype: 'bfloat16' })
}

let model: CausalLM

beforeEach(() => {
  model = create(false)
})
afterEach(() => model.dispose())

const trainable = (of = model) => trainableParameters(of).map(({ name }) => name)
const all = (of = model) => [...of.parameters()].map(([name]) => name)

describe('trainAllParameters', () => {
  it.each<[ModuleSelection, (name: string) => boolean]>([
    [{}, () => true],
    [{ only: ['lm_head'] }, (name) => name === 'lm_head.weight'],
    [
      { only: ['mlp', 'model.norm'] },
      (name) => name.includes('.mlp.') || name === 'model.norm.weight',
    ],
    [{ only: ['layers.1'] }, (name) => name.startsWith('model.layers.1.')],
    [{ only: /layers\.(10|11)\./g }, (name) => /^model\.layers\.1[01]\./.test(name)],
    [{ except: ['embed_tokens', 'lm_head'] }, (name) => !/embed_tokens|lm_head/.test(name)],
    [
      { only: ['layers.3'], except: ['self_attn'] },
      (name) => name.startsWith('model.layers.3.') && !name.includes('self_attn'),
    ],
  ])('trains what %j selects', (selection, isMeant) => {
    const parameters = trainAllParameters(model, selection)
    expect(parameters.length).toBeGreaterThan(0)
    expect(parameters.map(({ name }) => name)).toEqual(all().filter(isMeant))
    expect(trainable()).toEqual(all().filter(isMeant))
  })

  it('makes masters of those alone, and freezes what trained before', () => {
    trainAllParameters(model, { only: ['layers.0'] })
    trainAllParameters(model, { only: ['layers.1'] })
    const dtypes = new Map([...model.parameters()].map(([name, { dtype }]) => [name, dtype]))
    expect(dtypes.get('model.layers.1.mlp.up_proj.weight')).toBe('float32')
    expect(dtypes.get('model.layers.2.mlp.up_proj.weight')).toBe('bfloat16')
    expect(trainable().every((name) => name.startsWith('model.layers.1.'))).toBe(true)
  })

  it('says what there is where a name matches nothing, and changes nothing', () => {
    trainAllParameters(model, { only: ['lm_head'] })
    expect(() => trainAllParameters(model, { only: ['mlp', 'q_porj'] })).toThrow(
      /^trainAllParameters\.only: must name modules with parameters; got 'q_porj'\. Did you mean 'q_proj'\? Parts of their paths: model, embed_tokens, layers, self_attn, q_proj, .*lm_head\.$/,
    )
    expect(() => trainAllParameters(model, { except: /bias/ })).toThrow(
      /except: .*got \/bias\/\. Parts/,
    )
    expect(() => trainAllParameters(model, { only: ['layers.12'] })).toThrow(/got 'layers\.12'/)
    expect(() => trainAllParameters(model, { except: ['model', 'lm_head'] })).toThrow(
      'trainAllParameters: must leave a module that trains; got none.',
    )
    expect(() => trainAllParameters(model, { exept: ['mlp'] } as ModuleSelection)).toThrow(
      /got 'exept'\. Did you mean 'except'\?/,
    )
    expect(trainable()).toEqual(['lm_head.weight'])
  })

  it('knows the shared matrix of a tied head by the name of the embedding alone', () => {
    const tied = create(true)
    trainAllParameters(tied, { except: ['embed_tokens'] })
    expect(trainable(tied)).toEqual(all(tied).filter((name) => !name.includes('embed_tokens')))
    expect(() => trainAllParameters(tied, { only: ['lm_head'] })).toThrow(/got 'lm_head'/)
    tied.dispose()
  })
})

describe('freezeLayers', () => {
  it('leaves the last layers, the final norm and the head', () => {
    trainAllParameters(model)
    freezeLayers(model, { allButLast: 2 })
    const expected = all().filter((name) => /layers\.1[01]\.|^model\.norm|^lm_head/.test(name))
    expect(trainable()).toEqual(expected)
  })

  it('freezes every layer for 0, and makes nothing trainable', () => {
    trainAllParameters(model)
    freezeLayers(model, { allButLast: 0 })
    expect(trainable()).toEqual(['model.norm.weight', 'lm_head.weight'])
    freeze(model)
    freezeLayers(model, { allButLast: 12 })
    expect(trainable()).toEqual([])
  })

  it('refuses more layers than there are', () => {
    expect(() => freezeLayers(model, { allButLast: 13 })).toThrow(
      'freezeLayers.allButLast: must be at most the 12 layers of the model; got 13.',
    )
    expect(() => freezeLayers(model, { allButLast: -1 })).toThrow(/must be a whole|at least 0/)
  })
})
