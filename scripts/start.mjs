// `npm start`: builds, where something has changed since the last time, and runs a copy of what was
// built, which a later build leaves alone.
// Sources would run as they are, but the compiler that takes their types away costs each start a
// third of a second and 25 MB.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { builtInputs, isBuilt } from './inputs.mjs'
import { runFolder } from './run-folder.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

if (!isBuilt()) execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })

await import(`../${runFolder(builtInputs())}/dist/server.js`)
