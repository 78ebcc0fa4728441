import { join } from 'node:path'
import type { RunConfig } from '@llft/config'
import { renderReport, reportOf } from '@llft/report'
import { writeFileAtomic } from '@llft/safetensors'
import type { RunFolder } from './run-folder.js'

/** Writes report.html into the folder of a run. @returns its path */
export async function writeReport(folder: RunFolder, config: RunConfig): Promise<string> {
  const record = await folder.record()
  const path = join(folder.path, 'report.html')
  const report = await reportOf({
    folder: folder.path,
    title: folder.path,
    state: record?.state ?? 'running',
    reason: record?.reason,
    startedAt: record?.startedAt,
    reproduce: [
      '# config.json of this folder is the whole configuration',
      `llft train ${join(folder.path, 'config.json')} --output ${folder.path}-again`,
    ],
    configuration: config,
  })
  await writeFileAtomic(path, renderReport(report))
  return path
}
