// `npm run build`: the packages, the worker and the page become `dist` folders, the native module is
// compiled where a C compiler is, and the command
// `telestore-worker` of this checkout points at what was built.
import { execFileSync } from 'node:child_process'
import { chmodSync, rmSync, symlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

for (const folder of ['native', 'packages/client', 'packages/telegram-emulator', '.']) {
  rmSync(`${folder}/dist`, { recursive: true, force: true })
  const tsc = 'node_modules/typescript/bin/tsc'
  execFileSync(process.execPath, [tsc, '-p', `${folder}/tsconfig.build.json`], { stdio: 'inherit' })
}

execFileSync('npm', ['run', '--silent', 'native'], { stdio: 'inherit' })

const command = 'node_modules/.bin/telestore-worker'
chmodSync('dist/cli/main.js', 0o755)
rmSync(command, { force: true })
symlinkSync('../../dist/cli/main.js', command)

execFileSync('npm', ['run', '--silent', 'page'], { stdio: 'inherit' })
