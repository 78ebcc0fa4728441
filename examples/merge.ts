// Trains an adapter in a loaded model, merges it into the weights and writes a model that transformers reads.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generateText, loadModel, loraTrain, saveMerged, Tokenizer } from '@llft/lora'

const baseModel = fileURLToPath(new URL('../../demo/model', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'llft-merge-'))
const tokenizer = await Tokenizer.fromFolder(baseModel)
const model = await loadModel(baseModel)

const data = [{ prompt: 'The secret word is', completion: ' heron.' }]
await loraTrain({
  model,
  tokenizer,
  data,
  output: join(work, 'adapter'),
  maxSteps: 30,
  learningRate: 5e-3,
})
const merged = join(work, 'merged')
await saveMerged(model, merged)
model.dispose()
console.log(readdirSync(merged).join(' '))

const alone = await loadModel(merged)
const [answer] = await generateText(alone, tokenizer, ['The secret word is'], { maxNewTokens: 8 })
console.log(`The secret word is${answer?.text}`)
alone.dispose()
rmSync(work, { recursive: true })
