import { defineConfig } from 'vite'

/** The dashboard as static files in dist/, which the admin port serves. Nothing in them is inline, and nothing is elsewhere. */
export default defineConfig({
  build: {
    target: ['chrome123', 'firefox121', 'safari17.5'],
    outDir: 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  oxc: { jsx: { importSource: 'preact' } },
})
