import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NATIVE = fileURLToPath(new URL('../../native', import.meta.url))
const BUILD = `${NATIVE}/build`
const PROGRAM = `${BUILD}/llft_bench`

/**
 * The most multiply-adds this machine does in registers, measured now with the best instructions it has and
 * as many threads as training uses.
 * @returns FLOP/s
 */
export function measurePeak(dtype: 'float32' | 'bfloat16'): number {
  if (!existsSync(PROGRAM)) buildProgram()
  const run = spawnSync(PROGRAM, ['--json', '--only', 'y q/o', '--seconds', '1'], {
    encoding: 'utf8',
  })
  if (run.status !== 0) throw new Error(`bench: ${PROGRAM} failed: ${run.stderr}`)
  const lines = run.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { dtype: string; peakGflops: number })
  const peaks = lines.filter((line) => line.dtype === dtype).map((line) => line.peakGflops)
  if (peaks.length === 0)
    throw new Error(`bench: ${PROGRAM} must print the peak of ${dtype}; it did not.`)
  return Math.max(...peaks) * 1e9
}

function buildProgram(): void {
  for (const args of [
    ['-S', NATIVE, '-B', BUILD, '-DLLFT_BENCH=ON'],
    ['--build', BUILD, '--target', 'llft_bench', '--parallel'],
  ]) {
    const run = spawnSync('cmake', args, { encoding: 'utf8' })
    if (run.status !== 0)
      throw new Error(`bench: cmake ${args.join(' ')} failed:\n${run.stdout}${run.stderr}`)
  }
}
