// Runs a program against the sources of the packages, as the tests see them: node run-source.mjs FILE ARG...
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

const vitest = createRequire(createRequire(import.meta.url).resolve('vitest/package.json'))
const { runnerImport } = await import(pathToFileURL(vitest.resolve('vite')).href)
const packages = fileURLToPath(new URL('../../packages', import.meta.url))
process.argv.splice(1, 1)
await runnerImport(process.argv[1], {
  configFile: false,
  logLevel: 'error',
  resolve: { alias: [{ find: /^@llft\/([a-z]+)$/, replacement: `${packages}/$1/src/index.ts` }] },
})
