export type { ComputeDtype } from './compute-dtype.js'
export { configJson } from './config-json.js'
export { type CreateOptions, createModel, createModelAs } from './create-model.js'
export { dtypeOfFile, FLOAT_DTYPES, safetensorsDtype } from './file-dtypes.js'
export type { LinearLoader, StoredLinear } from './linear-loader.js'
export { type LoadOptions, loadModel, loadModelAs } from './load-model.js'
export { type ModelFolderNeeds, requireModelFolder } from './model-folder.js'
export {
  type ModelContent,
  type ModelFolderOptions,
  type ModelOutput,
  modelConfigText,
  prepareModelFolder,
  readCompanions,
  type SavedModel,
  writeModel,
  writeModelFolder,
} from './model-output.js'
export { fileBytesOf, type ModelPlan, type PlanOptions, planModel } from './plan-model.js'
export { readConfig } from './read-config.js'
export { type SaveOptions, saveModel, saveOptionsShape } from './save-model.js'
export { type TensorRecipe, tensorSource } from './tensor-source.js'
