import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defaultClientConditions, defineConfig, type Plugin } from 'vite'

/** Writes a brotli and a gzip copy beside each text file; the worker sends them to browsers that accept them. */
const precompress: Plugin = {
  name: 'precompress',
  // Vite writes what an import needs into the code at the very end.
  enforce: 'post',
  generateBundle: {
    order: 'post',
    handler(_options, bundle) {
      for (const output of Object.values(bundle)) {
        if (!/\.(js|css|svg)$/.test(output.fileName)) continue
        const source = output.type === 'chunk' ? output.code : output.source
        const brotli = brotliCompressSync(source)
        const gzip = gzipSync(source, { level: 9 })
        this.emitFile({ type: 'asset', fileName: `${output.fileName}.br`, source: brotli })
        this.emitFile({ type: 'asset', fileName: `${output.fileName}.gz`, source: gzip })
      }
    },
  },
}

/** The page: `src/web` becomes `dist/web`, which the worker serves from source and from dist alike. */
export default defineConfig({
  root: 'src/web',
  // The worker may be mounted under a path.
  base: './',
  plugins: [precompress],
  // The client package is bundled from its sources.
  resolve: { conditions: ['telestore-source', ...defaultClientConditions] },
  // Otherwise each element carries the line of its source.
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact', development: false } },
  build: {
    outDir: '../../dist/web',
    // A worker that runs goes on with the scripts it has begun with; `npm run build` clears dist.
    emptyOutDir: false,
    // The policy allows no inline script and no picture but the worker's own.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
    // Packing takes most of the time, and is meant to.
    rolldownOptions: {
      checks: { pluginTimings: false },
      // The page of a share is a page of its own, at `/s/…`: what it loads lies one folder above.
      input: ['src/web/index.html', 'src/web/s/share.html'],
    },
  },
})
