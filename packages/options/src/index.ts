export type { OptionsOf } from './options-of.js'
export { type ParseContext, parseOptions } from './parse-options.js'
export {
  abortSignal,
  above,
  atLeast,
  belowOne,
  flag,
  from,
  handler,
  list,
  nameOr,
  number,
  oneOf,
  text,
  wholeNumber,
} from './rules.js'
