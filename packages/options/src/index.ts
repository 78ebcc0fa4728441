export { type ParseContext, parseOptions } from './parse-options.js'
export {
  abortSignal,
  above,
  atLeast,
  belowOne,
  flag,
  from,
  list,
  number,
  oneOf,
  text,
  wholeNumber,
} from './rules.js'
