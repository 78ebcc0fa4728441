import { writeFileSync } from 'node:fs'
import type { Addon } from '@llft/native'
import { type MachinePeak, machinePeakOf } from './machine-peak.js'
import { chromeTrace, profileTable } from './profile-report.js'

const TRACE_FILE = 'llft-trace.json'

/** `LLFT_PROFILE=1`: records everything, and ends the process with a table on stderr and a trace in the working folder. */
export function profileUntilExit(native: Addon): void {
  let peak: MachinePeak | undefined
  machinePeakOf(native).then(
    (measured) => {
      peak = measured
    },
    () => undefined,
  )
  native.startProfile()
  process.once('exit', () => {
    const profile = { events: native.takeProfile(), peak }
    if (profile.events.length === 0) return
    console.error(profileTable(profile))
    writeFileSync(TRACE_FILE, chromeTrace(profile))
    console.error(`trace: ${TRACE_FILE}, for chrome://tracing or ui.perfetto.dev`)
  })
}
