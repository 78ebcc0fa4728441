import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const packages = fileURLToPath(new URL('./packages', import.meta.url))

export default defineConfig({
  resolve: {
    // Tests run against the sources, so no build of the TypeScript is needed before them.
    alias: [{ find: /^@llft\/([a-z]+)$/, replacement: `${packages}/$1/src/index.ts` }],
  },
  test: {
    include: ['{packages/*,tests,demo,benchmarks}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
