export { checkConfig, type ExtraValue, valueAt } from './check-config.js'
export { type ConfigSource, readConfigSource, yamlSource } from './config-source.js'
export { describeFields, type Field } from './describe-fields.js'
export { formatImport } from './importers/format-import.js'
export {
  IMPORT_SOURCES,
  type ImportInput,
  type ImportSource,
  importConfig,
} from './importers/import-config.js'
export type { ImportedConfig, ImportRow } from './importers/import-rules.js'
export { configJsonSchema } from './json-schema.js'
export {
  parseAssignment,
  parseValue,
  type ReadConfigOptions,
  readConfig,
  valuesFromEnvironment,
} from './read-config.js'
export { type ConfiguredRun, runFolders, runOptionsOf } from './run-options.js'
export { configSchema, type RunConfig, type RunConfigInput } from './schema.js'
export { configOf, configYaml } from './write-config.js'
