export { BoundedPattern } from './bounded-pattern.js'
export { parseJson, parseJsonObject, readJsonFile, readJsonIfThere } from './json.js'
export {
  MAX_STRING_BYTES,
  openRegular,
  type ReadOptions,
  readTextFile,
  readTextIfThere,
  rejectPointer,
} from './read-file.js'
export { TIME_LIMIT_MS, withinTime } from './within-time.js'
