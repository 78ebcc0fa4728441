import { ConfigError } from '@llft/errors'
import { parseOptions, wholeNumber } from '@llft/options'
import { Embedding, type Module, ModuleList } from '@llft/runtime'
import { z } from 'zod'
import { freeze } from './parameters.js'

export interface FreezeLayersOptions {
  /** How many layers at the end go on training. */
  allButLast: number
}

const schema = z.strictObject({
  allButLast: wholeNumber(0),
} satisfies Record<keyof FreezeLayersOptions, z.ZodType>)

/**
 * Freezes what comes before the last layers of `model`: the token embedding, with a head that shares its matrix, and the
 * other layers. Final norm and a head of its own stay as they are. So no gradient goes below those layers, which saves time
 * and memory. Parameters that were made float32 masters stay so: `trainAllParameters` with `only` makes none to begin with.
 *
 * @throws ConfigError if the model has fewer layers than that.
 */
export function freezeLayers(model: Module, options: FreezeLayersOptions): void {
  const { allButLast } = parseOptions(schema, options, 'freezeLayers')
  const modules = [...model.modules()].map(([, module]) => module)
  const layers = modules.find((module) => module instanceof ModuleList)
  const count = layers?.length ?? 0
  if (layers === undefined || allButLast > count) {
    throw new ConfigError(
      `freezeLayers.allButLast: must be at most the ${count} layers of the model; got ${allButLast}.`,
    )
  }
  const frozen = [...layers.children()].slice(0, count - allButLast).map(([, layer]) => layer)
  const embeddings = modules.filter((module) => module instanceof Embedding)
  for (const part of [...embeddings, ...frozen]) freeze(part)
}
