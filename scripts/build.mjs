// `npm run build`: the packages, the worker and the page become `dist` folders, the native module is
// compiled where a C compiler is, and the command
// `telestore-worker` of this checkout points at what was built.
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { inputsDigest, keepInputs } from './inputs.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
// Before anything is read: what changes meanwhile is built the next time.
const inputs = inputsDigest()

function compile(folder, ...options) {
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const tsc = ['node_modules/typescript/bin/tsc', '-p', `${folder}/tsconfig.build.json`, ...options]
  execFileSync(process.execPath, tsc, { stdio: 'inherit' })
}

for (const folder of ['native', 'packages/client', 'packages/telegram-emulator']) compile(folder)

compile('.', '--emitDeclarationOnly')
// Its code is the sources with spaces in place of types, so that a stack trace has their lines and
// columns: source maps would take 3 MB of a worker that is idle.
for (const path of globSync('**/*.ts', { cwd: 'src', exclude: ['web/**'] })) {
  const code = stripTypeScriptTypes(readFileSync(`src/${path}`, 'utf8'))
  const linked = code.replace(/((?:from|import) |import\()'(\.[^']+)\.ts'/g, "$1'$2.js'")
  writeFileSync(`dist/${path.replace(/\.ts$/, '.js')}`, linked)
}

execFileSync('npm', ['run', '--silent', 'native'], { stdio: 'inherit' })

const command = 'node_modules/.bin/telestore-worker'
chmodSync('dist/cli/main.js', 0o755)
rmSync(command, { force: true })
symlinkSync('../../dist/cli/main.js', command)

execFileSync('npm', ['run', '--silent', 'page'], { stdio: 'inherit' })

keepInputs(inputs)
