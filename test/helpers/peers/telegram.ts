import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Emulator,
  type EmulatorOptions,
  makeRsaKey,
  startTelegram as startEmulator,
} from 'telegram-emulator'
import { afterAll, onTestFinished } from 'vitest'
import { registerAccount } from '../../secrets/register.ts'

let key: string | undefined

/** One key for every Telegram of a test process: making it takes longer than most tests. */
export function makeSharedKey(): string {
  key ??= makeRsaKey()
  return key
}

export type TelegramOptions = Partial<EmulatorOptions>

/** A Telegram of the test's own, on free ports and in a new folder; gone when the test ends. */
export async function startTelegram(options: TelegramOptions = {}): Promise<Emulator> {
  const { telegram, stop } = await open(options)
  onTestFinished(stop)
  return telegram
}

/** The same for all tests of a file; call it at the file's top level. */
export async function startSharedTelegram(options: TelegramOptions = {}): Promise<Emulator> {
  const { telegram, stop } = await open(options)
  afterAll(stop)
  return telegram
}

async function open(
  options: TelegramOptions,
): Promise<{ telegram: Emulator; stop: () => Promise<void> }> {
  const folder = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'telegram-')))
  const telegram = await startEmulator({
    makeKey: makeSharedKey,
    ...options,
    // The worker keeps to the letter; tests of stock clients say that they do not.
    settings: { strictSessions: true, ...options.settings },
    dataDir: folder,
  })
  const { createAccount } = telegram
  telegram.createAccount = (options) => registerAccount(createAccount(options))
  registerAccount(telegram.account)
  const stop = async (): Promise<void> => {
    await telegram.close()
    // A folder that the test brought along is the test's to remove.
    if (options.dataDir === undefined) await rm(folder, { recursive: true, force: true })
  }
  return { telegram, stop }
}
