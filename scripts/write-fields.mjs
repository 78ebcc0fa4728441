// Writes packages/config/src/fields.ts of the schema of the configuration: what a command line lists without loading it.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './stage.mjs'

const tool = (name) => join(ROOT, 'node_modules', '.bin', name)
execFileSync(tool('tsc'), ['-b', 'packages/config'], { cwd: ROOT })
const { describeFields } = await import('../packages/config/dist/index.js')
const path = join(ROOT, 'packages', 'config', 'src', 'fields.ts')
writeFileSync(
  path,
  `// Written by scripts/write-fields.mjs: what a command line lists without loading the schema.
import type { Field } from './describe-fields.js'

/** Every option of the configuration, in the order of the schema. */
export const FIELDS: readonly Field[] = ${JSON.stringify(describeFields())}
`,
)
execFileSync(tool('biome'), ['check', '--write', path], { cwd: ROOT })
