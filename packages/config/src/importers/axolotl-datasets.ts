import { drop, type Given, type ImportRule } from './import-rules.js'
import { without } from './shared-rules.js'

/** The files of data sets; what else is said of them is in keys `datasets.0.type` and so on. */
export const datasets: ImportRule = (value) => {
  const files = [value].flat().flatMap((one) => {
    const { path, data_files } = (
      typeof one === 'object' && one !== null ? one : { path: one }
    ) as Given
    return [data_files ?? path].flat().map(String)
  })
  return {
    to: 'data.train',
    as: files.length === 1 ? files[0] : files,
    why: 'names files here; their form is found in the first row',
  }
}

/** Names a column of plain text where the rows are texts. */
const field: ImportRule = (value) => ({
  to: 'data.columns',
  as: { text: value },
  why: 'is part of data.columns',
})

/** Lays what is said of each data set out beside the other keys. */
export function axolotlKeys(given: Given): Given {
  const inner: Record<string, unknown> = {}
  for (const name of ['datasets', 'test_datasets', 'pretraining_dataset']) {
    for (const [place, one] of [given[name] ?? []].flat().entries()) {
      if (typeof one !== 'object' || one === null) continue
      for (const [key, value] of Object.entries(one)) {
        if (key !== 'path' && key !== 'data_files') inner[`${name}.${place}.${key}`] = value
      }
    }
  }
  return { ...given, ...inner }
}

/** The rules of what is said of each data set. */
export function ofDatasets(name: string): Record<string, ImportRule> {
  return {
    ...without(
      'is found in the first row',
      ...['type', 'ds_type', 'field_messages', 'message_property_mappings', 'conversation'].map(
        (key) => `${name}.${key}`,
      ),
    ),
    [`${name}.field`]: field,
    [`${name}.split`]: drop('files are read whole'),
    [`${name}.name`]: drop('name files in data.train'),
    [`${name}.roles_to_train`]: drop('the assistant is learnt (data.learn)'),
    [`${name}.train_on_eos`]: drop('the end of an answer is learnt with it'),
    [`${name}.chat_template`]: drop('the template of the tokenizer is used'),
  }
}
