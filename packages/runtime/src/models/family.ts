import type { ConfigReader } from './config-reader.js'
import type { DecoderConfig } from './decoder-config.js'

/** One architecture: how its config.json maps to the shared decoder. */
export interface Family {
  /** `model_type` of config.json. */
  readonly modelType: string
  /** What its classes begin with in `architectures` of config.json, before 'For' and the name of a head. */
  readonly name: string
  /** @throws ConfigError that names the field. */
  read(config: ConfigReader): DecoderConfig
}
