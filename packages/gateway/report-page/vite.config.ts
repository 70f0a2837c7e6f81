import { defineConfig, type Plugin } from 'vite'

const NOTICES = 'THIRD-PARTY-NOTICES.md'

/** The page of a replay's report: one file in dist/, which asks for nothing else. `sluice replay --html` puts the report into it. */
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
  plugins: [inOneFile()],
})

/** Puts the script, the styles and the licence notices of what is bundled into the page. */
function inOneFile(): Plugin {
  return {
    name: 'in-one-file',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_options, bundle) {
        const files = Object.values(bundle)
        const page = files.find(({ fileName }) => fileName === 'index.html')
        if (page?.type !== 'asset') throw new Error('there is no page')
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
          // The script comes at the end: as it stands in the page, it does not wait for the rest of it.
          html = html.replace(tag, () => (isScript ? '' : `<style>${text}</style>`))
          if (isScript)
            html = html.replace(
              '</body>',
              () => `<script type="module">${text.replaceAll('</script', '<\\/script')}</script></body>`,
            )
          delete bundle[file.fileName]
        }
        if (!html.includes('MIT License')) throw new Error('there are no licence notices for the page')
        page.source = html
      },
    },
  }
}
