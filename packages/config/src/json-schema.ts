import { z } from 'zod'
import { configSchema } from './schema.js'

/** The JSON Schema of a configuration file, for the completion of editors. */
export function configJsonSchema(): Record<string, unknown> {
  return {
    title: 'A training run of LLFT',
    ...z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }),
  }
}
