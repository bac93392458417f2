import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

const RUNS = 'node_modules/.cache/telestore-build/runs'
/** What a worker reads after its start too, by where it lies and where Node looks for it from `dist`. */
const COPIES = {
  'package.json': 'package.json',
  dist: 'dist',
  native: 'node_modules/aes-ige-native',
  'packages/telegram-emulator': 'node_modules/telegram-emulator',
}
/** One that runs, one that takes over from it, and one to spare. */
const KEPT = 3

/**
 * Returns a folder with a copy of what was built from these inputs. A worker runs from it, because the
 * next build clears `dist` while that worker still reads the scripts of its page, and modules that it
 * loads at their first use. Copies of the oldest builds go. Where nothing can be written, it is `root`.
 */
export function runFolder(inputs, root = '.') {
  const runs = join(root, RUNS)
  const folder = join(runs, inputs.slice(0, 16))
  try {
    if (!existsSync(folder)) copyTo(folder, root)
    utimesSync(folder, new Date(), new Date())
    for (const old of byAge(runs).slice(KEPT)) rmSync(old, { recursive: true, force: true })
    return folder
  } catch {
    return root
  }
}

/** Under another name until it is whole, because two workers may start at once. */
function copyTo(folder, root) {
  const draft = `${folder}.${process.pid}`
  try {
    for (const [from, to] of Object.entries(COPIES)) {
      mkdirSync(dirname(join(draft, to)), { recursive: true })
      cpSync(join(root, from), join(draft, to), { recursive: true, filter: isNeeded })
    }
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    if (!existsSync(folder)) throw error
  }
}

function isNeeded(path) {
  return !/(^|[\\/])(test|node_modules)$/.test(path)
}

/** The folders in use last come first. */
function byAge(runs) {
  const times = readdirSync(runs).map((name) => {
    const path = join(runs, name)
    return { path, used: statSync(path).mtimeMs }
  })
  return times.sort((a, b) => b.used - a.used).map(({ path }) => path)
}
