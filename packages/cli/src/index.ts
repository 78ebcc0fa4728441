export type {
  AnswerEvent,
  CliEvent,
  DemoEvent,
  DoctorCheck,
  ErrorEvent,
  InspectionEvent,
  NoticeEvent,
  Speaker,
  TextEvent,
  WrittenEvent,
} from './cli-event.js'
export { EXIT } from './exit-codes.js'
export { runCli } from './run-cli.js'
export type { InputStream, OutputStream, Streams } from './streams.js'
