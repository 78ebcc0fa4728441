import { spawnSync } from 'node:child_process'
import { FLOAT_TYPES, type FloatType } from './float-type.js'
import { baselinePath, peerEnvironment, pythonProgram } from './peer.js'

/** FLOP/s of a linear layer, there and back. */
type TypeSpeeds = Readonly<Record<FloatType, number>>

let known: FloatType | undefined

/** The type in which PyTorch trains fastest on this machine, measured once. */
export function fastestTypeOfPyTorch(log: (text: string) => void): FloatType {
  known ??= measured(log)
  return known
}

function measured(log: (text: string) => void): FloatType {
  const script = baselinePath('fastest_type.py')
  const run = spawnSync(pythonProgram(), [script], { encoding: 'utf8', env: peerEnvironment() })
  if (run.status !== 0) throw new Error(`bench: ${script} failed: ${run.stderr}`)
  const speeds = JSON.parse(run.stdout) as TypeSpeeds
  const type = fasterType(speeds)
  const figures = FLOAT_TYPES.map((one) => `${one} ${(speeds[one] / 1e9).toPrecision(3)}`)
  log(
    `PyTorch's linear layer on one thread: ${figures.join(', ')} GFLOP/s; so it trains in ${type}`,
  )
  return type
}

export function fasterType({ float32, bfloat16 }: TypeSpeeds): FloatType {
  return bfloat16 > float32 ? 'bfloat16' : 'float32'
}
