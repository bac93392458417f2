import type { Emulator } from 'telegram-emulator'
import { expect } from 'vitest'
import type { VerifyMode } from '../../src/core/model/verification.ts'
import type { Credentials } from '../../src/core/ports/credentials.ts'
import type { Verification } from '../../src/core/ports/telegram.ts'
import { createVerification } from '../../src/core/transfers/verification.ts'
import { KiB, MiB } from '../../src/lib/units.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import {
  botOf,
  createFile,
  createJournal,
  createRequest,
  expectedHash,
  type GatewayOptions,
  startGateway,
  userOf,
} from './mtproto/setup.ts'

const PART = 512 * KiB
export const BIG = 11 * MiB + 12_345

/** Flips one byte somewhere in each of so many files, and expects all of them to be whole in the end. */
export async function findFlippedBytes(rounds: number): Promise<void> {
  const { telegram, post, messages } = await startVerifying()

  for (let round = 0; round < rounds; round++) {
    const part = Math.floor(Math.random() * Math.ceil(BIG / PART))
    const at = Math.floor(Math.random() * PART)
    flip(telegram, 'upload.saveBigFilePart', { at, after: part })
    await post('full')
    telegram.faults.clear()
  }

  const digests = (await messages()).map(({ sha256 }) => sha256)
  expect(digests).toEqual(Array.from({ length: rounds }, () => expectedHash({ size: BIG })))
  expect(telegram.counters.read().methods['messages.uploadMedia']?.calls).toBe(2 * rounds)
}

export interface StartOptions {
  size?: number
  /** Whether a bot is there, which takes the Bot API. */
  byBot?: boolean
  credentialsOf?: (credentials: Credentials) => Credentials
  gateway?: GatewayOptions
}

/** A Telegram, and an account that posts files of one size to it and reads them back. */
export async function startVerifying({ size = BIG, byBot = false, ...options }: StartOptions = {}) {
  const { credentialsOf = (credentials: Credentials) => credentials } = options
  const telegram = await startTelegram()
  const { account } = telegram
  const { gateway } = startGateway(telegram, options.gateway)
  const user = userOf(account)
  const credentials = credentialsOf(byBot ? { ...user, botToken: botOf(account).botToken } : user)
  const last: { request?: ReturnType<typeof createRequest> } = {}

  return {
    telegram,
    messages: () => telegram.messages(account.channelId),
    /** The last one. */
    request: () => {
      if (!last.request) throw new Error('nothing was posted')
      return last.request
    },
    post: (verify: VerifyMode | Verification, journal = createJournal()) => {
      const verification = typeof verify === 'string' ? verificationOf(verify, size) : verify
      last.request = createRequest(credentials, createFile(size), { journal, verification })
      return gateway.finish(last.request)
    },
  }
}

export function verificationOf(mode: VerifyMode, size = BIG): Verification {
  return createVerification({ uploadId: 'a', size }, mode, createRecordingLog())
}

/** Damages one call, or so many, after those that pass. */
export function flip(
  telegram: Emulator,
  method: string,
  { at = 0, after = 0, times = 1 }: { at?: number; after?: number; times?: number },
): void {
  telegram.faults.add({ method, effect: { kind: 'flip-byte', at }, after, times })
}
