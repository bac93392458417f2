import { defineConfig } from 'vite'

/** The page: `src/web` becomes `dist/web`, which the worker serves from source and from dist alike. */
export default defineConfig({
  root: 'src/web',
  // The worker may be mounted under a path.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    // The policy allows no inline script and no picture but the worker's own.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
  },
})
