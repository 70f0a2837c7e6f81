import { defineConfig, type Plugin } from 'vite'

const NOTICES = 'THIRD-PARTY-NOTICES.md'

/**
 * Builds the report page of a replay as one self-contained file in dist/. `sluice replay --html`
 * inserts the report into it.
 */
export default defineConfig({
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    license: { fileName: NOTICES },
  },
  oxc: { jsx: { importSource: 'preact' } },
  plugins: [singleFile()],
})

/** Inlines the script, the styles and the license notices of bundled packages. */
function singleFile(): Plugin {
  return {
    name: 'single-file',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const files = Object.values(bundle)
        const page = files.find(({ fileName }) => fileName === 'index.html')
        if (page?.type !== 'asset') throw new Error('the build produced no index.html')
        let html = String(page.source)
        for (const file of files) {
          if (file === page) continue
          if (file.fileName === NOTICES && file.type === 'asset') {
            const notices = String(file.source).replaceAll('--', '- -')
            html = html.replace('<html', () => `<!--\n${notices}\n-->\n<html`)
            delete bundle[file.fileName]
            continue
          }
          const isScript = file.type === 'chunk'
          const text = isScript ? file.code : String(file.source)
          const tag = isScript
            ? new RegExp(`<script[^>]*${file.fileName}[^>]*></script>`)
            : new RegExp(`<link[^>]*${file.fileName}[^>]*>`)
          html = html.replace(tag, () => (isScript ? '' : `<style>${text}</style>`))
          if (isScript)
            html = html.replace(
              '</body>',
              () => `<script type="module">${text.replaceAll('</script', '<\\/script')}</script></body>`,
            )
          delete bundle[file.fileName]
        }
        if (!html.includes('MIT License')) throw new Error('the build produced no license notices')
        page.source = html
      },
    },
  }
}
