import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const COMPILE = fileURLToPath(new URL('../native/src/compile.ts', import.meta.url))

/** Compiles the native module once before the suite, as `npm start` does. */
export function setup(): void {
  execFileSync(process.execPath, [COMPILE], { stdio: 'inherit' })
}
