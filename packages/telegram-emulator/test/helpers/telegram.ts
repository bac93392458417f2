import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, onTestFinished } from 'vitest'
import {
  type Emulator,
  type EmulatorOptions,
  makeRsaKey,
  startTelegram as startEmulator,
} from '../../src/emulator.ts'

let key: string | undefined

/** One key for every Telegram of a test process: making it takes longer than most tests. */
export function makeSharedKey(): string {
  key ??= makeRsaKey()
  return key
}

/** Starts a Telegram on free ports and in a new folder; both go when the test ends. */
export async function startTelegram(options: Partial<EmulatorOptions> = {}): Promise<Emulator> {
  const { telegram, stop } = await open(options)
  onTestFinished(stop)
  return telegram
}

/** Does the same for all tests of a file; call it at the file's top level. */
export async function startSharedTelegram(
  options: Partial<EmulatorOptions> = {},
): Promise<Emulator> {
  const { telegram, stop } = await open(options)
  afterAll(stop)
  return telegram
}

async function open(
  options: Partial<EmulatorOptions>,
): Promise<{ telegram: Emulator; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'telegram-'))
  const telegram = await startEmulator({
    makeKey: makeSharedKey,
    ...options,
    // Tests of stock clients that break the letter of the rules say so (`FOR_GRAMJS`).
    settings: { strictSessions: true, ...options.settings },
    dataDir,
  })
  const stop = async (): Promise<void> => {
    await telegram.close()
    await rm(dataDir, { recursive: true, force: true })
  }
  return { telegram, stop }
}
