// The other side of `Peer`, for processes of ours.
import { createInterface } from 'node:readline'

/** Says that it is warm, then answers each line that it reads with a round of `work`, until an empty line. */
export async function serveRounds(
  about: Readonly<Record<string, unknown>>,
  round: (request: unknown) => Promise<{ work: number; seconds: number }>,
): Promise<void> {
  console.log(JSON.stringify({ ready: true, ...about }))
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '') return
    const { work, seconds } = await round(JSON.parse(line))
    console.log(JSON.stringify({ work, seconds, peakResident: peakResident() }))
  }
}

/** Largest resident memory of this process so far, in bytes. */
export function peakResident(): number {
  return 1024 * process.resourceUsage().maxRSS
}
