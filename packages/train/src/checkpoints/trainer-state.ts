import type { EvaluationRecord } from '../loop/result.js'
import type { RunState } from './run-state.js'

/** The file of transformers' Trainer that other tools read. */
export const TRAINER_STATE_FILE = 'trainer_state.json'

/** The evaluation of the lowest held-out loss; undefined where there was none after a step. */
export function bestEvaluation(records: readonly EvaluationRecord[]): EvaluationRecord | undefined {
  const [first, ...others] = records.filter(({ step, loss }) => step > 0 && Number.isFinite(loss))
  if (first === undefined) return undefined
  return others.reduce((best, record) => (record.loss < best.loss ? record : best), first)
}

/** The text of trainer_state.json as transformers 5 writes it; `pathOf` names the checkpoint of a step. */
export function trainerStateText(
  { step, totalSteps, loop, settings }: RunState,
  pathOf: (step: number) => string,
): string {
  const best = bestEvaluation(loop.evalLosses)
  const epochs = loop.log.at(-1)?.epoch ?? 0
  const history = [
    ...loop.log.map(({ step, epoch, loss, lr, gradNorm }) => ({
      epoch,
      grad_norm: gradNorm,
      learning_rate: lr,
      loss,
      step,
    })),
    ...loop.evalLosses.map(({ step, loss, metrics }) => ({
      epoch: totalSteps === 0 ? 0 : (epochs * step) / Math.max(1, loop.losses.length),
      eval_loss: loss,
      ...Object.fromEntries(
        Object.entries(metrics ?? {}).map(([name, value]) => [`eval_${name}`, value]),
      ),
      step,
    })),
  ]
  const state = {
    best_global_step: best?.step ?? null,
    best_metric: best?.loss ?? null,
    best_model_checkpoint: best === undefined ? null : pathOf(best.step),
    epoch: epochs,
    eval_steps: settings.evalEvery ?? null,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: history.sort((a, b) => a.step - b.step),
    logging_steps: Math.ceil(totalSteps / 1000),
    max_steps: totalSteps,
    num_input_tokens_seen: loop.tokens,
    num_train_epochs: settings.epochs ?? null,
    save_steps: settings.saveSteps ?? null,
    stateful_callbacks: {},
    total_flos: 0,
    train_batch_size: settings.batchSize ?? null,
    trial_name: null,
    trial_params: null,
  }
  return `${JSON.stringify(state, null, 2)}\n`
}
