interface ReportOfLibraries {
  excludeNetwork?: boolean
  getReport(): { readonly sharedObjects?: readonly string[] }
}

/** The file of the addon that this process has loaded, as the system's loader lists it. */
export function loadedAddon(): string | undefined {
  const report = process.report as unknown as ReportOfLibraries | undefined
  if (report === undefined) return undefined
  // Without this a report looks up the name of every peer.
  report.excludeNetwork = true
  const { sharedObjects = [] } = report.getReport()
  return sharedObjects.find((path) => path.endsWith('.node'))
}
