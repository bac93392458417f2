import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const path = (name: string): string => fileURLToPath(new URL(`../../../${name}`, import.meta.url))

/** The benches' Telethon: one version, installed once. */
const FOLDER = path('node_modules/.cache/telestore-bench/telethon')
const REQUIREMENTS = path('bench/peers/telethon/requirements.txt')

export type Telethon = { python: string } | { missing: string }

/** A Python that has Telethon, made where there is none yet; or why it cannot be had here, which is printed. */
export async function findTelethon(): Promise<Telethon> {
  const python = `${FOLDER}/bin/python`
  try {
    await access(python).catch(() => run('python3', ['-m', 'venv', FOLDER]))
    await run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', REQUIREMENTS])
    return { python }
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).trim().split('\n')
    const missing = `Telethon cannot be had here: ${reason}`
    process.stderr.write(`${missing}\n`)
    return { missing }
  }
}
