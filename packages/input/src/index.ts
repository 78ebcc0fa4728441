export { BoundedPattern } from './bounded-pattern.js'
export { parseJson, parseJsonObject, readJsonFile, readJsonIfThere } from './json.js'
export {
  openRegular,
  type ReadOptions,
  readTextFile,
  readTextIfThere,
  rejectPointer,
  requireRegular,
} from './read-file.js'
export { TIME_LIMIT_MS, withinTime } from './within-time.js'
