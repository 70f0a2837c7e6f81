import { defineConfig } from 'vite'

/** The dashboard as static files in dist/, which the admin port serves. Nothing in them is inline, and nothing is elsewhere. */
export default defineConfig({
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licences of what is bundled ask that their notices go with it.
    license: { fileName: 'THIRD-PARTY-NOTICES.md' },
  },
  // While working on it: what it shows is that of a gateway that runs.
  server: { proxy: { '/api': 'http://127.0.0.1:8081' } },
  oxc: { jsx: { importSource: 'preact' } },
})
