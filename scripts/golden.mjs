import { runBuilt } from './run-built.mjs'

await runBuilt('tests/golden/dist/main.js')
