import type { ConfigReader } from './config-reader.js'
import type { DecoderConfig } from './decoder-config.js'

/** One architecture: how its config.json maps to the shared decoder. */
export interface Family {
  /** `model_type` of config.json. */
  readonly modelType: string
  /** The class that `architectures` of config.json must name. */
  readonly architecture: string
  /** @throws ConfigError that names the field. */
  read(config: ConfigReader): DecoderConfig
}
