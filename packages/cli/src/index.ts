export type { CliEvent, DoctorCheck, RunSummary } from './cli-event.js'
export { EXIT } from './exit-codes.js'
export { runCli } from './run-cli.js'
export type { OutputStream, Streams } from './streams.js'
