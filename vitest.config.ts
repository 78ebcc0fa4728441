import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const packages = fileURLToPath(new URL('./packages', import.meta.url))
const demo = fileURLToPath(new URL('./demo', import.meta.url))

export default defineConfig({
  resolve: {
    // Tests run against the sources, not what was built of them. Only the one of profiles (packages/runtime) needs a build:
    // it ends a process of its own, which imports dist.
    alias: [
      { find: '@llft/demo', replacement: `${demo}/src/index.ts` },
      { find: /^@llft\/([a-z]+)$/, replacement: `${packages}/$1/src/index.ts` },
      { find: /^@llft\/([a-z]+)\/([a-z]+)$/, replacement: `${packages}/$1/src/$2.ts` },
    ],
  },
  test: {
    include: ['{packages/*,tests,demo,benchmarks,examples}/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
