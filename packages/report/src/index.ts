export { EventFile, type EventFileOptions } from './event-file.js'
export { MetricsFile, type MetricsRecord, readMetrics } from './metrics-file.js'
export { renderReport } from './render-report.js'
export {
  MetricsReporter,
  type ReporterOptions,
  tensorboardReporter,
  type WandbOptions,
  wandbReporter,
} from './reporters.js'
export {
  type ReportSample,
  type ReportStep,
  type RunFacts,
  type RunReport,
  reportOf,
} from './run-report.js'
export { sparkline } from './sparkline.js'
export { WandbRun, type WandbRunOptions } from './wandb-run.js'
