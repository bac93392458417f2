#!/usr/bin/env node
/** The command line as a process. Imports everything else after it has checked the version of Node. */

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < 20 || (major === 20 && minor < 3)) {
  process.stderr.write(
    `telestore-worker needs Node 20.3 or newer, and this is ${process.versions.node}.\n` +
      'In a clone, run `npm ci && npm run build` once: `npx telestore-worker …` then uses Node 24.\n',
  )
  process.exitCode = 1
} else {
  const { runAsProcess } = await import('./process.ts')
  process.exitCode = await runAsProcess(process.argv.slice(2))
}
