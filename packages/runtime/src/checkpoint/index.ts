export type { LinearLoader, StoredLinear } from './checkpoint-source.js'
export { configJson } from './config-json.js'
export {
  type ComputeDtype,
  type CreateOptions,
  createModel,
  type LoadOptions,
  loadModel,
} from './load-model.js'
export { fileBytesOf, type ModelPlan, type PlanOptions, planModel } from './plan-model.js'
export { readConfig } from './read-config.js'
export { type SaveOptions, safetensorsDtype, saveModel } from './save-model.js'
