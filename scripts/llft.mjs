// Runs the command llft of this clone, in the folder where npm was called: npm run -s llft -- ARGS
// It is built if it is not there; after a change, npm run build builds it anew.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bootstrap } from './bootstrap.mjs'
import { ROOT } from './stage.mjs'

const main = join(ROOT, 'packages', 'cli', 'dist', 'main.js')
if (!existsSync(main)) await bootstrap()
process.chdir(process.env.INIT_CWD ?? process.cwd())
await import(pathToFileURL(main).href)
