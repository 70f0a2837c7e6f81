/**
 * Writes the public types of both packages to api/*.api.md, or compares them: `npm run api [--
 * --check]`.
 *
 * A change to a public type changes these files, so reviewers see it in the diff.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))
const REPORTS = join(ROOT, 'api')

const { values } = parseArgs({ options: { check: { type: 'boolean' } } })

mkdirSync(REPORTS, { recursive: true })
const written = new Set()
const changed = []
for (const folder of ['packages/sluice', 'packages/gateway']) {
  const { name, exports } = JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))
  for (const [entry, { types }] of Object.entries(exports)) {
    // Private: only the gateway of the same version uses it.
    if (entry === './internal') continue
    const report = [name, ...entry.split('/').slice(1)].join('-')
    written.add(`${report}.api.md`)
    if (!extract(folder, types, report)) changed.push(report)
  }
}
const stale = readdirSync(REPORTS).filter((file) => file.endsWith('.api.md') && !written.has(file))

if (values.check && (changed.length > 0 || stale.length > 0)) {
  for (const report of changed)
    console.error(`The public types of ${report} differ from api/${report}.api.md.`)
  for (const file of stale) console.error(`api/${file} does not belong to an entry point; delete it.`)
  console.error("If the change is intended, run 'npm run api' and commit the changed reports.")
  process.exit(1)
}
console.log(`${written.size} reports in api/, ${changed.length} ${values.check ? 'differ' : 'changed'}`)

/**
 * Extracts the public types of an entry point.
 *
 * @returns true if the report was up to date
 */
function extract(folder, types, report) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: join(ROOT, folder),
      mainEntryPointFilePath: join(ROOT, folder, types),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'es2022',
            lib: ['es2022', 'esnext.disposable'],
            module: 'nodenext',
            moduleResolution: 'nodenext',
            types: ['node'],
            strict: true,
            skipLibCheck: true,
          },
          files: [join(ROOT, folder, types)],
        },
      },
      apiReport: {
        enabled: true,
        reportFolder: REPORTS,
        reportTempFolder: join(ROOT, 'node_modules/.cache/api-report'),
        reportFileName: report,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, folder, 'package.json'),
  })
  const { apiReportChanged } = Extractor.invoke(config, {
    localBuild: !values.check,
    messageCallback: (message) => {
      if (message.logLevel !== ExtractorLogLevel.Error) message.handled = true
    },
  })
  return !apiReportChanged
}
