// npm run -s llft -- ARGS: the command of packages/cli, from a clone.
import { runBuilt } from './run-built.mjs'

await runBuilt('packages/cli/dist/main.js')
