import { type MachinePeak, measureMachinePeak } from '@llft/runtime'
import type { Peer } from './peer.js'
import { type BenchOptions, median } from './result.js'

/** What one contestant reached. */
export interface Measured {
  /** Median over the rounds, in units of work per second. */
  speed: number
  /** Largest resident memory of its process so far, in bytes. */
  peakResident: number
}

/** Starts a contestant, which is warm when it resolves. */
export type Start = () => Promise<Peer>

/** Ours alone or beside a peer. */
export interface OursAndPeer {
  ours: Start
  peer?: Start
}

/** What came of contestants; `Starts` has their names. */
export interface Outcome<Starts> {
  of: { [Name in keyof Starts]: Measured }
  /** Of arithmetic the best of the rounds, of memory, which others share, the median. */
  peak: MachinePeak
}

/** Ours and its peers, each in a process of its own, which work in turns. */
export class Contest<Starts = OursAndPeer> implements Disposable {
  private constructor(private readonly peers: ReadonlyMap<string, Peer>) {}

  /** Starts them one after the other and resolves when all are warm. */
  static async start<Starts extends { [Name in keyof Starts]?: Start }>(
    starts: Starts,
  ): Promise<Contest<Starts>> {
    const peers = new Map<string, Peer>()
    try {
      for (const [name, start] of Object.entries<Start | undefined>(starts))
        if (start) peers.set(name, await start())
    } catch (error) {
      for (const peer of peers.values()) peer.stop()
      throw error
    }
    return new Contest(peers)
  }

  /**
   * Each does `request` once for every round, in turn.
   * @param title and `unit`, e.g. `tokens/s`, are for the log.
   */
  async measure(
    request: unknown,
    title: string,
    unit: string,
    { rounds, log, onVersions }: BenchOptions,
  ): Promise<Outcome<Starts>> {
    for (const peer of this.peers.values()) onVersions?.(peer.versions)
    const speeds = new Map<string, number[]>()
    const resident = new Map<string, number>()
    const peaks: MachinePeak[] = []
    for (let round = 1; round <= rounds; round++) {
      peaks.push(await measureMachinePeak())
      for (const [name, peer] of this.peers) {
        const { work, seconds, peakResident } = await peer.ask(request)
        speeds.set(name, [...(speeds.get(name) ?? []), work / seconds])
        resident.set(name, peakResident)
      }
      const figures = [...speeds].map(([name, values]) => `${name} ${readable(values.at(-1)!)}`)
      log(`${title}, round ${round}/${rounds}: ${figures.join(', ')} ${unit}`)
    }
    const measured = [...speeds].map(([name, values]) => [
      name,
      { speed: median(values), peakResident: resident.get(name)! },
    ])
    return { of: Object.fromEntries(measured) as Outcome<Starts>['of'], peak: peakOf(peaks) }
  }

  [Symbol.dispose](): void {
    for (const peer of this.peers.values()) peer.stop()
  }
}

function peakOf(rounds: readonly MachinePeak[]): MachinePeak {
  const all = (key: keyof MachinePeak): number[] => rounds.map((peak) => peak[key])
  return {
    float32: Math.max(...all('float32')),
    bfloat16: Math.max(...all('bfloat16')),
    bandwidth: median(all('bandwidth')),
  }
}

function readable(value: number): string {
  return value >= 1e6 ? value.toExponential(2) : value.toPrecision(4)
}
