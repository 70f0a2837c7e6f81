import { defineConfig } from 'vite'

/**
 * Builds the dashboard as static files in dist/, which the admin port serves. The page has no
 * inline scripts and loads nothing from other origins.
 */
export default defineConfig({
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The licenses of the bundled packages require that their notices are included.
    license: { fileName: 'THIRD-PARTY-NOTICES.md' },
  },
  // The development server proxies API requests to a local gateway.
  server: { proxy: { '/api': 'http://127.0.0.1:8081' } },
  oxc: { jsx: { importSource: 'preact' } },
})
