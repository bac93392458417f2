import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

// What `npm run build` reads, and what it had read when it last ended well. Paths are of the root.
const PACKAGES = ['.', 'native', 'packages/client', 'packages/telegram-emulator']
const SETTINGS = ['package.json', 'tsconfig.build.json']
const OTHERS = ['package-lock.json', 'tsconfig.json', 'vite.config.ts', 'scripts/build.mjs']
const OUTPUTS = ['dist/server.js', 'dist/web/index.html']
const KEPT = 'node_modules/.cache/telestore-build/inputs'

/** Names, sizes and times of all inputs, as a digest: read in milliseconds, and enough to see a change. */
export function inputsDigest() {
  const digest = createHash('sha256')
  for (const path of [...PACKAGES.flatMap(inputsOf), ...OTHERS]) {
    // The package may be built without the lock file.
    const found = statSync(path, { throwIfNoEntry: false })
    digest.update(`${path} ${found?.size} ${found?.mtimeMs}\n`)
  }
  return digest.digest('hex')
}

function inputsOf(folder) {
  const sources = readdirSync(`${folder}/src`, { recursive: true }).sort()
  return [...sources.map((path) => `src/${path}`), ...SETTINGS].map((path) => `${folder}/${path}`)
}

export function keepInputs(digest) {
  mkdirSync(dirname(KEPT), { recursive: true })
  writeFileSync(KEPT, digest)
}

/** The digest of the inputs of what is built. */
export function builtInputs() {
  return readFileSync(KEPT, 'utf8')
}

export function isBuilt() {
  if (![KEPT, ...OUTPUTS].every((path) => existsSync(path))) return false
  return builtInputs() === inputsDigest()
}
