export type {
  AnswerEvent,
  CliEvent,
  ConfigEvent,
  DemoEvent,
  DoctorCheck,
  ErrorEvent,
  EstimateEvent,
  EvaluationEvent,
  ImportedEvent,
  InspectionEvent,
  NoticeEvent,
  RunEndEvent,
  RunSummary,
  Speaker,
  TextEvent,
  WrittenEvent,
} from './cli-event.js'
export { EXIT } from './exit-codes.js'
export { runCli } from './run-cli.js'
export type { InputStream, OutputStream, Streams } from './streams.js'
