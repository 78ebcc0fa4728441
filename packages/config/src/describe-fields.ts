import { z } from 'zod'
import { configSchema } from './schema.js'

/** An option of the configuration, as a command line, an editor and a commented file show it. */
export interface Field {
  /** Such as 'training.learning_rate'. */
  readonly path: string
  /** Such as '--training.learning-rate'. */
  readonly flag: string
  /** Such as 'LLFT_TRAINING__LEARNING_RATE'. */
  readonly env: string
  readonly kind: 'number' | 'boolean' | 'text' | 'choice' | 'list' | 'object'
  /** Of a choice or a list, what may be chosen; of an object, its options. */
  readonly choices?: readonly string[] | undefined
  readonly default?: unknown
  readonly isRequired: boolean
  readonly description: string
  readonly unit?: string | undefined
}

/** Every option of the configuration, in the order of the schema. */
export function describeFields(): Field[] {
  return [...fieldsOf(configSchema, '', true)]
}

/** The keys that an object of the configuration may have. */
export function knownKeys(path: string): string[] {
  let at: z.ZodType = configSchema
  for (const key of path === '' ? [] : path.split('.')) {
    const shape = shapeOf(at)
    if (shape?.[key] === undefined) return []
    at = shape[key]
  }
  return Object.keys(shapeOf(at) ?? {})
}

/** @param isNeeded whether what the options are part of must be there */
function* fieldsOf(schema: z.ZodType, path: string, isNeeded: boolean): Generator<Field> {
  for (const [key, rule] of Object.entries(shapeOf(schema) ?? {})) {
    const inner = path === '' ? key : `${path}.${key}`
    const isOptional = rule.safeParse(undefined).success
    const isSection = shapeOf(rule) !== undefined
    // A section of the file has no value of its own; an object within one has.
    if (rule.meta()?.description !== undefined && !(isSection && path === '')) {
      yield { ...fieldOf(rule, inner), isRequired: isNeeded && !isOptional }
    }
    if (isSection) yield* fieldsOf(rule, inner, isNeeded && !isOptional)
  }
}

function fieldOf(rule: z.ZodType, path: string): Omit<Field, 'isRequired'> {
  const { description = '', unit } = rule.meta() as { description?: string; unit?: string }
  const core = unwrapped(rule)
  const fallback = rule.safeParse(undefined)
  return {
    path,
    flag: `--${path.replaceAll('_', '-')}`,
    env: `LLFT_${path.replaceAll('.', '__').toUpperCase()}`,
    ...kindOf(core),
    ...(fallback.success && fallback.data !== undefined && { default: fallback.data }),
    description,
    ...(unit !== undefined && { unit }),
  }
}

function kindOf(rule: z.ZodType): Pick<Field, 'kind' | 'choices'> {
  if (rule instanceof z.ZodNumber) return { kind: 'number' }
  if (rule instanceof z.ZodBoolean) return { kind: 'boolean' }
  if (rule instanceof z.ZodArray) {
    const { choices } = kindOf(unwrapped(rule.element as z.ZodType))
    return { kind: 'list', ...(choices && { choices }) }
  }
  if (rule instanceof z.ZodLiteral) return { kind: 'choice', choices: [...rule.values].map(String) }
  if (rule instanceof z.ZodUnion) {
    const kinds = (rule.options as z.ZodType[]).map((one) => kindOf(unwrapped(one)))
    return kinds.find(({ kind }) => kind === 'choice') ?? kinds[0] ?? { kind: 'text' }
  }
  if (rule instanceof z.ZodObject) return { kind: 'object', choices: Object.keys(rule.shape) }
  return { kind: 'text' }
}

function shapeOf(rule: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const core = unwrapped(rule)
  return core instanceof z.ZodObject ? (core.shape as Record<string, z.ZodType>) : undefined
}

/** The rule below defaults, optional marks and changes of the input. */
function unwrapped(rule: z.ZodType): z.ZodType {
  const { innerType, out } = rule.def as { innerType?: z.ZodType; out?: z.ZodType }
  const inner = innerType ?? out
  return inner === undefined ? rule : unwrapped(inner)
}
