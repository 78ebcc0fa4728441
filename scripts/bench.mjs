import { runBuilt } from './run-built.mjs'

await runBuilt('benchmarks/dist/main.js')
