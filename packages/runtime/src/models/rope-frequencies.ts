import type { Llama3Scaling, LongRopeScaling, RopeConfig, YarnScaling } from './decoder-config.js'

/** One frequency for each pair of columns, and what cosines and sines are multiplied by. */
export interface RopeFrequencies {
  /** [rotaryWidth / 2], radians per position. */
  inverse: Float32Array
  attentionFactor: number
}

const f32 = Math.fround

/**
 * Frequencies of rotary positions, rounded to float32 where transformers 5.18 (modeling_rope_utils) rounds.
 *
 * @param length largest position of the batch plus 1; 'dynamic' and 'longrope' depend on it.
 */
export function ropeFrequencies(config: RopeConfig, length: number): RopeFrequencies {
  const { scaling, theta, rotaryWidth: width } = config
  switch (scaling.type) {
    case 'default':
      return plain(powers(theta, width).map(reciprocal))
    case 'linear':
      return plain(powers(theta, width).map((power) => reciprocal(power) / f32(scaling.factor)))
    case 'dynamic':
      return plain(powers(dynamicTheta(config, scaling.factor, length), width).map(reciprocal))
    case 'llama3':
      return plain(powers(theta, width).map((power) => llama3(reciprocal(power), scaling)))
    case 'yarn':
      return { inverse: yarn(config, scaling), attentionFactor: scaling.attentionFactor }
    case 'longrope':
      return {
        inverse: longRope(config, scaling, length),
        attentionFactor: scaling.attentionFactor,
      }
  }
}

/** Whether sequences of these two lengths are rotated by the same frequencies. */
export function sameFrequencies(config: RopeConfig, length: number, other: number): boolean {
  const { scaling } = config
  if (scaling.type === 'dynamic') {
    return Math.max(length, config.maxPositions) === Math.max(other, config.maxPositions)
  }
  if (scaling.type !== 'longrope') return true
  return length > scaling.originalMaxPositions === other > scaling.originalMaxPositions
}

function plain(inverse: Float32Array): RopeFrequencies {
  return { inverse, attentionFactor: 1 }
}

/** theta^(2i / width) for each pair i. */
function powers(theta: number, width: number): Float32Array {
  const exponents = Float32Array.from({ length: width / 2 }, (_, pair) => (2 * pair) / width)
  return exponents.map((exponent) => f32(theta) ** exponent)
}

function reciprocal(power: number): number {
  return f32(1 / power)
}

/** NTK-aware scaling: the base grows with the part of the sequence beyond the trained length. */
function dynamicTheta(config: RopeConfig, factor: number, length: number): number {
  const { theta, rotaryWidth: width, maxPositions } = config
  const ratio = (factor * Math.max(length, maxPositions)) / maxPositions - (factor - 1)
  return theta * ratio ** (width / (width - 2))
}

/** Long waves are stretched by `factor`, short ones kept, those between interpolated (Llama 3.1). */
function llama3(inverse: number, scaling: Llama3Scaling): number {
  const { factor, lowFreqFactor: low, highFreqFactor: high, originalMaxPositions: length } = scaling
  const wave = f32(f32(2 * Math.PI) / inverse)
  if (wave > length / low) return inverse / factor
  if (wave < length / high) return inverse
  const smooth = f32(f32(f32(length / wave) - low) / f32(high - low))
  const stretched = f32(f32(f32(1 - smooth) * inverse) / f32(factor))
  return stretched + f32(smooth * inverse)
}

/** Peng et al. 2023: interpolated below, extrapolated above, a linear ramp of pairs between. */
function yarn(config: RopeConfig, scaling: YarnScaling): Float32Array {
  const { theta, rotaryWidth: width } = config
  const [low, high] = yarnRange(config, scaling)
  return powers(theta, width).map((power, pair) => {
    const ramp = f32(f32(pair - f32(low)) / f32(high - low))
    const extrapolated = f32(1 - Math.min(Math.max(ramp, 0), 1))
    const interpolation = f32(1 / f32(f32(scaling.factor) * power))
    const kept = f32(reciprocal(power) * extrapolated)
    return f32(interpolation * f32(1 - extrapolated)) + kept
  })
}

function yarnRange(config: RopeConfig, scaling: YarnScaling): [low: number, high: number] {
  const { theta, rotaryWidth: width } = config
  const { betaFast, betaSlow, truncate, originalMaxPositions: length } = scaling
  const pairOf = (rotations: number) =>
    (width * Math.log(length / (rotations * 2 * Math.PI))) / (2 * Math.log(theta))
  const low = truncate ? Math.floor(pairOf(betaFast)) : pairOf(betaFast)
  const high = truncate ? Math.ceil(pairOf(betaSlow)) : pairOf(betaSlow)
  const range: [number, number] = [Math.max(low, 0), Math.min(high, width - 1)]
  // Where both ends meet, the ramp is a step.
  if (range[0] === range[1]) range[1] += 0.001
  return range
}

/** Ding et al. 2024: a searched factor for each pair, one set for short sequences and one for long. */
function longRope(config: RopeConfig, scaling: LongRopeScaling, length: number): Float32Array {
  const long = length > scaling.originalMaxPositions
  const factors = Float32Array.from(long ? scaling.longFactor : scaling.shortFactor)
  return powers(config.theta, config.rotaryWidth).map((power, pair) =>
    reciprocal(f32((factors[pair] as number) * power)),
  )
}
