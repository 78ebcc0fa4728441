import { chartSvg } from './chart.js'
import { escapeHtml } from './escape-html.js'
import { REPORT_STYLE } from './report-style.js'
import type { ReportStep, RunReport } from './run-report.js'

/** Part of the curve that one point of the smoothed line is the mean of. */
const SMOOTHING = 0.04

/** A report as one HTML file that needs no network and no script. */
export function renderReport(report: RunReport): string {
  const sections = [
    header(report),
    figures(report),
    verdict(report),
    curves(report),
    samples(report),
    facts('Model and data', modelFacts(report)),
    facts('Memory', memoryFacts(report)),
    configuration(report),
    facts('Fingerprints', fingerprintFacts(report)),
    facts('Environment', Object.entries(report.environment)),
    warnings(report),
    reproduce(report),
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(report.title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body><main>
${sections.filter((section) => section !== '').join('\n')}
<footer>Written by LLFT. The figures are those of metrics.jsonl in the folder of the run.</footer>
</main></body>
</html>
`
}

function header({ title, state, reason, startedAt, ready }: RunReport): string {
  const model = ready === undefined ? '' : `${String(ready.model)}, ${String(ready.adaptation)}`
  const when = startedAt === undefined ? '' : startedAt.replace('T', ' ').slice(0, 16)
  return `<header><h1>${escapeHtml(title)}</h1><p class="state ${escapeHtml(state)}">${escapeHtml(state)}</p>
<p class="lead">${[model, when, reason ?? ''].filter(Boolean).map(escapeHtml).join(' · ')}</p></header>`
}

/** The figures that one looks for first. */
function figures({ steps, evaluations, totalSteps, result }: RunReport): string {
  const losses = steps.map(({ loss }) => loss).filter(Number.isFinite)
  const [before, after] = [evaluations[0]?.loss, evaluations.at(-1)?.loss]
  const last = losses.slice(-10)
  const tiles: [string, string][] = [
    ['training loss', last.length === 0 ? '' : mean(last).toFixed(3)],
    [
      'held-out loss',
      after === undefined || before === undefined
        ? ''
        : evaluations.length > 1
          ? `${before.toFixed(3)} → ${after.toFixed(3)}`
          : after.toFixed(3),
    ],
    ['steps', totalSteps === 0 ? '' : `${steps.at(-1)?.step ?? 0} / ${totalSteps}`],
    ['time', result === undefined ? '' : duration(Number(result.seconds))],
    ['tokens/s', result === undefined ? '' : count(Number(result.tokensPerSecond))],
    ['peak memory', result === undefined ? '' : bytes(Number(result.peakResidentBytes))],
  ]
  const shown = tiles.filter(([, value]) => value !== '')
  return `<section class="tiles">${shown.map(([name, value]) => `<div><b>${escapeHtml(value)}</b><span>${name}</span></div>`).join('')}</section>`
}

function verdict({ verdicts }: RunReport): string {
  const last = verdicts.at(-1)
  if (last === undefined) return ''
  const kind = String(last.kind)
  return `<section class="verdict ${kind.replace(/\W/g, '-')}"><b>${escapeHtml(kind)}</b>: <span>${escapeHtml(String(last.text))}. ${escapeHtml(String(last.advice))}</span></section>`
}

function curves({ steps, evaluations, checkpoints }: RunReport): string {
  const line = (pick: (step: ReportStep) => number) =>
    steps.map((step) => [step.step, pick(step)] as const)
  const best = checkpoints.filter(({ isBest }) => isBest).at(-1)
  const notes = [
    ...(best === undefined ? [] : [{ x: best.step, text: 'best' }]),
    ...steps.filter(({ skipped }) => skipped).map(({ step }) => ({ x: step, text: 'skipped' })),
  ]
  const losses = line(({ loss }) => loss)
  const charts = [
    chartSvg({
      title: 'Loss, nats per token',
      format: (value) => value.toFixed(2),
      notes,
      lines: [
        { name: 'each step', kind: 'faint', points: losses },
        { name: 'training', kind: 'main', points: smoothed(losses) },
        {
          name: 'held-out',
          kind: 'second',
          points: evaluations.map(({ step, loss }) => [step, loss] as const),
          marks: true,
        },
      ],
    }),
    chartSvg({
      title: 'Learning rate',
      format: (value) => value.toExponential(1),
      lines: [{ name: 'learning rate', kind: 'main', points: line(({ lr }) => lr) }],
    }),
    chartSvg({
      title: 'Norm of the gradients',
      format: (value) => value.toPrecision(3),
      lines: [{ name: 'norm', kind: 'main', points: line(({ gradNorm }) => gradNorm) }],
    }),
    chartSvg({
      title: 'Speed, tokens/s',
      format: count,
      lines: [
        { name: 'speed', kind: 'main', points: line(({ tokensPerSecond }) => tokensPerSecond) },
      ],
    }),
    chartSvg({
      title: 'Native memory',
      format: bytes,
      lines: [{ name: 'memory', kind: 'main', points: line(({ bytesInUse }) => bytesInUse) }],
    }),
  ]
  return section('Curves', charts.filter((chart) => chart !== '').join('\n'), 'curves')
}

/** Means over neighbours, so that the course is seen. */
function smoothed(points: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const finite = points.filter(([, value]) => Number.isFinite(value))
  const half = Math.max(1, Math.round((finite.length * SMOOTHING) / 2))
  return finite.map(([step], at) => {
    const within = finite.slice(Math.max(0, at - half), at + half + 1)
    return [step, mean(within.map(([, value]) => value))] as const
  })
}

function samples({ samples: list }: RunReport): string {
  const shown = list.map(
    ({ prompt, before, after, reference }) =>
      `<article><h3>${escapeHtml(prompt)}</h3><div class="pair"><div><span>before</span><pre>${escapeHtml(before)}</pre></div><div><span>after</span><pre>${escapeHtml(after)}</pre></div>${reference === undefined ? '' : `<div><span>in the data</span><pre>${escapeHtml(reference)}</pre></div>`}</div></article>`,
  )
  return shown.length === 0 ? '' : section('Samples', shown.join('\n'))
}

function modelFacts({ ready }: RunReport): [string, string][] {
  if (ready === undefined) return []
  const { model, adaptation, dtype, quantization, trainableParameters, totalParameters } = ready
  const data = ready.data as Record<string, number>
  const held = ready.evalData as Record<string, number> | undefined
  return [
    ['model', String(model)],
    [
      'weights',
      quantization ? `${String(quantization)}, computed in ${String(dtype)}` : String(dtype),
    ],
    [
      'trains',
      `${String(adaptation)}: ${count(Number(trainableParameters))} of ${count(Number(totalParameters))} parameters`,
    ],
    [
      'rows',
      `${count(data.examples ?? 0)} of ${count(data.rows ?? 0)}${held === undefined ? '' : `; ${count(held.examples ?? 0)} held out`}`,
    ],
    ['tokens', `${count(data.tokens ?? 0)}, ${count(data.trainedTokens ?? 0)} of them learnt`],
    ...((data.truncated ?? 0) > 0
      ? [['cut', `${count(data.truncated ?? 0)} rows`] as [string, string]]
      : []),
  ]
}

function memoryFacts({ ready, result }: RunReport): [string, string][] {
  const estimate = ready?.estimate as
    | { peakResidentBytes: number; parts: Record<string, number> }
    | undefined
  if (estimate === undefined) return []
  const measured = result?.peakResidentBytes
  return [
    ...Object.entries(estimate.parts).map(
      ([name, value]) => [name, bytes(value)] as [string, string],
    ),
    ['foretold', bytes(estimate.peakResidentBytes)],
    ...(measured === undefined ? [] : [['measured', bytes(Number(measured))] as [string, string]]),
  ]
}

function fingerprintFacts({ ready }: RunReport): [string, string][] {
  return Object.entries((ready?.fingerprints ?? {}) as Record<string, string>)
}

function configuration({ configuration: tree }: RunReport): string {
  return section('Configuration', `<pre class="code">${escapeHtml(yamlLike(tree))}</pre>`)
}

function yamlLike(value: unknown, indent = ''): string {
  return Object.entries(value as Record<string, unknown>)
    .map(([key, at]) =>
      typeof at === 'object' && at !== null && !Array.isArray(at)
        ? `${indent}${key}:\n${yamlLike(at, `${indent}  `)}`
        : `${indent}${key}: ${Array.isArray(at) ? `[${at.join(', ')}]` : String(at)}`,
    )
    .join('\n')
}

function warnings({ warnings: list }: RunReport): string {
  const items = list.map(
    ({ code, message }) => `<li>${escapeHtml(message)} <code>${escapeHtml(code)}</code></li>`,
  )
  return items.length === 0 ? '' : section('Warnings', `<ul>${items.join('')}</ul>`)
}

function reproduce({ reproduce: commands }: RunReport): string {
  return commands.length === 0
    ? ''
    : section('How to do it again', `<pre class="code">${escapeHtml(commands.join('\n'))}</pre>`)
}

function facts(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return ''
  const lines = rows.map(
    ([name, value]) => `<tr><th>${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  )
  return section(title, `<table>${lines.join('')}</table>`)
}

function section(title: string, content: string, kind = ''): string {
  return content === '' ? '' : `<section class="${kind}"><h2>${title}</h2>${content}</section>`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

function bytes(value: number): string {
  return value >= 1e9 ? `${(value / 1e9).toFixed(2)} GB` : `${(value / 1e6).toFixed(1)} MB`
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
