import { defineConfig } from 'vite'

/** The page: `src/web` becomes `dist/web`, which the worker serves from source and from dist alike. */
export default defineConfig({
  root: 'src/web',
  // The worker may be mounted under a path.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/web',
    // A worker that runs goes on with the scripts it has begun with; `npm run build` clears dist.
    emptyOutDir: false,
    // The policy allows no inline script and no picture but the worker's own.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
  },
})
