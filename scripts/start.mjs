// `npm start`: builds, where something has changed since the last time, and runs what was built.
// Sources would run as they are, but the compiler that takes their types away costs each start a
// third of a second and 25 MB.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { isBuilt } from './inputs.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

if (!isBuilt()) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })

await import('../dist/server.js')
